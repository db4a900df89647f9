import pathlib
import shutil
import socket
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow_datasets as tfds

from dawn_tf.data import ClassAwareSampler, DataError, load, training_batches
from dawn_tf.data.request import Request
from dawn_tf.data.sources import tfds as source
from dawn_tf.data.tfds.features import find_keys

DUMMY = pathlib.Path(__file__).parents[1] / "builders" / "dummy_data"
CLASSES = ["common", "rare"]
IMAGE = tfds.features.Image(shape=(None, None, 3))


@pytest.fixture(autouse=True, scope="module")
def quiet():
    tfds.disable_progress_bar()
    yield
    tfds.enable_progress_bar()


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("The network was used.")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def store(folder, features, splits, file_format="array_record", num_shards=None, name="toy"):
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={split: list(enumerate(rows)) for split, rows in splits.items()},
        data_dir=folder,
        file_format=file_format,
        download_config=tfds.download.DownloadConfig(num_shards=num_shards),
    )


def photos(n, seed=0):
    """`n` images of random sizes and pixels; every fifth is of the rare class."""
    rng = np.random.default_rng(seed)
    return [
        {
            "image": rng.integers(0, 256, (*rng.integers(6, 12, 2), 3), "uint8"),
            "label": CLASSES[i % 5 == 0],
        }
        for i in range(n)
    ]


LABELLED = {"image": IMAGE, "label": tfds.features.ClassLabel(names=CLASSES)}


@pytest.fixture(scope="module")
def sharded(tmp_path_factory):
    """The same 40 images in three shards, in both formats."""
    folder = tmp_path_factory.mktemp("sharded")
    for file_format in ("array_record", "tfrecord"):
        store(folder / file_format, LABELLED, {"train": photos(40)}, file_format, num_shards=3)
        assert len(list(folder.glob(f"{file_format}/toy/1.0.0/toy-train*"))) == 3
    return folder


def batches(data, count=4):
    sampler = ClassAwareSampler(data.parts["train"].sampling_labels, target="balanced", seed=1)
    stream = training_batches(data.parts["train"], sampler, batch_size=8).take(count)
    return list(stream.as_numpy_iterator())


def test_batches_from_shards_equal_those_from_memory(sharded):
    """Balanced batches read by number from three shards, bit for bit."""
    options = {"builder": "toy", "image_size": (8, 8)}
    lazy = load("tfds", sharded / "array_record", in_memory=False, **options)
    decoded = load("tfds", sharded / "array_record", in_memory=True, **options)
    in_order = load("tfds", sharded / "tfrecord", **options)
    assert not isinstance(lazy.parts["train"].x, np.ndarray)
    assert isinstance(decoded.parts["train"].x, np.ndarray)
    streamed = batches(lazy)
    # A fifth of the examples is of the rare class, and half of the draws.
    assert 0.35 < np.mean([y for _, y in streamed]) < 0.65
    for (x, y), (known_x, known_y) in zip(streamed, batches(decoded), strict=True):
        assert x.shape == (8, 8, 8, 3)
        np.testing.assert_array_equal(x, known_x)
        np.testing.assert_array_equal(y, known_y)
    for name, part in decoded.parts.items():
        np.testing.assert_array_equal(in_order.parts[name].x, part.x)
        np.testing.assert_array_equal(in_order.parts[name].y, part.y)


def test_images_are_those_that_were_stored(tmp_path):
    """Without resizing, every stored image comes back with its label, in one of the parts."""
    rows = [{"image": np.full((4, 5, 3), i, "uint8"), "label": i % 2} for i in range(40)]
    features = {**LABELLED, "image": tfds.features.Image(shape=(4, 5, 3), encoding_format="png")}
    store(tmp_path, features, {"train": rows})
    data = load("tfds", tmp_path, builder="toy")
    assert data.input_shape == (4, 5, 3) and data.class_names == CLASSES
    seen = []
    for part in data.parts.values():
        np.testing.assert_array_equal(part.x, np.broadcast_to(part.x[:, :1, :1, :1], part.x.shape))
        np.testing.assert_array_equal(part.x[:, 0, 0, 0] % 2, part.y)
        seen += part.x[:, 0, 0, 0].tolist()
    assert sorted(seen) == list(range(40))


@pytest.mark.parametrize(
    "splits, protocol, sizes",
    [
        ({"train": 20, "validation": 10, "test": 10}, "official", (20, 10, 10)),
        ({"train": 20, "test": 10}, "official", (17, 3, 10)),
        ({"train": 20, "validation": 10}, "official", (17, 3, 10)),
        ({"train": 40}, "official", (28, 6, 6)),
        ({"train": 20, "validation": 10, "test": 10}, "paper", (28, 6, 6)),
    ],
    ids=["all three", "no validation", "no test", "train alone", "paper"],
)
def test_parts(tmp_path, splits, protocol, sizes):
    store(tmp_path, LABELLED, {s: photos(n, i) for i, (s, n) in enumerate(splits.items())})
    data = load("tfds", tmp_path, builder="toy", protocol=protocol, image_size=(4, 4))
    assert tuple(len(data.parts[p]) for p in ("train", "val", "test")) == sizes
    ids = np.concatenate([part.ids for part in data.parts.values()])
    assert len(set(ids)) == sum(splits.values())
    if protocol == "official" and "test" in splits:
        assert all(i.startswith("test/") for i in data.parts["test"].ids)


def test_a_split_without_labels_and_one_of_another_name_are_left_out(tmp_path):
    unknown = [{**row, "label": -1} for row in photos(4)]
    splits = {"train": photos(20), "test": unknown, "extra": photos(4)}
    store(tmp_path, LABELLED, splits)
    data = load("tfds", tmp_path, builder="toy", image_size=(4, 4))
    assert sum(map(len, data.parts.values())) == 20
    assert sorted(data.notes) == [
        "Split 'extra' is not used.",
        "Split 'test' has no labels and is left out.",
    ]


def test_a_data_set_without_such_splits_is_refused(tmp_path):
    store(tmp_path, LABELLED, {"extra": photos(4)})
    with pytest.raises(DataError, match="a split named train, validation.*'toy/1.0.0' with extra"):
        load("tfds", tmp_path, builder="toy", image_size=(4, 4))


def test_groups_stay_together(tmp_path):
    rows = [{**row, "patient": f"p{i % 5}{i // 10}"} for i, row in enumerate(photos(40))]
    store(tmp_path, {**LABELLED, "patient": tfds.features.Text()}, {"train": rows})
    data = load("tfds", tmp_path, builder="toy", group_key="patient", image_size=(4, 4))
    groups = [set(part.groups) for part in data.parts.values()]
    assert len(set.union(*groups)) == sum(map(len, groups)) == 20


def scenes(values, n=20, size=(4, 6)):
    """Images whose mask has its first row in the rare value, and its last in the last value."""
    rows = []
    for i in range(n):
        mask = np.full((*size, 1), values[0], "uint8")
        mask[0] = values[1]
        mask[-1, -1] = values[-1]
        rows.append({"image": np.full((*size, 3), i, "uint8"), "segmentation_mask": mask})
    return rows


@pytest.mark.parametrize("in_memory", [True, False])
def test_masks_with_void(tmp_path, in_memory):
    """Value 0 is void: classes 1 and 2 become 0 and 1, and void becomes 2."""
    mask = tfds.features.LabeledImage(labels=["void", "road", "car"], shape=(None, None, 1))
    features = {"image": IMAGE, "segmentation_mask": mask}
    store(tmp_path, features, {"train": scenes([1, 2, 0])}, num_shards=2)
    options = {"task": "segmentation", "ignore_class": 0, "image_size": (4, 6)}
    data = load("tfds", tmp_path, builder="toy", in_memory=in_memory, **options)
    assert data.class_names == ["road", "car"] and data.ignore_class == 2
    train = data.parts["train"]
    expected = np.array([[1] * 6, [0] * 6, [0] * 6, [0] * 5 + [2]])
    np.testing.assert_array_equal(train.y[:], np.broadcast_to(expected, (14, 4, 6)))
    np.testing.assert_array_equal(data.class_counts, [14 * 17, 14 * 6])


@pytest.mark.parametrize("file_format", ["array_record", "tfrecord"])
def test_masks_without_names_have_the_values_they_hold(tmp_path, file_format):
    features = {"image": IMAGE, "segmentation_mask": tfds.features.Image(shape=(None, None, 1))}
    features["label"] = tfds.features.ClassLabel(names=CLASSES)
    rows = [{**row, "label": i % 2} for i, row in enumerate(scenes([1, 3, 7]))]
    store(tmp_path, features, {"train": rows}, file_format)
    data = load("tfds", tmp_path, builder="toy", task="both", image_size=(4, 6))
    assert data.class_names == {"mask": ["1", "3", "7"], "label": CLASSES}
    train = data.parts["train"]
    assert train.y["mask"][0].tolist() == [[1] * 6, [0] * 6, [0] * 6, [0] * 5 + [2]]
    np.testing.assert_array_equal(train.x[:, 0, 0, 0] % 2, train.y["label"])


def test_a_mask_value_that_is_no_class_is_named(tmp_path):
    mask = tfds.features.LabeledImage(labels=["road", "car"], shape=(None, None, 1))
    store(tmp_path, {"image": IMAGE, "segmentation_mask": mask}, {"train": scenes([0, 1, 9])})
    with pytest.raises(DataError, match=r"labels in 0\.\.1 \(road, car\).*255 in example 'train/"):
        load("tfds", tmp_path, builder="toy", task="segmentation", image_size=(4, 6))


def test_rows(tmp_path):
    features = {
        "features": {
            "age": np.float32,
            "visits": np.int64,
            "spectrum": tfds.features.Tensor(shape=(2,), dtype=np.float64),
        },
        "name": tfds.features.Text(),
        "label": tfds.features.ClassLabel(names=CLASSES),
    }
    rows = [
        {
            "features": {"age": i / 2, "visits": i, "spectrum": [i, -i]},
            "name": f"n{i}",
            "label": int(i % 5 == 0),
        }
        for i in range(40)
    ]
    store(tmp_path, features, {"train": rows}, num_shards=3)
    data = load("tfds", tmp_path, builder="toy")
    names = ["features/age", "features/spectrum_0", "features/spectrum_1", "features/visits"]
    assert sorted(data.feature_names) == names
    for part in data.parts.values():
        x = {name: part.x[:, data.feature_names.index(name)] for name in names}
        visits = x["features/visits"]
        np.testing.assert_array_equal(x["features/age"], visits / 2)
        np.testing.assert_array_equal(x["features/spectrum_1"], -x["features/spectrum_0"])
        np.testing.assert_array_equal(part.y, visits % 5 == 0)


def test_own_builders_are_prepared_from_their_files_once(tmp_path):
    shutil.copy(DUMMY / "creditcard" / "creditcard.csv", tmp_path)
    first = load("tfds", tmp_path, builder="creditcard")
    (tmp_path / "creditcard.csv").unlink()
    again = load("tfds", tmp_path, builder="creditcard")
    assert first.class_names == ["legitimate", "fraud"]
    assert first.class_counts.tolist() == [4, 1]
    assert first.feature_names[0] == "Time" and first.feature_names[-1] == "Amount"
    np.testing.assert_array_equal(first.parts["train"].x, again.parts["train"].x)


def test_own_builders_say_what_must_stay_together(tmp_path):
    shutil.copytree(DUMMY / "ham10000", tmp_path, dirs_exist_ok=True)
    options = {**source.OPTIONS, "builder": "ham10000/segmentation"}
    request = Request(tmp_path, "both", "official", (6, 8), options=options)
    records = source.read(request)
    assert sorted(records.ids) == ["ISIC_00", "ISIC_01", "ISIC_10", "ISIC_20"]
    lesions = dict(zip(records.ids, records.groups, strict=True))
    assert [lesions[i] for i in sorted(lesions)] == ["HAM_0", "HAM_0", "HAM_1", "HAM_2"]


def test_void_of_camvid(tmp_path):
    shutil.copytree(DUMMY / "camvid", tmp_path, dirs_exist_ok=True)
    options = {**source.OPTIONS, "builder": "camvid"}
    records = source.read(Request(tmp_path, "segmentation", "official", (6, 8), options=options))
    assert records.ignore_class == 11 and len(records.class_names) == 11
    assert np.all(records.y[:, -1] == 11)
    assert records.official_part.tolist().count("train") == 3


def info(supervised=None, **features):
    """What `find_keys` looks at."""
    return types.SimpleNamespace(
        features=features, supervised_keys=supervised, metadata={}, full_name="toy/1.0.0"
    )


LABEL = tfds.features.ClassLabel(num_classes=2)
MASK = tfds.features.LabeledImage(labels=2)
GREY = tfds.features.Image(shape=(None, None, 1))
DEEP = tfds.features.Image(dtype=np.uint16)


def keys(described, task="classification", **options):
    found = find_keys(described, task, {**source.OPTIONS, **options})
    return found.image, found.label, found.mask


@pytest.mark.parametrize(
    "described, options, expected",
    [
        (info(a=IMAGE, b=LABEL), {}, ("a", "b", None)),
        (info(("c", "d"), a=IMAGE, b=LABEL, c=IMAGE, d=LABEL), {}, ("c", "d", None)),
        (info(a=IMAGE, c=IMAGE, b=LABEL), {"image_key": "c"}, ("c", "b", None)),
        (info(a=IMAGE, b=LABEL, m=MASK), {"task": "both"}, ("a", "b", "m")),
        (info(("a", "m"), a=IMAGE, m=MASK), {"task": "segmentation"}, ("a", None, "m")),
        (
            info(a=IMAGE, b=LABEL, segmentation_mask=GREY),
            {"task": "both"},
            ("a", "b", "segmentation_mask"),
        ),
        (info(a=IMAGE, m=MASK, b=LABEL, c=LABEL), {"task": "segmentation"}, ("a", None, "m")),
        (info(a=IMAGE, g=GREY), {"task": "segmentation", "mask_key": "g"}, ("a", None, "g")),
    ],
    ids=[
        "only",
        "supervised",
        "named",
        "mask",
        "supervised mask",
        "plain mask",
        "no label needed",
        "named mask",
    ],
)
def test_keys(described, options, expected):
    assert keys(described, **options) == expected


@pytest.mark.parametrize(
    "described, options, text",
    [
        (info(a=IMAGE, c=IMAGE, b=LABEL), {}, "one image feature.*a, c.*image_key="),
        (info(a=IMAGE, b=LABEL), {"task": "both"}, r"is a mask.*a \(Image\), b \(ClassLabel\)"),
        (info(a=IMAGE), {}, r"is a label.*a \(Image\).*label_key="),
        (info(a=IMAGE, b=LABEL), {"label_key": "y"}, "label_key to be one of b.*'y'"),
        (info(a=IMAGE, b=LABEL), {"image_key": "b"}, "image_key to be one of a.*'b'"),
        (info(a=DEEP, b=LABEL), {}, "8 bits.*uint16"),
        (
            info(a=IMAGE, segmentation_mask=IMAGE),
            {"task": "segmentation"},
            r"with 1 channels.*'segmentation_mask' of shape \(None, None, 3\)",
        ),
    ],
    ids=["two images", "no mask", "no label", "unknown", "no image", "16 bits", "colour mask"],
)
def test_features_that_do_not_fit_are_named(described, options, text):
    with pytest.raises(DataError, match=text):
        keys(described, **options)


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({}, r"name of a TFDS data set.*builder=None.*\(toy\).*camvid, creditcard"),
        ({"builder": "cifar10"}, r"'cifar10' as TFDS prepares it.*tfds build cifar10 --data_dir="),
        ({"builder": "toy:9.9.9"}, "'toy:9.9.9' as TFDS prepares it"),
        ({"builder": "toy"}, "size for images that have several.*--image-size"),
        ({"builder": "toy", "image_size": (8, 8), "in_memory": False}, "shards in array_record"),
        ({"builder": "isic2017"}, r"ISIC-2017_Training_Data.*challenge\.isic"),
    ],
    ids=["no name", "not prepared", "version", "size", "tfrecord streams", "no files"],
)
def test_what_is_missing_is_named(sharded, arguments, text):
    with pytest.raises(DataError, match=text):
        load("tfds", sharded / "tfrecord", **arguments)


def test_an_image_that_is_none_is_named(tmp_path):
    rows = [{**row, "image": b"no image"} for row in photos(20)]
    for file_format, text in (("array_record", "'train/"), ("tfrecord", "split 'train'")):
        store(tmp_path / file_format, LABELLED, {"train": rows}, file_format)
        with pytest.raises(DataError, match=text):
            load("tfds", tmp_path / file_format, builder="toy", image_size=(4, 4))


@pytest.mark.slow
def test_nothing_imports_tfds_before_it_is_used():
    code = "import sys, dawn_tf.data; sys.exit('tensorflow_datasets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
