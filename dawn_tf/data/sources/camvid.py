"""CamVid: 701 street scenes from the driver's seat, with masks of 11 classes and void.

Read from the small copy `camvid_240x180.zip`, packed or unpacked; from the layout of the SegNet
tutorial (`train` and `trainannot` and so on, masks of class numbers); or from Kaggle's (`train` and
`train_labels` and so on, masks in the 32 published colours, with `class_dict.csv`). The 32 classes
become 11 as they did for SegNet ([Badrinarayanan et al., 2017](https://arxiv.org/abs/1511.00561));
which goes where is MathWorks' list, `camvidPixelLabelIDs`. Other colours count as void.
Images default to 180x240, the size of the small copy, a quarter of the published side.
Protocol "official": the parts as they come, 367 training, 101 validation and 233 test images in the
small copy and in SegNet's. Frames of one film lie seconds apart, so a random division would put
nearly equal images into different parts: there is none.
Source: [Brostow et al., 2009](https://doi.org/10.1016/j.patrec.2008.04.005).
"""

import pathlib

import numpy as np
import tensorflow as tf

from dawn_tf.data.archives import locate_file, open_tree
from dawn_tf.data.errors import DataError, missing
from dawn_tf.data.images import bounded, read_all, read_images, read_masks, resize_image
from dawn_tf.data.listings import read_listing
from dawn_tf.data.records import Records

TASKS = ("segmentation",)
PROTOCOLS = ("official",)
IMAGE_SIZE = (180, 240)
FILES = (
    "camvid_240x180.zip; or a folder CamVid with train, trainannot, val, valannot, test and "
    "testannot (SegNet tutorial), or with train, train_labels, ... and class_dict.csv (Kaggle)"
)
PUBLISHED_AT = "http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid"

# The 11 classes in the order of their numbers, and which of the 32 published ones each holds.
GROUPS = {
    "Sky": ("Sky",),
    "Building": ("Building", "Bridge", "Wall", "Tunnel", "Archway"),
    "Pole": ("Column_Pole", "TrafficCone"),
    "Road": ("Road", "LaneMkgsDriv", "LaneMkgsNonDriv"),
    "Pavement": ("Sidewalk", "ParkingBlock", "RoadShoulder"),
    "Tree": ("Tree", "VegetationMisc"),
    "SignSymbol": ("SignSymbol", "Misc_Text", "TrafficLight"),
    "Fence": ("Fence",),
    "Car": ("Car", "SUVPickupTruck", "Truck_Bus", "Train", "OtherMoving"),
    "Pedestrian": ("Pedestrian", "Child", "CartLuggagePram", "Animal"),
    "Bicyclist": ("Bicyclist", "MotorcycleScooter"),
}
CLASS_NAMES = list(GROUPS)
VOID = len(CLASS_NAMES)

_PARTS = ("train", "val", "test")
_FOLDERS = (".", "camvid_240x180", "CamVid", "camvid", "CamVid/CamVid", "camvid/CamVid")
_ARCHIVES = ("camvid_240x180.zip", "CamVid.zip", "camvid.zip")
# Folder of a part's images, of its masks, and what the name of a mask adds to that of its image.
_LAYOUTS = (("{}/images", "{}/masks", ""), ("{}", "{}annot", ""), ("{}", "{}_labels", "_L"))


def read(request):
    tree = _open(request.folder)
    names = _pairs(tree)
    images, masks, parts = zip(*names, strict=True)
    return Records(
        x=read_images(images, tree.__getitem__, request.image_size, in_memory=request.in_memory),
        y=_masks(tree, masks, request),
        ids=np.array([pathlib.PurePosixPath(image).stem for image in images]),
        # `load` puts the rarest class of each image in their place.
        sampling_labels=np.zeros(len(images), "int32"),
        class_names=CLASS_NAMES,
        task=request.task,
        official_part=np.array(parts),
        ignore_class=VOID,
    )


def split(records, request):
    return {part: np.flatnonzero(records.official_part == part) for part in _PARTS}


def _open(folder):
    folders = [folder / name for name in _FOLDERS]
    # A folder without "train" may hold anything, and is not searched.
    unpacked = next((path for path in folders if (path / "train").is_dir()), None)
    path = unpacked or locate_file(folders, *_ARCHIVES)
    if path is None:
        raise missing("camvid", FILES, PUBLISHED_AT, folder)
    return open_tree([path], full_names=True)


def _pairs(tree):
    """Name of the image, name of its mask and part, for each image."""
    by_folder = {}
    for name in tree:
        path = pathlib.PurePosixPath(name)
        if path.suffix.lower() in (".png", ".jpg"):
            # Archives may put everything into one more folder.
            for folder in {"/".join(path.parts[-2:-1]), "/".join(path.parts[-3:-1])}:
                by_folder.setdefault(folder, {})[path.stem] = name
    for images, masks, suffix in _LAYOUTS:
        if images.format("train") in by_folder and masks.format("train") in by_folder:
            return [
                (name, _mask_of(stem + suffix, by_folder, masks.format(part), tree), part)
                for part in _PARTS
                for stem, name in sorted(by_folder.get(images.format(part), {}).items())
            ]
    raise DataError(
        f"Expected {FILES}. Received: {str(tree.paths[0])!r} without images and masks in such "
        f"folders. Fetch it again from {PUBLISHED_AT}."
    )


def _mask_of(stem, by_folder, folder, tree):
    if stem not in by_folder.get(folder, {}):
        raise DataError(
            f"Expected a mask for each image. Received: {str(tree.paths[0])!r} without "
            f"{folder}/{stem}.png. Fetch it again from {PUBLISHED_AT}."
        )
    return by_folder[folder][stem]


def _masks(tree, names, request):
    table = next((name for name in tree if name.split("/")[-1] == "class_dict.csv"), None)
    if table is None:
        return read_masks(names, tree.__getitem__, request.image_size, request.in_memory)
    colours, classes = _colours(tree[table], table)

    def decode(encoded):
        image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
        image = resize_image(image, request.image_size, method="nearest", antialias=False)
        codes = image.numpy() @ _CODE
        nearest = np.searchsorted(colours[:-1], codes)
        return np.where(colours[nearest] == codes, classes[nearest], VOID)

    return read_all(names, bounded(tree.__getitem__), decode, request.image_size, request.in_memory)


_CODE = np.array([2**16, 2**8, 1])


def _colours(content, name):
    """Colour codes, ascending, and the number of the class of each."""
    numbers = {_key(old): c for c, group in enumerate(GROUPS.values()) for old in group}
    numbers["void"] = VOID
    codes = {}
    _, rows = read_listing(content, name)
    for row in rows:
        try:
            colour = np.array([int(row[channel]) for channel in "rgb"], "uint8")
            codes[int(colour @ _CODE)] = numbers[_key(row["name"])]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DataError(
                f"Expected columns name, r, g and b with the 32 published classes. Received: {row} "
                f"in {name!r}. Fetch it again from {PUBLISHED_AT}."
            ) from error
    return np.array(sorted(codes)), np.array([codes[code] for code in sorted(codes)], "uint8")


def _key(name):
    return "".join(letter for letter in name.lower() if letter.isalnum())
