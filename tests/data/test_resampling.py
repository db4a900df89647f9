import sys

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from dawn_tf.data import load, resampling
from dawn_tf.data.errors import DataError
from dawn_tf.data.generators import GENERATORS
from dawn_tf.data.pipeline import DataSplits
from dawn_tf.data.records import Records
from dawn_tf.data.resampling import METHODS, resample

SIZES = np.array([40, 16, 8])


def rows(sizes=SIZES, seed=0):
    """Three overlapping clouds; the second column has a thousandfold scale."""
    rng = np.random.default_rng(seed)

    def part(name, sizes):
        y = np.repeat(np.arange(len(sizes)), sizes).astype("int32")
        x = (rng.normal(size=(len(y), 3)) + 1.5 * y[:, None]).astype("float32") * [1, 1000, 1]
        ids = np.array([f"{name}_{i}" for i in range(len(y))])
        return Records(x.astype("float32"), y, ids, y, ["a", "b", "c"], "classification")

    parts = {"train": part("t", sizes), "val": part("v", [9, 4, 2]), "test": part("e", [9, 4, 2])}
    return DataSplits("r", "classification", "p", ["a", "b", "c"], np.array(sizes), parts, [])


@pytest.mark.parametrize("method", [m for m in METHODS if m not in GENERATORS])
def test_validation_and_test_part_stay_as_they_are(method):
    data = rows()
    before = {part: (r.x.copy(), r.y.copy(), r.ids.copy()) for part, r in data.parts.items()}
    resampled = resample(data, method)
    for part in ("val", "test"):
        assert resampled.parts[part] is data.parts[part]
    for part, (x, y, ids) in before.items():  # Nothing was changed in place either.
        np.testing.assert_array_equal(data.parts[part].x, x)
        np.testing.assert_array_equal(data.parts[part].y, y)
        np.testing.assert_array_equal(data.parts[part].ids, ids)
    train = resampled.parts["train"]
    np.testing.assert_array_equal(np.bincount(train.y, minlength=3), resampled.class_counts)
    np.testing.assert_array_equal(train.y, train.sampling_labels)
    held_out = np.concatenate([data.parts["val"].x, data.parts["test"].x])
    assert not (train.x[:, None] == held_out[None]).all(-1).any()


@pytest.mark.parametrize(
    "method, counts",
    [
        ("none", [40, 16, 8]),
        ("random_over", [40, 40, 40]),
        ("random_under", [8, 8, 8]),
        ("smote", [40, 40, 40]),
    ],
)
def test_class_counts_are_those_of_the_result(method, counts):
    assert resample(rows(), method).class_counts.tolist() == counts


@pytest.mark.parametrize("method", ["random_over", "random_under", "tomek", "enn"])
def test_what_picks_examples_makes_none(method):
    data = rows()
    train, picked = data.parts["train"], resample(data, method).parts["train"]
    place = {name: i for i, name in enumerate(train.ids)}
    origin = [place[name] for name in picked.ids]
    np.testing.assert_array_equal(picked.x, train.x[origin])
    np.testing.assert_array_equal(picked.y, train.y[origin])


@pytest.mark.parametrize("method", ["smote", "borderline_smote", "adasyn"])
def test_a_made_example_lies_between_two_of_its_class(method):
    data = rows()
    train, resampled = data.parts["train"], resample(data, method).parts["train"]
    np.testing.assert_array_equal(resampled.x[: len(train)], train.x)
    np.testing.assert_array_equal(resampled.ids[: len(train)], train.ids)
    scaler = StandardScaler().fit(train.x)
    made, y = scaler.transform(resampled.x[len(train) :]), resampled.y[len(train) :]
    assert len(made) > 20 and set(y) == {1, 2}
    for x, c in zip(made, y, strict=True):
        own = scaler.transform(train.x[train.y == c])
        start, end = own[:, None], own[None]
        # Distance from x to each segment between two examples of the class.
        length = np.square(end - start).sum(-1)
        t = ((x - start) * (end - start)).sum(-1) / np.where(length, length, 1)
        nearest = start + t.clip(0, 1)[..., None] * (end - start)
        assert np.linalg.norm(nearest - x, axis=-1).min() < 1e-4


def test_neighbours_are_those_of_standardised_columns():
    """A made row's ends are among each other's five nearest, whatever the unit of a column."""
    data = rows()
    made = resample(data, "smote", seed=3).parts["train"].x[64:]
    rescaled = rows()
    for part in rescaled.parts.values():
        part.x[:] *= np.array([1000, 1, 0.01], "float32")
    again = resample(rescaled, "smote", seed=3).parts["train"].x[64:]
    np.testing.assert_allclose(again / [1000, 1, 0.01], made, rtol=1e-3, atol=1e-3)


def test_tomek_links_by_hand():
    """Of each pair of mutually nearest rows of two classes, the one of the larger class goes."""
    data = rows()
    train = data.parts["train"]
    x = StandardScaler().fit_transform(train.x)
    nearest = NearestNeighbors(n_neighbors=2).fit(x).kneighbors(x)[1][:, 1]
    i = np.arange(len(x))
    linked = (nearest[nearest] == i) & (train.y != train.y[nearest]) & (train.y != 2)
    assert linked.any()
    np.testing.assert_array_equal(resample(data, "tomek").parts["train"].ids, train.ids[~linked])


def test_edited_nearest_neighbours_by_hand():
    data = rows()
    train = data.parts["train"]
    x = StandardScaler().fit_transform(train.x)
    neighbours = NearestNeighbors(n_neighbors=4).fit(x).kneighbors(x)[1][:, 1:]
    kept = (train.y[neighbours] == train.y[:, None]).all(1) | (train.y == 2)
    assert 10 < kept.sum() < len(kept)
    np.testing.assert_array_equal(resample(data, "enn").parts["train"].ids, train.ids[kept])


@pytest.mark.parametrize("method", ["random_over", "random_under", "smote", "adasyn"])
def test_the_seed_decides(method):
    first, same, other = (resample(rows(), method, seed).parts["train"].x for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert first.shape != other.shape or (first != other).any()


def test_images_are_resampled_by_their_pixels():
    data = load("digits")
    train = resample(data, "smote").parts["train"]
    largest = data.class_counts.max()
    assert train.x.shape == (10 * largest, 8, 8, 1) and train.x.dtype == np.uint8
    assert np.bincount(train.y).tolist() == [largest] * 10
    # A made 9 looks like a 9: it is nearer to the mean 9 than to any other class's mean.
    real = data.parts["train"]
    means = np.stack([real.x[real.y == c].mean(0) for c in range(10)])
    made = train.x[len(real) :][train.y[len(real) :] == 9]
    distances = np.square(made[:, None] - means[None]).sum((2, 3, 4))
    assert (distances.argmin(1) == 9).mean() > 0.9


def test_images_beyond_the_bound_are_refused_before_they_are_decoded(monkeypatch):
    data = load("digits")
    monkeypatch.setattr(resampling, "MAX_BYTES", 10_000)
    with pytest.raises(DataError, match="Choose smaller images"):
        resample(data, "smote")
    # Indices take no room.
    assert resample(data, "random_under").class_counts.tolist() == [data.class_counts.min()] * 10


def test_what_cannot_be_resampled_says_so():
    with pytest.raises(DataError, match="Choose random_over"):
        resample(rows([40, 16, 1]), "smote")
    far = rows()
    x = far.parts["train"].x
    x += 1e6 * far.parts["train"].y[:, None]
    with pytest.raises(DataError, match="Choose another method"):
        resample(far, "adasyn")


def test_masks_are_refused():
    data = rows()
    masks = DataSplits(
        "m", "segmentation", "p", data.class_names, data.class_counts, data.parts, []
    )
    with pytest.raises(DataError, match="Expected one class per example"):
        resample(masks, "smote")


def test_without_imbalanced_learn_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    with pytest.raises(DataError, match="pip install"):
        resample(rows(), "smote")
