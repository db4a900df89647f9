"""HAM10000: 10,015 dermatoscopic images of 7,470 lesions in 7 classes, with lesion masks.

Read as published (both image archives, packed or unpacked, with `HAM10000_metadata`), or from the
small copy `HAM10000_images_96.zip`, 5,984 images of 96x96, one per lesion, without masks.
Protocol "lesion": stratified 70/15/15 by lesion, so that no lesion is in two parts.
Source: [Tschandl et al., 2018](https://doi.org/10.7910/DVN/DBW86T).
"""

import csv

import numpy as np

from dawn_tf.data.archives import locate, locate_file, open_tree
from dawn_tf.data.errors import DataError, missing
from dawn_tf.data.images import read_images, read_masks
from dawn_tf.data.records import Records
from dawn_tf.data.splits import stratified_groups

TASKS = ("classification", "segmentation", "both")
PROTOCOLS = ("lesion",)
IMAGE_SIZE = (96, 96)
FILES = (
    "HAM10000_images_part_1.zip and HAM10000_images_part_2.zip (or folders of these names) and "
    "HAM10000_metadata (with or without .csv)"
)
PUBLISHED_AT = "https://doi.org/10.7910/DVN/DBW86T"

CLASS_NAMES = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
MASK_NAMES = ["skin", "lesion"]
_FOLDERS = (".", "ham10000", "HAM10000", "ham10000_96")
_PARTS = ("HAM10000_images_part_1", "HAM10000_images_part_2")
_SMALL = "HAM10000_images_96"
_MASKS = "HAM10000_segmentations_lesion_tschandl"


def read(request):
    folder, task, image_size = request.folder, request.task, request.image_size
    folders = [folder / name for name in _FOLDERS]
    metadata = locate_file(folders, "HAM10000_metadata", "HAM10000_metadata.csv")
    parts = [locate(folders, name) for name in _PARTS]
    small = locate(folders, _SMALL)
    if metadata is None or not (any(parts) or small):
        raise missing("ham10000", FILES, PUBLISHED_AT, folder)
    rows = _rows(metadata)
    images = open_tree(_image_archives(parts, small))
    found = [row for row in rows if f"{row['image_id']}.jpg" in images]
    _check_complete(rows, found, images, metadata, official=any(parts))
    ids = [row["image_id"] for row in found]
    labels = np.array([CLASS_NAMES.index(row["dx"]) for row in found], "int32")
    mask_tree = None if task == "classification" else open_tree([_mask_archive(folders)])
    return Records(
        x=read_images([f"{name}.jpg" for name in ids], images.__getitem__, image_size),
        y=_targets(task, ids, labels, mask_tree, image_size),
        ids=np.array(ids),
        sampling_labels=labels,
        class_names=_names(task),
        task=task,
        groups=np.array([row["lesion_id"] for row in found]),
        notes=(f"{len(found)} of the {len(rows)} images in the metadata.",),
    )


def split(records, request):
    parts = stratified_groups(records.sampling_labels, records.groups, seed=request.seed)
    return dict(zip(("train", "val", "test"), parts, strict=True))


def _image_archives(parts, small):
    if not any(parts):
        return [small]
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


def _rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        absent = {"image_id", "lesion_id", "dx"} - set(reader.fieldnames or ())
        if absent:
            raise DataError(
                f"Expected columns image_id, lesion_id and dx. Received: {str(path)!r} without "
                f"{', '.join(sorted(absent))}. Fetch the file from {PUBLISHED_AT}."
            )
        rows = list(reader)
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


def _targets(task, ids, labels, mask_tree, image_size):
    if task == "classification":
        return labels
    files = [f"{name}_segmentation.png" for name in ids]
    lost = [name for name in files if name not in mask_tree]
    if lost:
        raise DataError(
            f"Expected a mask for each image. Received: {len(lost)} without, {lost[0]} is one of "
            f"those missing. Fetch {_MASKS}.zip from {PUBLISHED_AT} again."
        )
    masks = (read_masks(files, mask_tree.__getitem__, image_size) > 127).astype("uint8")
    return masks if task == "segmentation" else {"mask": masks, "label": labels}


def _names(task):
    return {
        "classification": CLASS_NAMES,
        "segmentation": MASK_NAMES,
        "both": {"mask": MASK_NAMES, "label": CLASS_NAMES},
    }[task]
