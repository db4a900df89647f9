"""ISIC 2017 challenge: 2,000 training, 150 validation and 600 test images of skin lesions.

Each has a lesion mask and one of three diagnoses. Read as published (folders or zips), or from the
small copy `isic2017_256.zip` (training and validation part at 256x256).
Protocol "official": the published parts. Without the published test part, the published
validation part is the test part, and the published training part is divided 85/15, stratified by
diagnosis, into training and validation. Protocol "paper": all images, whatever their published
part, stratified 70/15/15 by diagnosis.
Source: [Codella et al., 2017](https://arxiv.org/abs/1710.05006).
"""

import numpy as np

from dawn_tf.data.archives import locate, locate_file, open_tree
from dawn_tf.data.errors import DataError, missing
from dawn_tf.data.images import BINARY, read_images, read_masks
from dawn_tf.data.listings import read_listing
from dawn_tf.data.records import Records
from dawn_tf.data.splits import stratified

TASKS = ("segmentation", "classification", "both")
PROTOCOLS = ("official", "paper")
IMAGE_SIZE = (128, 128)
FILES = (
    "ISIC-2017_Training_Data, ISIC-2017_Training_Part1_GroundTruth (zips or folders), "
    "ISIC-2017_Training_Part3_GroundTruth.csv, and the same three of ISIC-2017_Validation "
    "(ISIC-2017_Test_v2 if wanted)"
)
PUBLISHED_AT = "https://challenge.isic-archive.com/data/#2017"

CLASS_NAMES = ["melanoma", "nevus", "seborrheic_keratosis"]
MASK_NAMES = ["skin", "lesion"]
_FOLDERS = (".", "isic2017", "ISIC2017", "isic2017_256")
_SMALL = "isic2017_256"
_OFFICIAL = {"train": "Training", "val": "Validation", "test": "Test_v2"}


def read(request):
    folder, task = request.folder, request.task
    folders = [folder / name for name in _FOLDERS]
    if locate(folders, "ISIC-2017_Training_Data"):
        tree, rows = _read_official(folders, folder, task)
    elif small := locate(folders, _SMALL):
        tree, rows = _read_small(small)
    else:
        raise missing("isic2017", FILES, PUBLISHED_AT, folder)
    ids = [image_id for image_id, _, _ in rows]
    labels = np.array([CLASS_NAMES.index(label) for _, _, label in rows], "int32")
    files = [f"{name}.jpg" for name in ids]
    _check_present(files, tree, "an image")
    return Records(
        x=read_images(files, tree.__getitem__, request.image_size, in_memory=request.in_memory),
        y=_targets(request, ids, labels, tree),
        ids=np.array(ids),
        sampling_labels=labels,
        class_names=_names(task),
        task=task,
        official_part=np.array([part for _, part, _ in rows]),
    )


def split(records, request):
    if request.protocol == "paper":
        parts = stratified(records.sampling_labels, seed=request.seed)
        return dict(zip(_OFFICIAL, parts, strict=True))
    parts = {name: np.flatnonzero(records.official_part == name) for name in _OFFICIAL}
    if len(parts["test"]):
        return parts
    official_train = parts["train"]
    train, val = stratified(records.sampling_labels[official_train], (0.85, 0.15), request.seed)
    return {"train": official_train[train], "val": official_train[val], "test": parts["val"]}


def _read_small(archive):
    tree = open_tree([archive])
    _check_present(["labels.csv"], tree, "the table of labels")
    rows = _table(tree["labels.csv"], f"{archive}/labels.csv", {"image_id", "split", "dx"})
    for row in rows:
        if row["dx"] not in CLASS_NAMES or row["split"] not in _OFFICIAL:
            raise DataError(
                f"Expected dx among {', '.join(CLASS_NAMES)} and split among "
                f"{', '.join(_OFFICIAL)}. Received: dx={row['dx']!r}, split={row['split']!r} for "
                f"image {row['image_id']!r}. Mend that row of labels.csv."
            )
    return tree, [(row["image_id"], row["split"], row["dx"]) for row in rows]


def _read_official(folders, folder, task):
    """The published layout: one table, one archive of images and one of masks for each part."""
    paths, rows = [], []
    for part, published in _OFFICIAL.items():
        stem = f"ISIC-2017_{published}"
        images, masks = (locate(folders, f"{stem}_{k}") for k in ("Data", "Part1_GroundTruth"))
        table = locate_file(folders, f"{stem}_Part3_GroundTruth.csv")
        if part == "test" and images is None:
            continue
        if images is None or table is None or (masks is None and task != "classification"):
            raise missing("isic2017", FILES, PUBLISHED_AT, folder)
        paths += [path for path in (images, masks) if path]
        for row in _table(
            table.read_bytes(), str(table), {"image_id", "melanoma", "seborrheic_keratosis"}
        ):
            positive = [name for name in CLASS_NAMES if row.get(name, "0") in ("1", "1.0")]
            rows.append((row["image_id"], part, positive[0] if positive else "nevus"))
    return open_tree(paths), rows


def _table(content, name, columns):
    found, rows = read_listing(content, name)
    absent = columns - found
    if absent:
        raise DataError(
            f"Expected columns {', '.join(sorted(columns))}. Received: {name!r} without "
            f"{', '.join(sorted(absent))}. Fetch the file from {PUBLISHED_AT}."
        )
    return rows


def _targets(request, ids, labels, tree):
    if request.task == "classification":
        return labels
    files = [f"{name}_segmentation.png" for name in ids]
    _check_present(files, tree, "a mask")
    masks = read_masks(files, tree.__getitem__, request.image_size, request.in_memory, BINARY)
    return masks if request.task == "segmentation" else {"mask": masks, "label": labels}


def _check_present(files, tree, what):
    lost = [name for name in files if name not in tree]
    if lost:
        raise DataError(
            f"Expected {what} for each row of the labels. Received: {len(lost)} missing, "
            f"{lost[0]} is one of them, in {', '.join(str(path) for path in tree.paths)}. "
            f"Fetch the archive from {PUBLISHED_AT} again."
        )


def _names(task):
    return {
        "classification": CLASS_NAMES,
        "segmentation": MASK_NAMES,
        "both": {"mask": MASK_NAMES, "label": CLASS_NAMES},
    }[task]
