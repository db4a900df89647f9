import csv
import shutil
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.data import DataError, load
from dawn_tf.data.request import Request
from dawn_tf.data.sources import ham10000

CLASSES = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
SIZE = (24, 32)
LESION_PAPER = ("lesion", "paper")


def png(value, channels=3):
    return tf.io.encode_png(np.full((*SIZE, channels), value, "uint8")).numpy()


def jpg(value):
    return tf.io.encode_jpeg(np.full((*SIZE, 3), value, "uint8"), quality=100).numpy()


@pytest.fixture
def official(tmp_path):
    """The published layout in small: 10 lesions of 2 images per class, grey value 10 * class."""
    rows = []
    for c, dx in enumerate(CLASSES):
        for lesion in range(10):
            for image in range(2):
                rows.append((f"HAM_{c}{lesion}", f"ISIC_{c}{lesion}{image}", dx, c))
    lines = ["lesion_id,image_id,dx", *(",".join(row[:3]) for row in rows)]
    (tmp_path / "HAM10000_metadata").write_text("\n".join(lines))
    (tmp_path / "HAM10000_images_part_1").mkdir()
    with zipfile.ZipFile(tmp_path / "HAM10000_images_part_2.zip", "w") as part_2:
        for i, (_, name, _, c) in enumerate(rows):
            if i % 2:
                part_2.writestr(f"{name}.jpg", jpg(10 * c))
            else:
                path = tmp_path / "HAM10000_images_part_1" / f"{name}.jpg"
                path.write_bytes(jpg(10 * c))
    masks = tmp_path / "HAM10000_segmentations_lesion_tschandl.zip"
    with zipfile.ZipFile(masks, "w") as archive:
        for i, (_, name, _, _) in enumerate(rows):
            mask = np.zeros((*SIZE, 1), "uint8")
            mask[: 1 + i % 5] = 255
            archive.writestr(
                f"HAM10000_segmentations_lesion_tschandl/{name}_segmentation.png",
                tf.io.encode_png(mask).numpy(),
            )
    return tmp_path


@pytest.fixture(scope="module")
def small(data_dir):
    return load("ham10000", data_dir, image_size=(32, 32))


@pytest.fixture(scope="module")
def metadata(data_dir):
    with open(data_dir / "ham10000_96" / "HAM10000_metadata.csv", newline="") as file:
        return {row["image_id"]: row for row in csv.DictReader(file)}


def test_classes_of_the_small_copy(small):
    total = sum(np.bincount(part.y, minlength=7) for part in small.parts.values())
    known = {"nv": 4323, "bkl": 583, "mel": 491, "bcc": 264, "akiec": 183, "vasc": 80, "df": 60}
    assert dict(zip(small.class_names, total.tolist(), strict=True)) == known
    assert small.class_names == CLASSES
    assert small.notes == ["5984 of the 10015 images in the metadata."]
    for part, fraction in zip(small.parts.values(), (0.7, 0.15, 0.15), strict=True):
        assert np.all(np.abs(np.bincount(part.y) - fraction * total) < 1)


def test_labels_of_the_small_copy_are_the_published_ones(small, metadata):
    for part in small.parts.values():
        assert [CLASSES[c] for c in part.y] == [metadata[i]["dx"] for i in part.ids]


def test_no_lesion_of_the_published_metadata_is_in_two_parts(metadata):
    from dawn_tf.data.splits import stratified_groups

    rows = list(metadata.values())
    lesions = np.array([row["lesion_id"] for row in rows])
    labels = np.array([CLASSES.index(row["dx"]) for row in rows])
    parts = stratified_groups(labels, lesions)
    members = [set(lesions[part]) for part in parts]
    assert len(set.union(*members)) == sum(map(len, members)) == 7470
    for part, fraction in zip(parts, (0.7, 0.15, 0.15), strict=True):
        counts = np.bincount(labels[part], minlength=7)
        assert np.all(np.abs(counts - fraction * np.bincount(labels)) <= 6)


def test_small_copy_has_no_masks_and_says_where_they_are(data_dir):
    text = r"HAM10000_segmentations_lesion_tschandl\.zip.*10\.7910/DVN/DBW86T.*classification"
    with pytest.raises(DataError, match=text):
        load("ham10000", data_dir, task="segmentation")


def test_images_of_the_published_layout(official):
    data = load("ham10000", official, image_size=SIZE)
    assert sum(len(part) for part in data.parts.values()) == 140
    for part in data.parts.values():
        assert len(part) in (98, 14, 28)
        np.testing.assert_allclose(part.x[:, 3, 3, 0], 10 * part.y, atol=1)
    lesions = [set(part.groups) for part in data.parts.values()]
    assert len(set.union(*lesions)) == sum(map(len, lesions)) == 70


def test_masks_of_the_published_layout(official):
    data = load("ham10000", official, task="segmentation", image_size=SIZE)
    train = data.parts["train"]
    assert data.class_names == ["skin", "lesion"] and set(np.unique(train.y)) == {0, 1}
    assert data.class_counts.tolist() == np.bincount(train.y.ravel()).tolist()
    assert np.all(train.sampling_labels == 1)
    both = load("ham10000", official, task="both", image_size=SIZE).parts["train"]
    np.testing.assert_array_equal(both.y["mask"], train.y)
    assert [CLASSES[c] for c in both.y["label"]] == [CLASSES[int(i[5])] for i in both.ids]


def test_parent_folder_and_csv_suffix(official, tmp_path_factory):
    parent = tmp_path_factory.mktemp("parent")
    shutil.copytree(official, parent / "ham10000")
    (parent / "ham10000" / "HAM10000_metadata").rename(
        parent / "ham10000" / "HAM10000_metadata.csv"
    )
    assert len(ham10000.read(Request(parent, "classification", "lesion", (8, 8)))) == 140


def test_paper_protocol_keeps_lesions_together(official):
    lesion, paper = (load("ham10000", official, protocol=p, image_size=SIZE) for p in LESION_PAPER)
    for part in ("train", "val", "test"):
        assert lesion.parts[part].ids.tolist() == paper.parts[part].ids.tolist()


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "unpacked"])
def test_kaggles_copy(official, tmp_path_factory, packed):
    """Two folders of images, which Kaggle has once more in small letters, and a table."""
    folder = tmp_path_factory.mktemp("kaggle")
    inside = folder / "skin-cancer-mnist-ham10000"
    (inside / "HAM10000_images_part_2").mkdir(parents=True)
    shutil.copytree(official / "HAM10000_images_part_1", inside / "HAM10000_images_part_1")
    shutil.copytree(official / "HAM10000_images_part_1", inside / "ham10000_images_part_1")
    shutil.unpack_archive(
        official / "HAM10000_images_part_2.zip", inside / "HAM10000_images_part_2"
    )
    shutil.copy(official / "HAM10000_metadata", inside / "HAM10000_metadata.csv")
    (inside / "hmnist_8_8_L.csv").write_text("pixel0000,label")
    if packed:
        shutil.make_archive(inside, "zip", inside)
        shutil.rmtree(inside)
    ours, kaggles = (
        load("ham10000", f, image_size=SIZE).parts["train"] for f in (official, folder)
    )
    assert ours.ids.tolist() == kaggles.ids.tolist()
    np.testing.assert_array_equal(ours.x, kaggles.x)
    with pytest.raises(DataError, match=r"segmentations_lesion_tschandl\.zip or a folder"):
        load("ham10000", folder, task="segmentation", image_size=SIZE)


def test_kaggles_archive_without_its_table_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "skin-cancer-mnist-ham10000.zip", "w") as archive:
        archive.writestr("HAM10000_images_part_1/ISIC_000.jpg", jpg(0))
    with pytest.raises(DataError, match=r"ham10000\.zip' without dx, image_id, lesion_id"):
        load("ham10000", tmp_path)


def test_images_and_masks_stream(official):
    now, later = (
        load("ham10000", official, task="both", image_size=(8, 8), in_memory=m).parts["val"]
        for m in (True, False)
    )
    assert not isinstance(later.x, np.ndarray) and not isinstance(later.y["mask"], np.ndarray)
    np.testing.assert_array_equal(later.x[:], now.x)
    np.testing.assert_array_equal(later.y["mask"][:], now.y["mask"])


def test_originals_decode_aligned_with_their_masks(data_dir, tmp_path):
    """Full-size originals: skin is lighter than the lesion that the mask shows."""
    fixtures = data_dir / "fixtures" / "ham10000_full"
    for name in ("HAM10000_images_part_1", "HAM10000_images_part_2"):
        (tmp_path / name).mkdir()
    (tmp_path / "HAM10000_segmentations_lesion_tschandl").mkdir()
    for i, path in enumerate(sorted(fixtures.glob("*.jpg"))):
        shutil.copy(path, tmp_path / f"HAM10000_images_part_{1 + i % 2}")
    for path in fixtures.glob("*.png"):
        shutil.copy(path, tmp_path / "HAM10000_segmentations_lesion_tschandl")
    shutil.copy(fixtures / "labels.csv", tmp_path / "HAM10000_metadata.csv")
    records = ham10000.read(Request(tmp_path, "segmentation", "lesion", (96, 128)))
    assert len(records) == 5
    for image, mask in zip(records.x.astype(float).mean(-1), records.y, strict=True):
        contrast = image[mask == 0].mean() - image[mask == 1].mean()
        mirrored = mask[::-1, ::-1]
        assert contrast > 10
        assert contrast > image[mirrored == 0].mean() - image[mirrored == 1].mean()


def test_half_of_the_archives_is_refused(official):
    shutil.rmtree(official / "HAM10000_images_part_1")
    with pytest.raises(DataError, match=r"no HAM10000_images_part_1\(\.zip\), so half a data set"):
        load("ham10000", official)


def test_a_missing_image_is_named(official):
    (official / "HAM10000_images_part_1" / "ISIC_000.jpg").unlink()
    with pytest.raises(DataError, match="139, so half a data set; ISIC_000.jpg is one"):
        load("ham10000", official)


def test_an_image_without_metadata_is_named(official):
    (official / "HAM10000_images_part_1" / "ISIC_x.jpg").write_bytes(jpg(0))
    with pytest.raises(DataError, match="'ISIC_x.jpg' and 0 more without"):
        load("ham10000", official)


def test_a_missing_mask_is_named(official):
    masks = official / "HAM10000_segmentations_lesion_tschandl.zip"
    masks.unlink()
    with zipfile.ZipFile(masks, "w") as archive:
        archive.writestr("ISIC_000_segmentation.png", png(0, 1))
    with pytest.raises(DataError, match="139 without, ISIC_001_segmentation.png is one"):
        load("ham10000", official, task="both")


def test_a_corrupt_image_is_named(official):
    path = official / "HAM10000_images_part_1" / "ISIC_000.jpg"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match=r"ISIC_000\.jpg', which cannot be decoded"):
        load("ham10000", official)


def test_a_corrupt_archive_is_named(official):
    path = official / "HAM10000_images_part_2.zip"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match=r"HAM10000_images_part_2\.zip'"):
        load("ham10000", official)


@pytest.mark.parametrize(
    "old, new, text",
    [
        ("image_id,dx", "image_id,diagnosis", "without dx. Fetch the file"),
        ("ISIC_000,akiec", "ISIC_000,wart", "Received: 'wart' for image 'ISIC_000'"),
        ("ISIC_001,akiec", "ISIC_000,akiec", "Received: 'ISIC_001.jpg' and 0 more without"),
        ("ISIC_001,akiec", "ISIC_001,nv", r"group 'HAM_00' with classes \[0, 5\]"),
    ],
    ids=["column", "class", "twice", "lesion of two classes"],
)
def test_wrong_metadata_is_named(official, old, new, text):
    path = official / "HAM10000_metadata"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=text):
        load("ham10000", official)


def test_missing_files_are_named_with_their_source(tmp_path):
    with pytest.raises(DataError, match=r"part_2\.zip.*metadata.*DBW86T.*--data-dir.*DAWN_DATA_D"):
        load("ham10000", tmp_path)
