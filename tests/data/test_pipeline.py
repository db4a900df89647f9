import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.data import pipeline
from dawn_tf.data.augmentation import Augmenter
from dawn_tf.data.copy_paste import CopyPaste
from dawn_tf.data.mixing import BalancedMixUp, CutMix, MixUp
from dawn_tf.data.pipeline import DataSplits, evaluation_batches, training_batches
from dawn_tf.data.records import Records
from dawn_tf.data.sampling import ClassAwareSampler

RNG = np.random.default_rng(0)
N = 30
LABELS = np.repeat([0, 1], [25, 5]).astype("int32")
IMAGES = Records(
    x=RNG.integers(0, 256, (N, 6, 8, 3)).astype("uint8"),
    y=LABELS,
    ids=np.arange(N),
    sampling_labels=LABELS,
    class_names=["a", "b"],
    task="classification",
)
MASKS = RNG.integers(0, 2, (N, 6, 8)).astype("uint8")
PARTS = {
    "classification": IMAGES,
    "segmentation": dataclasses.replace(IMAGES, y=MASKS, task="segmentation"),
    "both": dataclasses.replace(IMAGES, y={"mask": MASKS, "label": LABELS}, task="both"),
    "rows": dataclasses.replace(IMAGES, x=RNG.normal(size=(N, 4)).astype("float32")),
}
each_kind = pytest.mark.parametrize("kind", PARTS)


def batches(kind, count, start_step=0, augment=True, mixing=None, **sampler):
    records = PARTS[kind]
    augmenter = Augmenter([25, 5], seed=4) if augment and kind != "rows" else None
    sampler = ClassAwareSampler(records.sampling_labels, "balanced", seed=2, **sampler)
    data = training_batches(records, sampler, 4, augmenter, start_step, mixing)
    return [tf.nest.map_structure(np.asarray, batch) for batch in data.take(count)]


def assert_equal(left, right):
    tf.nest.map_structure(np.testing.assert_array_equal, left, right)


@each_kind
def test_batches_have_static_shapes_and_types(kind):
    records = PARTS[kind]
    sampler = ClassAwareSampler(records.sampling_labels)
    augmenter = None if kind == "rows" else Augmenter([25, 5])
    x, y = training_batches(records, sampler, 4, augmenter).element_spec
    assert x.shape == (4, *records.x.shape[1:]) and x.dtype == "float32"
    for spec, part in zip(tf.nest.flatten(y), tf.nest.flatten(records.y), strict=True):
        assert spec.shape == (4, *part.shape[1:]) and spec.dtype == "int32"


@each_kind
def test_resumes_at_any_batch(kind):
    assert_equal(batches(kind, 4, start_step=13), batches(kind, 17)[13:])


@each_kind
def test_without_augmenter_batches_are_the_sampled_examples(kind):
    records = PARTS[kind]
    sampler = ClassAwareSampler(records.sampling_labels, "balanced", seed=2)
    indices = np.array(list(sampler.dataset().take(40).as_numpy_iterator())).reshape(10, 4)
    for (x, y), chosen in zip(batches(kind, 10, augment=False), indices, strict=True):
        np.testing.assert_array_equal(x, records.x[chosen])
        assert_equal(y, tf.nest.map_structure(lambda part, i=chosen: part[i], records.y))


def test_an_example_looks_different_each_time_it_is_drawn():
    images = np.concatenate([x for x, _ in batches("classification", 30)])
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) > 0.9 * len(images)


def test_replicas_see_what_one_reader_would():
    (whole, _), *rest = batches("classification", 2)
    whole = np.concatenate([whole, rest[0][0]])
    own = [batches("classification", 1, replica=k, num_replicas=2)[0][0] for k in range(2)]
    np.testing.assert_array_equal(np.stack(own, axis=1).reshape(whole.shape), whole)


def test_image_and_mask_get_the_same_flip():
    ramp = np.broadcast_to(np.arange(8, dtype="uint8"), (N, 6, 8))
    records = dataclasses.replace(PARTS["segmentation"], x=ramp[..., None], y=ramp)
    augmenter = Augmenter([25, 5], jitter=0, p_head=0.5, p_tail=0.5)
    data = training_batches(records, ClassAwareSampler(LABELS), 10, augmenter)
    for x, y in data.take(3):
        # Nearest is half a pixel off, and values are rounded.
        assert np.abs(x[..., 0] - tf.cast(y, tf.float32)).max() <= 1


@each_kind
def test_large_arrays_give_the_same_batches(kind, monkeypatch):
    small = batches(kind, 3, augment=False)
    monkeypatch.setattr(pipeline, "MAX_TENSOR_BYTES", 0)
    assert_equal(batches(kind, 3, augment=False), small)


def make_mixing(kind, seed=0, **replica):
    sampler = ClassAwareSampler(LABELS, "balanced", seed=7, **replica)
    return {
        "MixUp": lambda: MixUp(2, seed=seed),
        "CutMix": lambda: CutMix({"mask": 2, "label": 2}, seed=seed),
        "BalancedMixUp": lambda: BalancedMixUp(sampler, 2, seed=seed),
        "CopyPaste": lambda: CopyPaste(sampler, [30, 10], seed=seed),
    }[kind]()


@pytest.mark.parametrize(
    "name, kind",
    [
        ("MixUp", "rows"),
        ("CutMix", "both"),
        ("BalancedMixUp", "classification"),
        ("CopyPaste", "segmentation"),
    ],
)
def test_mixed_batches_resume_at_any_batch(name, kind):
    whole = batches(kind, 6, mixing=make_mixing(name))
    assert_equal(batches(kind, 2, start_step=4, mixing=make_mixing(name)), whole[4:])
    other = batches(kind, 6, mixing=make_mixing(name, seed=1))
    assert any(np.any(a[0] != b[0]) for a, b in zip(whole, other, strict=True))


def test_mixed_labels_are_distributions_and_masks_stay_integers():
    (x, y), *_ = batches("both", 1, mixing=make_mixing("CutMix"))
    assert (x.dtype, y["mask"].dtype, y["label"].dtype) == ("float32", "int32", "float32")
    np.testing.assert_allclose(y["label"].sum(-1), 1, rtol=1e-6)


def test_mixup_mixes_with_the_next_example_of_the_batch():
    ((plain, labels),) = batches("rows", 1)
    ((mixed, shares),) = batches("rows", 1, mixing=make_mixing("MixUp"))
    _, next_labels = plain, np.roll(labels, -1)
    own = MixUp(2)(plain, labels, np.roll(plain, -1, 0), next_labels, tf.range(4, dtype=tf.int64))
    np.testing.assert_allclose(mixed, own[0], rtol=1e-6)
    np.testing.assert_allclose(shares, own[1], rtol=1e-6)


def test_balanced_mixup_draws_its_partners_from_its_own_sampler():
    mixing = make_mixing("BalancedMixUp")
    ((plain, labels),) = batches("rows", 1)
    ((mixed, shares),) = batches("rows", 1, mixing=mixing)
    partners = next(iter(mixing.sampler.batches(4))).numpy()
    x = PARTS["rows"].x[partners]
    own = mixing(plain, labels, x, LABELS[partners], tf.range(4, dtype=tf.int64))
    np.testing.assert_allclose(mixed, own[0], rtol=1e-6)
    np.testing.assert_allclose(shares, own[1], rtol=1e-6)


def test_samplers_of_two_replicas_are_refused():
    mixing = make_mixing("BalancedMixUp", replica=1, num_replicas=2)
    with pytest.raises(ValueError, match=r"\(0, 1\) and \(1, 2\). Give both the same"):
        batches("rows", 1, mixing=mixing)


@each_kind
def test_evaluation_gives_each_example_once_in_order(kind):
    records = PARTS[kind]
    data = evaluation_batches(records, 8)
    assert len(data) == 4
    x, y = zip(*data, strict=True)
    np.testing.assert_array_equal(np.concatenate(x), records.x)
    if kind != "both":
        np.testing.assert_array_equal(np.concatenate(y), records.y)


def test_splits_give_unbatched_examples():
    parts = {"train": IMAGES, "val": IMAGES.subset([3, 1]), "test": IMAGES.subset([2])}
    splits = DataSplits("x", "classification", "p", ["a", "b"], np.array([25, 5]), parts, [])
    assert (splits.num_classes, splits.input_shape) == (2, (6, 8, 3))
    assert splits.ignore_class is None and splits.feature_names is None
    assert (len(splits.train), len(splits.val), len(splits.test)) == (30, 2, 1)
    x, y = next(iter(splits.val))
    assert (x.dtype, y.dtype, y.shape) == ("float32", "int32", ())
    np.testing.assert_array_equal(x, IMAGES.x[3])
