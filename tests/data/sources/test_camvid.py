import pathlib
import shutil
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.data import DataError, load
from dawn_tf.data.sources.camvid import GROUPS

CLASSES = [
    "Sky",
    "Building",
    "Pole",
    "Road",
    "Pavement",
    "Tree",
    "SignSymbol",
    "Fence",
    "Car",
    "Pedestrian",
    "Bicyclist",
]
SIZE = (12, 16)
NUMBERS = {"train": 4, "val": 2, "test": 3}
# The published colours of a few of the 32 classes, and the class of the 11 they belong to.
COLOURS = {
    "Sky": ((128, 128, 128), 0),
    "Archway": ((192, 0, 128), 1),
    "Column_Pole": ((192, 192, 128), 2),
    "LaneMkgsNonDriv": ((192, 0, 64), 3),
    "RoadShoulder": ((128, 128, 192), 4),
    "VegetationMisc": ((192, 192, 0), 5),
    "TrafficLight": ((0, 64, 64), 6),
    "Fence": ((64, 64, 128), 7),
    "SUVPickupTruck": ((64, 128, 192), 8),
    "Child": ((192, 128, 64), 9),
    "MotorcycleScooter": ((192, 0, 192), 10),
    "Void": ((0, 0, 0), 11),
}
LAYOUTS = {
    "small": ("{}/images", "{}/masks", "{}.jpg", "{}.png"),
    "segnet": ("{}", "{}annot", "{}.png", "{}.png"),
    "kaggle": ("{}", "{}_labels", "{}.png", "{}_L.png"),
}


def png(array):
    return tf.io.encode_png(array).numpy()


def masks():
    """One mask of class numbers for each image; void in the first row, 11 classes below."""
    rng = np.random.default_rng(0)
    made = {}
    for part, number in NUMBERS.items():
        for i in range(number):
            mask = rng.integers(0, 12, SIZE, "uint8")
            mask[0], mask[1, :12] = 11, np.arange(12)
            made[part, f"{part}_{i}"] = mask
    return made


def write(folder, layout):
    """Image i of a part has the grey value 20 * i."""
    image_folder, mask_folder, image_name, mask_name = LAYOUTS[layout]
    palette = np.zeros((12, 3), "uint8")
    for colour, c in COLOURS.values():
        palette[c] = colour
    for (part, stem), mask in masks().items():
        image = np.full((*SIZE, 3), 20 * int(stem[-1]), "uint8")
        encode = tf.io.encode_jpeg if image_name.endswith("jpg") else tf.io.encode_png
        coloured = palette[mask] if layout == "kaggle" else mask[..., None]
        for sub, name, content in (
            (image_folder, image_name, encode(image).numpy()),
            (mask_folder, mask_name, png(coloured)),
        ):
            path = folder / sub.format(part) / name.format(stem)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    if layout == "kaggle":
        rows = [f"{name}, {r}, {g}, {b}" for name, ((r, g, b), _) in COLOURS.items()]
        (folder / "class_dict.csv").write_text("\n".join(["name,r,g,b", *rows]))
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("packed", [True, False], ids=["packed", "unpacked"])
def test_layouts(tmp_path, layout, packed):
    inside = write(tmp_path / "CamVid", layout)
    if packed:
        shutil.make_archive(tmp_path / "CamVid", "zip", tmp_path, "CamVid")
        shutil.rmtree(inside)
    data = load("camvid", tmp_path, image_size=SIZE)
    expected = masks()
    assert data.class_names == CLASSES and data.ignore_class == 11 and data.task == "segmentation"
    assert {name: len(part) for name, part in data.parts.items()} == NUMBERS
    for name, part in data.parts.items():
        assert part.y.dtype == "uint8"
        for stem, image, mask in zip(part.ids.tolist(), part.x, part.y, strict=True):
            np.testing.assert_array_equal(mask, expected[name, stem])
            np.testing.assert_allclose(image, 20 * int(stem[-1]), atol=2)
    train = [mask for (part, _), mask in expected.items() if part == "train"]
    assert data.class_counts.tolist() == np.bincount(np.ravel(train))[:11].tolist()


def test_the_32_published_classes_are_all_grouped():
    published = """Animal Archway Bicyclist Bridge Building Car CartLuggagePram Child Column_Pole
    Fence LaneMkgsDriv LaneMkgsNonDriv Misc_Text MotorcycleScooter OtherMoving ParkingBlock
    Pedestrian Road RoadShoulder Sidewalk SignSymbol Sky SUVPickupTruck TrafficCone TrafficLight
    Train Tree Truck_Bus Tunnel VegetationMisc Wall""".split()
    assert sorted(name for group in GROUPS.values() for name in group) == sorted(published)
    assert list(GROUPS) == CLASSES


def test_masks_keep_their_values_when_resized(tmp_path):
    folder = write(tmp_path, "kaggle")
    for in_memory in (True, False):
        train = load("camvid", folder, image_size=(7, 9), in_memory=in_memory).parts["train"]
        assert set(np.unique(train.y[:])) <= set(range(12)) and train.y.shape[1:] == (7, 9)
        assert isinstance(train.y, np.ndarray) == in_memory


def test_another_colour_is_void(tmp_path):
    folder = write(tmp_path, "kaggle")
    mask = masks()["train", "train_0"]
    table = folder / "class_dict.csv"
    lines = [line for line in table.read_text().splitlines() if not line.startswith("Fence")]
    table.write_text("\n".join([*lines, "Fence,1,2,3"]))
    content = tf.io.decode_png((folder / "train_labels" / "train_0_L.png").read_bytes()).numpy()
    content[5] = (1, 2, 3)
    (folder / "train_labels" / "train_0_L.png").write_bytes(png(content))
    train = load("camvid", folder, image_size=SIZE).parts["train"]
    expected = np.where(mask == 7, 11, mask)
    expected[5] = 7
    np.testing.assert_array_equal(train.y[0], expected)


@pytest.mark.parametrize("row", ["Zebra,1,2,3", "Car,1,2,x", "Car,1,2"])
def test_a_strange_row_of_colours_is_named(tmp_path, row):
    folder = write(tmp_path, "kaggle")
    with open(folder / "class_dict.csv", "a") as file:
        file.write(f"\n{row}")
    with pytest.raises(DataError, match=rf"32 published classes\. Received: .*{row[:3]}.*class_di"):
        load("camvid", folder)


def test_a_missing_mask_is_named(tmp_path):
    folder = write(tmp_path, "segnet")
    (folder / "valannot" / "val_1.png").unlink()
    with pytest.raises(DataError, match=r"without valannot/val_1\.png"):
        load("camvid", folder)


def test_a_value_that_is_no_class_is_named(tmp_path):
    folder = write(tmp_path, "segnet")
    (folder / "testannot" / "test_1.png").write_bytes(png(np.full((*SIZE, 1), 12, "uint8")))
    with pytest.raises(DataError, match=r"0\.\.10 .*Received: 12 in example 'test_1'"):
        load("camvid", folder, image_size=SIZE)


def test_another_data_set_is_named(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="without images and masks in such folders"):
        load("camvid", tmp_path)


def test_missing_files_are_named_with_their_source(tmp_path):
    with pytest.raises(DataError, match=r"SegNet.*Kaggle.*VideoRec/CamVid.*DAWN_DATA_DIR"):
        load("camvid", tmp_path)


def test_real_parts_and_shares(data_dir):
    data = load("camvid", data_dir)
    assert {name: len(part) for name, part in data.parts.items()} == {
        "train": 367,
        "val": 101,
        "test": 233,
    }
    train = data.parts["train"]
    assert train.x.shape == (367, 180, 240, 3)
    shares = data.class_counts / train.y.size
    # Percent, as published with the small copy.
    known = [16.8, 23.3, 1.0, 31.7, 4.5, 9.7, 1.2, 1.1, 5.9, 0.64, 0.29]
    np.testing.assert_allclose(100 * shares, known, atol=0.1)
    assert 100 * np.mean(train.y == 11) == pytest.approx(3.9, abs=0.1)
    names = [set(part.ids) for part in data.parts.values()]
    assert len(set.union(*names)) == 701
    with zipfile.ZipFile(data_dir / "camvid_240x180.zip") as archive:
        stored = tf.io.decode_png(archive.read(f"train/masks/{train.ids[7]}.png")).numpy()
        assert {pathlib.Path(name).stem for name in archive.namelist() if "val/" in name} == names[
            1
        ]
    np.testing.assert_array_equal(train.y[7], stored[..., 0])
