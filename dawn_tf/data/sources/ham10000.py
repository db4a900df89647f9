"""HAM10000: 10,015 dermatoscopic images of 7,470 lesions in 7 classes, with lesion masks.

Read as published (both image archives, packed or unpacked, with `HAM10000_metadata`), from Kaggle's
copy (`skin-cancer-mnist-ham10000.zip` or what it unpacks to, without masks), or from the small copy
`HAM10000_images_96.zip`, 5,984 images of 96x96, one per lesion, without masks.
Protocol "lesion": stratified 70/15/15 by lesion, so that no lesion is in two parts. "paper" is the
same: the paper divides 70/15/15 by image, which puts images of one lesion into two parts.
Source: [Tschandl et al., 2018](https://doi.org/10.7910/DVN/DBW86T).
"""

import numpy as np

from dawn_tf.data.archives import locate, locate_file, open_tree
from dawn_tf.data.download import Download
from dawn_tf.data.errors import DataError, missing
from dawn_tf.data.images import BINARY, read_images, read_masks
from dawn_tf.data.listings import read_listing
from dawn_tf.data.records import Records
from dawn_tf.data.splits import stratified_groups

TASKS = ("classification", "segmentation", "both")
PROTOCOLS = ("lesion", "paper")
IMAGE_SIZE = (96, 96)
FILES = (
    "HAM10000_images_part_1.zip and HAM10000_images_part_2.zip (or folders of these names) and "
    "HAM10000_metadata (with or without .csv), or Kaggle's skin-cancer-mnist-ham10000.zip"
)
PUBLISHED_AT = "https://doi.org/10.7910/DVN/DBW86T"
_DATAVERSE = "https://dataverse.harvard.edu/api/access/datafile/"
# Sizes and MD5s: version 4.0 of the record at Harvard Dataverse (CC BY-NC 4.0). The table comes
# last: until it is there, the data set counts as missing and an interrupted download goes on.
DOWNLOADS = [
    Download(
        f"{_DATAVERSE}3172585",
        "HAM10000_images_part_1.zip",
        size=1_366_522_108,
        md5="4639bfa73ab251610530a97c898e6e46",
    ),
    Download(
        f"{_DATAVERSE}3172584",
        "HAM10000_images_part_2.zip",
        size=1_403_566_547,
        md5="da43d6cc50f6613013be07e8986b384b",
    ),
    Download(
        f"{_DATAVERSE}3838943",
        "HAM10000_segmentations_lesion_tschandl.zip",
        size=10_808_743,
        md5="6e8d252e09cfdb0189199f15985a5b84",
    ),
    # Without "format=original" Dataverse sends a table of its own making, with another MD5.
    Download(
        f"{_DATAVERSE}4338392?format=original",
        "HAM10000_metadata.csv",
        size=690_218,
        md5="8f85fb1aa29d80a2797247e434deb79d",
    ),
]

CLASS_NAMES = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
MASK_NAMES = ["skin", "lesion"]
_KAGGLE = "skin-cancer-mnist-ham10000"
_FOLDERS = (".", "ham10000", "HAM10000", "ham10000_96", _KAGGLE)
_PARTS = ("HAM10000_images_part_1", "HAM10000_images_part_2")
_SMALL = "HAM10000_images_96"
_MASKS = "HAM10000_segmentations_lesion_tschandl"


def read(request):
    folders = [request.folder / name for name in _FOLDERS]
    images, rows, metadata, official = _open(folders)
    found = [row for row in rows if f"{row['image_id']}.jpg" in images]
    _check_complete(rows, found, images, metadata, official)
    ids = [row["image_id"] for row in found]
    labels = np.array([CLASS_NAMES.index(row["dx"]) for row in found], "int32")
    # Before the images, so that masks that are not there are told at once.
    y = _targets(request, ids, labels, folders)
    files = [f"{name}.jpg" for name in ids]
    return Records(
        x=read_images(files, images.__getitem__, request.image_size, in_memory=request.in_memory),
        y=y,
        ids=np.array(ids),
        sampling_labels=labels,
        class_names=_names(request.task),
        task=request.task,
        groups=np.array([row["lesion_id"] for row in found]),
        notes=(f"{len(found)} of the {len(rows)} images in the metadata.",),
    )


def split(records, request):
    parts = stratified_groups(records.sampling_labels, records.groups, seed=request.seed)
    return dict(zip(("train", "val", "test"), parts, strict=True))


def _open(folders):
    """The images, the rows of the metadata, where those are, and whether all must be there."""
    metadata = locate_file(folders, "HAM10000_metadata", "HAM10000_metadata.csv")
    parts = [locate(folders, name) for name in _PARTS]
    if metadata and any(parts):
        return open_tree(_both(parts)), _rows(metadata.read_bytes(), metadata), metadata, True
    if kaggle := locate_file(folders, f"{_KAGGLE}.zip"):
        images = open_tree([kaggle])
        rows = _rows(images.get("HAM10000_metadata.csv", b""), kaggle)
        return images, rows, kaggle, True
    small = locate(folders, _SMALL)
    if metadata and small:
        return open_tree([small]), _rows(metadata.read_bytes(), metadata), metadata, False
    raise missing("ham10000", FILES, PUBLISHED_AT, folders[0])


def _both(parts):
    for name, path in zip(_PARTS, parts, strict=True):
        if path is None:
            raise DataError(
                f"Expected both image archives of HAM10000. Received: no {name}(.zip), so half a "
                f"data set. Fetch it from {PUBLISHED_AT} and put it beside the other."
            )
    return parts


def _mask_archive(folders):
    archive = locate(folders, _MASKS)
    if archive is None:
        raise DataError(
            f"Expected lesion masks in {_MASKS}.zip or a folder of that name. Received: "
            f"data_dir={str(folders[0])!r} without it. Fetch that archive from {PUBLISHED_AT}, "
            "put it beside the images, or choose task='classification'."
        )
    return archive


def _rows(content, path):
    columns, rows = read_listing(content, str(path))
    absent = {"image_id", "lesion_id", "dx"} - columns
    if absent:
        raise DataError(
            f"Expected columns image_id, lesion_id and dx. Received: {str(path)!r} without "
            f"{', '.join(sorted(absent))}. Fetch the file from {PUBLISHED_AT}."
        )
    for row in rows:
        if row["dx"] not in CLASS_NAMES:
            raise DataError(
                f"Expected dx among {', '.join(CLASS_NAMES)}. Received: {row['dx']!r} for image "
                f"{row['image_id']!r} in {str(path)!r}. Mend that row."
            )
    return rows


def _check_complete(rows, found, images, metadata, official):
    if official and len(found) < len(rows):
        lost = next(row["image_id"] for row in rows if f"{row['image_id']}.jpg" not in images)
        raise DataError(
            f"Expected all {len(rows)} images that {str(metadata)!r} names. Received: "
            f"{len(found)}, so half a data set; {lost}.jpg is one of those missing. "
            f"Fetch both image archives from {PUBLISHED_AT} again."
        )
    known = {f"{row['image_id']}.jpg" for row in found}
    strange = sorted(name for name in images if name.endswith(".jpg") and name not in known)
    if strange:
        raise DataError(
            f"Expected a row in {str(metadata)!r} for each image. Received: {strange[0]!r} and "
            f"{len(strange) - 1} more without. Fetch the metadata from {PUBLISHED_AT} again."
        )


def _targets(request, ids, labels, folders):
    if request.task == "classification":
        return labels
    mask_tree = open_tree([_mask_archive(folders)])
    files = [f"{name}_segmentation.png" for name in ids]
    lost = [name for name in files if name not in mask_tree]
    if lost:
        raise DataError(
            f"Expected a mask for each image. Received: {len(lost)} without, {lost[0]} is one of "
            f"those missing. Fetch {_MASKS}.zip from {PUBLISHED_AT} again."
        )
    masks = read_masks(files, mask_tree.__getitem__, request.image_size, request.in_memory, BINARY)
    return masks if request.task == "segmentation" else {"mask": masks, "label": labels}


def _names(task):
    return {
        "classification": CLASS_NAMES,
        "segmentation": MASK_NAMES,
        "both": {"mask": MASK_NAMES, "label": CLASS_NAMES},
    }[task]
