"""The builders under TFDS's own test case, then what they hold against the files they read."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from dawn_tf.data import DataError, load
from dawn_tf.data.builders import BUILDERS, prepare

DUMMY = pathlib.Path(__file__).parent / "dummy_data"


@pytest.fixture(autouse=True, scope="module")
def quiet():
    tfds.disable_progress_bar()
    yield
    tfds.enable_progress_bar()


class HAM10000Test(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = BUILDERS["ham10000"]
    EXAMPLE_DIR = DUMMY / "ham10000"
    SPLITS = {"train": 4}


class ISIC2017Test(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = BUILDERS["isic2017"]
    EXAMPLE_DIR = DUMMY / "isic2017"
    SPLITS = {"train": 3, "validation": 2, "test": 1}


class CreditCardTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = BUILDERS["creditcard"]
    EXAMPLE_DIR = DUMMY / "creditcard"
    SPLITS = {"train": 6}


class CamVidTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = BUILDERS["camvid"]
    EXAMPLE_DIR = DUMMY / "camvid"
    SPLITS = {"train": 3, "validation": 1, "test": 2}


@pytest.mark.parametrize("name", BUILDERS)
def test_a_builder_is_documented(name, tmp_path):
    info = BUILDERS[name](data_dir=tmp_path).info
    assert len(info.description) > 200 and info.homepage.startswith("http")
    assert info.citation.startswith("@") and "year=" in info.citation


@pytest.mark.parametrize("file_format", ["array_record", "tfrecord"])
def test_ham10000_holds_the_files(tmp_path, file_format):
    builder = prepare("ham10000/segmentation", DUMMY / "ham10000", tmp_path, file_format)
    if file_format == "tfrecord":
        examples = {e["image_id"]: e for e in tfds.as_numpy(builder.as_dataset("train"))}
    else:
        examples = {e["image_id"]: e for e in builder.as_data_source("train")}
    assert sorted(examples) == [b"ISIC_00", b"ISIC_01", b"ISIC_10", b"ISIC_20"]
    names = builder.info.features["label"].names
    rows = ["00 HAM_0 nv", "01 HAM_0 nv", "10 HAM_1 mel", "20 HAM_2 df"]
    for i, (image_id, lesion, dx) in enumerate(map(str.split, rows)):
        example = examples[f"ISIC_{image_id}".encode()]
        np.testing.assert_allclose(example["image"], np.full((6, 8, 3), 10 * (i + 1)), atol=1)
        assert example["lesion_id"].decode() == lesion and names[example["label"]] == dx
        covered = np.broadcast_to(np.arange(6)[:, None, None] <= i, (6, 8, 1))
        np.testing.assert_array_equal(example["segmentation_mask"], covered)


def test_ham10000_keeps_the_bytes_of_the_images(tmp_path):
    builder = prepare("ham10000", DUMMY / "ham10000", tmp_path)
    source = builder.as_data_source("train", decoders={"image": tfds.decode.SkipDecoding()})
    stored = {example["image_id"].decode(): example["image"] for example in source}
    for path in (DUMMY / "ham10000" / "HAM10000_images_part_1").iterdir():
        assert stored[path.stem] == path.read_bytes()


def test_camvid_keeps_masks_and_void(tmp_path):
    builder = prepare("camvid", DUMMY / "camvid", tmp_path)
    assert builder.info.features["segmentation_mask"].names[-1] == "Void"
    for split, folder in {"train": "train", "validation": "val", "test": "test"}.items():
        for example in builder.as_data_source(split):
            name = f"{example['image_id'].decode()}.png"
            for key, kind in (("image", folder), ("segmentation_mask", f"{folder}annot")):
                encoded = (DUMMY / "camvid" / "CamVid" / kind / name).read_bytes()
                np.testing.assert_array_equal(example[key], tf.io.decode_png(encoded))


def test_creditcard_holds_the_published_columns(tmp_path):
    builder = prepare("creditcard", DUMMY / "creditcard", tmp_path)
    table = np.genfromtxt(DUMMY / "creditcard" / "creditcard.csv", delimiter=",", skip_header=1)
    examples = sorted(builder.as_data_source("train"), key=lambda e: e["features"][0])
    np.testing.assert_array_equal([e["features"] for e in examples], table[:, :30].astype("f4"))
    assert [int(e["label"]) for e in examples] == [0, 0, 0, 0, 1, 0]
    assert builder.info.metadata["feature_names"][:2] == ["Time", "V1"]


def test_isic2017_without_the_test_part(tmp_path):
    for path in (DUMMY / "isic2017").iterdir():
        if "Test" not in path.name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    builder = prepare("isic2017", tmp_path, tmp_path / "tfds")
    assert set(builder.info.splits) == {"train", "validation"}


def test_missing_files_are_named_with_their_source(tmp_path):
    with pytest.raises(DataError, match=r"HAM10000_images_part_1\.zip.*DBW86T"):
        prepare("ham10000", tmp_path, tmp_path / "tfds")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, task, file_format, parts",
    [
        ("ham10000", "classification", "tfrecord", {"train": 5984}),
        ("isic2017", "segmentation", "array_record", {"train": 2000, "validation": 150}),
        ("camvid", "segmentation", "tfrecord", {"train": 367, "validation": 101, "test": 233}),
    ],
)
def test_real_files(data_dir, tmp_path, name, task, file_format, parts):
    """Every image and target of the small copies equals what the source reads."""
    size = (24, 32)
    data = load(name, data_dir, task=task, image_size=size)
    known = {
        str(i): (x, y)
        for part in data.parts.values()
        for i, x, y in zip(part.ids, part.x, part.y, strict=True)
    }
    builder = prepare(name, data_dir, tmp_path, file_format)
    assert {s: i.num_examples for s, i in builder.info.splits.items()} == parts
    again = load("tfds", tmp_path, builder=name, task=task, image_size=size)
    seen = 0
    for part in again.parts.values():
        for i, x, y in zip(part.ids, part.x, part.y, strict=True):
            np.testing.assert_array_equal(x, known[i][0])
            np.testing.assert_array_equal(y, known[i][1])
            seen += 1
    assert seen == len(known) == sum(parts.values())


@pytest.mark.slow
def test_the_real_table(data_dir, tmp_path):
    builder = prepare("creditcard", data_dir, tmp_path)
    data = load("tfds", tmp_path, builder="creditcard", protocol="paper")
    assert builder.info.splits["train"].num_examples == 284_807
    assert sum(part.y.sum() for part in data.parts.values()) == 492
    known = load("creditcard", data_dir)
    for column in ("V1", "V28"):
        old, new = (
            np.concatenate([p.x[:, d.feature_names.index(column)] for p in d.parts.values()])
            for d in (known, data)
        )
        np.testing.assert_array_equal(np.sort(old), np.sort(new))
