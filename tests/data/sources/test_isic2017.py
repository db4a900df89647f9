import csv
import io
import re
import shutil
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.data import DataError, load
from dawn_tf.data.archives import open_tree
from dawn_tf.data.request import Request
from dawn_tf.data.sources import isic2017

CLASSES = ["melanoma", "nevus", "seborrheic_keratosis"]
SIZE = (16, 16)


def jpg(value):
    return tf.io.encode_jpeg(np.full((*SIZE, 3), value, "uint8"), quality=100).numpy()


def mask(rows):
    array = np.zeros((*SIZE, 1), "uint8")
    array[:rows] = 255
    return tf.io.encode_png(array).numpy()


def write_official(folder, parts=("Training", "Validation")):
    """The published layout in small: 30 images a part, grey value 10 * class."""
    for part in parts:
        stem = f"ISIC-2017_{part}"
        lines = ["image_id,melanoma,seborrheic_keratosis"]
        images = folder / f"{stem}_Data"
        images.mkdir()
        with zipfile.ZipFile(folder / f"{stem}_Part1_GroundTruth.zip", "w") as masks:
            for i in range(30):
                name, c = f"ISIC_{part}{i}", i % 3
                lines.append(f"{name},{float(c == 0)},{float(c == 2)}")
                (images / f"{name}.jpg").write_bytes(jpg(10 * c))
                (images / f"{name}_superpixels.png").write_bytes(mask(1))
                masks.writestr(f"{stem}_Part1_GroundTruth/{name}_segmentation.png", mask(1 + c))
        (folder / f"{stem}_Part3_GroundTruth.csv").write_text("\n".join(lines))
    return folder


def write_small(folder, rows, **without):
    with zipfile.ZipFile(folder / "isic2017_256.zip", "w") as archive:
        lines = ["image_id,split,dx", *(",".join(row) for row in rows)]
        if "labels" not in without:
            archive.writestr("labels.csv", "\n".join(lines))
        for name, split, _ in rows:
            archive.writestr(f"{split}/images/{name}.jpg", jpg(9))
            archive.writestr(f"{split}/masks/{name}_segmentation.png", mask(3))
    return folder


@pytest.fixture(scope="module")
def published(data_dir):
    return load("isic2017", data_dir, task="both", image_size=(64, 64))


@pytest.fixture(scope="module")
def labels(data_dir):
    content = open_tree([data_dir / "isic2017_256.zip"])["labels.csv"].decode()
    return {row["image_id"]: row for row in csv.DictReader(io.StringIO(content))}


def test_counts_of_the_published_parts(published, labels):
    sizes = {name: len(part) for name, part in published.parts.items()}
    assert sizes == {"train": 1700, "val": 300, "test": 150}
    counts = {k: np.bincount(part.y["label"]) for k, part in published.parts.items()}
    assert (counts["train"] + counts["val"]).tolist() == [374, 1372, 254]
    assert np.all(np.abs(counts["train"] - 0.85 * np.array([374, 1372, 254])) < 1)
    assert counts["test"].tolist() == [30, 78, 42]
    assert published.class_counts["label"].tolist() == counts["train"].tolist()
    assert published.class_counts["mask"].sum() == 1700 * 64 * 64
    for part in published.parts.values():
        assert [CLASSES[c] for c in part.y["label"]] == [labels[i]["dx"] for i in part.ids]


def test_validation_part_stays_out_of_training(published, labels):
    for name, part in published.parts.items():
        expected = "val" if name == "test" else "train"
        assert {labels[i]["split"] for i in part.ids} == {expected}


def test_masks_have_the_published_area_and_lie_on_their_lesion(published, labels):
    darker = []
    for part in published.parts.values():
        area = part.y["mask"].mean(axis=(1, 2))
        known = [float(labels[i]["lesion_fraction"]) for i in part.ids]
        assert np.abs(area - known).max() < 0.02
        grey = part.x.astype("float32").mean(axis=-1)
        for image, lesion in zip(grey, part.y["mask"] == 1, strict=True):
            if 0 < lesion.mean() < 1:
                darker.append(image[lesion].mean() < image[~lesion].mean())
    assert np.mean(darker) > 0.95


def test_default_is_segmentation_in_two_classes(data_dir):
    data = load("isic2017", data_dir, image_size=(16, 16))
    train = data.parts["train"]
    assert data.task == "segmentation" and data.class_names == ["skin", "lesion"]
    assert data.class_counts.tolist() == np.bincount(train.y.ravel()).tolist()
    assert data.class_counts[0] > data.class_counts[1]
    x, y = next(iter(data.train))
    assert (x.shape, y.shape, y.dtype) == ((16, 16, 3), (16, 16), "int32")


def test_originals_decode_aligned_with_their_masks(data_dir):
    from dawn_tf.data.images import read_images, read_masks

    tree = open_tree([data_dir / "fixtures" / "isic2017_full"])
    names = sorted(name[:-4] for name in tree if name.endswith(".jpg"))
    images = read_images([f"{n}.jpg" for n in names], tree.__getitem__, (96, 128))
    masks = read_masks([f"{n}_segmentation.png" for n in names], tree.__getitem__, (96, 128))
    assert len(names) == 4 and set(np.unique(masks)) == {0, 255}
    for image, lesion in zip(images.astype(float).mean(-1), masks == 255, strict=True):
        assert image[lesion].mean() + 10 < image[~lesion].mean()


@pytest.mark.parametrize("task", ["segmentation", "classification", "both"])
def test_the_published_layout(tmp_path, task):
    data = load("isic2017", write_official(tmp_path), task=task, image_size=SIZE)
    sizes = {name: len(part) for name, part in data.parts.items()}
    assert sizes == {"train": 27, "val": 3, "test": 30}
    assert all(name.startswith("ISIC_Validation") for name in data.parts["test"].ids)
    for part in data.parts.values():
        c = np.array([int(re.search("[0-9]+$", name)[0]) % 3 for name in part.ids])
        np.testing.assert_allclose(part.x[:, 3, 3, 0], 10 * c, atol=1)
        y = part.y if isinstance(part.y, dict) else {"label": part.y, "mask": part.y}
        if task != "segmentation":
            np.testing.assert_array_equal(y["label"], c)
        if task != "classification":
            np.testing.assert_array_equal(y["mask"].sum(axis=(1, 2)), 16 * (1 + c))


def test_the_published_test_part_is_used_when_there(tmp_path):
    folder = write_official(tmp_path, ("Training", "Validation", "Test_v2"))
    parts = load("isic2017", folder, image_size=SIZE).parts
    assert {k: (len(v), v.ids[0][5:9]) for k, v in parts.items()} == {
        "train": (30, "Trai"),
        "val": (30, "Vali"),
        "test": (30, "Test"),
    }


def test_paper_protocol_divides_all_images(tmp_path):
    write_official(tmp_path, ("Training", "Validation", "Test_v2"))
    data = load("isic2017", tmp_path, task="both", protocol="paper", image_size=SIZE)
    ids = [name for part in data.parts.values() for name in part.ids.tolist()]
    assert len(ids) == len(set(ids)) == 90
    for part, fraction in zip(data.parts.values(), (0.7, 0.15, 0.15), strict=True):
        assert np.all(np.abs(np.bincount(part.y["label"]) - fraction * 30) < 1)
        assert {name[5] for name in part.ids} == {"T", "V"}


def test_folders_within_folders_as_kaggle_unpacks_them(tmp_path):
    write_official(tmp_path)
    flat = load("isic2017", tmp_path, task="both", image_size=SIZE).parts["train"]
    for part in ("Training", "Validation"):
        images = tmp_path / f"ISIC-2017_{part}_Data"
        images.rename(tmp_path / "images")
        images.mkdir()
        (tmp_path / "images").rename(images / images.name)
        masks = tmp_path / f"ISIC-2017_{part}_Part1_GroundTruth"
        shutil.unpack_archive(f"{masks}.zip", masks)
    nested = load("isic2017", tmp_path, task="both", image_size=SIZE).parts["train"]
    assert nested.ids.tolist() == flat.ids.tolist()
    np.testing.assert_array_equal(nested.x, flat.x)
    np.testing.assert_array_equal(nested.y["mask"], flat.y["mask"])


def test_images_and_masks_stream(tmp_path):
    write_official(tmp_path)
    now, later = (
        load("isic2017", tmp_path, image_size=SIZE, in_memory=m).parts["val"] for m in (True, False)
    )
    assert not isinstance(later.x, np.ndarray) and not isinstance(later.y, np.ndarray)
    np.testing.assert_array_equal(later.x[:], now.x)
    np.testing.assert_array_equal(later.y[:], now.y)


def test_parent_folder_and_unpacked_small_copy(tmp_path):
    rows = [(f"I{i}", ("train", "val")[i % 2], CLASSES[i % 3]) for i in range(24)]
    write_small(tmp_path, rows)
    shutil.unpack_archive(tmp_path / "isic2017_256.zip", tmp_path / "a" / "isic2017_256")
    packed, unpacked = (
        isic2017.read(Request(f, "both", "official", SIZE)) for f in (tmp_path, tmp_path / "a")
    )
    np.testing.assert_array_equal(packed.y["mask"], unpacked.y["mask"])
    assert packed.ids.tolist() == unpacked.ids.tolist()


@pytest.mark.parametrize(
    "lost, task, text",
    [
        ("ISIC-2017_Training_Part3_GroundTruth.csv", "classification", "Part3_GroundTruth.csv"),
        ("ISIC-2017_Training_Part1_GroundTruth.zip", "segmentation", "Part1_GroundTruth"),
        ("ISIC-2017_Training_Data/ISIC_Training4.jpg", "both", "ISIC_Training4.jpg is one"),
    ],
)
def test_a_missing_file_of_the_published_layout_is_named(tmp_path, lost, task, text):
    (write_official(tmp_path) / lost).unlink()
    with pytest.raises(DataError, match=f"{text}.*challenge.isic-archive.com"):
        load("isic2017", tmp_path, task=task, image_size=SIZE)


def test_classification_does_without_masks(tmp_path):
    (write_official(tmp_path) / "ISIC-2017_Training_Part1_GroundTruth.zip").unlink()
    assert load("isic2017", tmp_path, task="classification", image_size=SIZE).num_classes == 3


@pytest.mark.parametrize(
    "row, text",
    [(("a", "train", "wart"), "Received: dx='wart'"), (("a", "dev", "nevus"), "split='dev'")],
)
def test_a_wrong_label_is_named(tmp_path, row, text):
    with pytest.raises(DataError, match=f"{text}.* for image 'a'"):
        load("isic2017", write_small(tmp_path, [row]))


def test_a_small_copy_without_labels_is_refused(tmp_path):
    with pytest.raises(DataError, match="labels.csv is one of them"):
        load("isic2017", write_small(tmp_path, [("a", "train", "nevus")], labels=None))


def test_missing_files_are_named_with_their_source(tmp_path):
    with pytest.raises(DataError, match=r"ISIC-2017_Training_Data.*isic-archive.*DAWN_DATA_DIR"):
        load("isic2017", tmp_path)
