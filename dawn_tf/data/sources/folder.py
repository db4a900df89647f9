"""Your own images, in folders or in one zip file.

Task "classification", one folder a class: `<class>/**/<image>`. Task "segmentation":
`images/**/<name>.jpg` with `masks/**/<name>.png` (or `<name>_mask.png`, `<name>_segmentation.png`).
Masks are grey PNG files, as large as their image: class numbers from 0, with 255 for void
(or another number, option `ignore_class`), or 0 and 255 for background and foreground.

Both may stand in folders `train`, `val` (`valid`, `validation`) and `test`, and protocol "given"
takes these parts. Without `val` it is 15 % of `train`; without `test` the given validation part
is the test part. Without any, and with protocol "stratified", the parts are a random 70/15/15 by
class; the class of a mask is then its rarest by pixels.

`classes.txt`, if there, names the classes in order, one a line; without it they are the folders in
alphabetical order. `groups.csv`, if there, has columns `file` and `group` (a patient): parts drawn
at random don't divide a group. Hidden files and files that are no images are passed over.
"""

import pathlib

import numpy as np

from dawn_tf.data.archives import open_tree
from dawn_tf.data.errors import DataError, missing
from dawn_tf.data.images import read_images, read_masks
from dawn_tf.data.listings import decode_text, read_listing
from dawn_tf.data.masks import classes_of_values, count_values
from dawn_tf.data.records import Records, rarest_class
from dawn_tf.data.splits import FRACTIONS, rarest_in_group, stratified, stratified_groups

TASKS = ("classification", "segmentation")
PROTOCOLS = ("given", "stratified")
IMAGE_SIZE = (128, 128)
FILES = "a folder (or zip) with one folder of images a class, or with images/ and masks/,"
PUBLISHED_AT = "where you keep them"
SUFFIXES = (".zip",)
OPTIONS = {"channels": 3, "ignore_class": None}

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".gif")
_UNREADABLE = (".tif", ".tiff", ".webp", ".heic", ".avif", ".jp2", ".dcm")
_PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_MASK_ENDINGS = ("", "_mask", "_segmentation")


def read(request):
    tree, top = _open(request.folder)
    names = sorted(name for name in tree if _is_image(name))
    if not names:
        raise missing("folder", FILES, PUBLISHED_AT, request.folder)
    ids = [name.removeprefix(top) for name in names]
    _check_stems(ids)
    parts = _given_parts(ids)
    paths = ids if parts is None else [name.partition("/")[2] for name in ids]
    has_masks = {path.partition("/")[0] for path in paths} == {"images", "masks"}
    if has_masks != (request.task == "segmentation"):
        raise DataError(
            "Expected folders images/ and masks/ for task 'segmentation', and one folder a class "
            f"for 'classification'. Received: task={request.task!r} and {str(request.folder)!r} "
            f"{'with' if has_masks else 'without'} images/ and masks/. Choose the other task."
        )
    class_names = _lines(tree, f"{top}classes.txt")
    if has_masks:
        masks = _masks_of(ids, paths)
        chosen = np.array([i for i, name in enumerate(ids) if name in masks])
        pairs = [(names[i], top + masks[ids[i]]) for i in chosen]
        fields = _with_masks(pairs, tree, class_names, request)
    else:
        chosen = np.arange(len(ids))
        folders = _class_folders(request.folder, parts)
        fields = _with_labels(paths, class_names, folders)
    ids = np.array(ids)[chosen]
    return Records(
        x=read_images(
            np.array(names)[chosen],
            tree.__getitem__,
            request.image_size,
            request.options["channels"],
            request.in_memory,
        ),
        ids=ids,
        task=request.task,
        groups=_groups(tree, f"{top}groups.csv", ids),
        official_part=None if parts is None else np.array(parts)[chosen],
        **fields,
    )


def split(records, request):
    part, everything = records.official_part, np.arange(len(records))
    if request.protocol == "stratified" or part is None or np.all(part == "train"):
        return dict(zip(("train", "val", "test"), _cut(records, everything, request), strict=True))
    parts = {name: np.flatnonzero(part == name) for name in ("train", "val", "test")}
    if not len(parts["test"]):
        parts["val"], parts["test"] = parts["test"], parts["val"]
    if not len(parts["val"]):
        parts["train"], parts["val"] = _cut(records, parts["train"], request, (0.85, 0.15))
    return parts


def _cut(records, indices, request, fractions=FRACTIONS):
    """Random parts of the examples at `indices`, by class, without dividing groups."""
    labels = records.sampling_labels[indices]
    if records.groups is None:
        parts = stratified(labels, fractions, request.seed)
    else:
        groups = records.groups[indices]
        parts = stratified_groups(rarest_in_group(labels, groups), groups, fractions, request.seed)
    return tuple(indices[part] for part in parts)


def _open(path):
    """The files, and the folder that a zip has around them all."""
    tree = open_tree([path], full_names=True)
    tops = {name.partition("/")[0] for name in tree if not _is_hidden(name)}
    wrapped = path.is_file() and len(tops) == 1 and all("/" in name for name in tree)
    return tree, f"{tops.pop()}/" if wrapped else ""


def _is_hidden(name):
    parts = pathlib.PurePosixPath(name).parts
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _is_image(name):
    suffix = pathlib.PurePosixPath(name).suffix.lower()
    if _is_hidden(name):
        return False
    if suffix in _UNREADABLE:
        raise DataError(
            f"Expected images as JPEG, PNG, GIF or BMP. Received: {name!r}. Convert it, or move "
            "it elsewhere."
        )
    return suffix in IMAGES


def _check_stems(ids):
    seen = {}
    for name in ids:
        stem = name.rpartition(".")[0]
        if stem in seen:
            raise DataError(
                f"Expected every image once. Received: {seen[stem]!r} and {name!r}. "
                "Remove or rename one of them."
            )
        seen[stem] = name


def _given_parts(ids):
    """ "train", "val" or "test" per image, or `None` if the folders name no parts."""
    tops = {name.partition("/")[0] for name in ids}
    if "train" not in tops and not tops <= set(_PARTS):
        return None
    if "train" not in tops or not tops <= set(_PARTS):
        raise DataError(
            f"Expected folders train, val and test, with no images beside them. Received: "
            f"{', '.join(sorted(tops))}. Move or rename the others."
        )
    return [_PARTS[name.partition("/")[0]] for name in ids]


def _class_folders(path, parts):
    """Names of the class folders, those without images too; a zip need not list these."""
    if path.is_file():
        return set()
    roots = [path] if parts is None else [path / name for name in _PARTS if (path / name).is_dir()]
    folders = (folder for root in roots for folder in root.iterdir() if folder.is_dir())
    return {folder.name for folder in folders if not folder.name.startswith(".")}


def _with_labels(paths, class_names, folders):
    classes = [path.rpartition("/")[0].partition("/")[0] for path in paths]
    if "" in classes:
        raise DataError(
            f"Expected every image in the folder of its class. Received: "
            f"{paths[classes.index('')]!r}. Move it into one."
        )
    found = set(classes)
    class_names = class_names or sorted(found | folders)
    strange, empty = found - set(class_names), set(class_names) - found
    if strange or empty or len(class_names) < 2:
        raise DataError(
            "Expected two classes or more, each a folder with images (and those of classes.txt, "
            f"if there). Received: {', '.join(class_names)}; without images: "
            f"{', '.join(sorted(empty)) or 'none'}; not in classes.txt: "
            f"{', '.join(sorted(strange)) or 'none'}. Add images, or remove the folder or name."
        )
    labels = np.array([class_names.index(name) for name in classes], "int32")
    return {"y": labels, "sampling_labels": labels, "class_names": class_names}


def _masks_of(ids, paths):
    """The mask of each image, by their ids."""
    masks = {}
    for name, path in zip(ids, paths, strict=True):
        if path.startswith("masks/"):
            masks[name.rpartition(".")[0].replace("masks/", "images/", 1)] = name
    pairs = {}
    for name, path in zip(ids, paths, strict=True):
        if path.startswith("images/"):
            stem = name.rpartition(".")[0]
            found = [stem + ending for ending in _MASK_ENDINGS if stem + ending in masks]
            if len(found) != 1:
                raise DataError(
                    f"Expected one mask for each image. Received: {len(found)} for {name!r}. Put "
                    "it under masks/ where the image is under images/, with the same name."
                )
            pairs[name] = masks[found[0]]
    return pairs


def _with_masks(pairs, tree, class_names, request):
    masks = [mask for _, mask in pairs]
    counts = count_values(pairs, tree.__getitem__)
    class_names, lookup, ignore_class = classes_of_values(
        counts, class_names, masks, request.options["ignore_class"]
    )
    if lookup is not None:
        counts = counts[:, [0, 255]]
    counts = counts[:, : len(class_names)]
    return {
        "y": read_masks(masks, tree.__getitem__, request.image_size, request.in_memory, lookup),
        "sampling_labels": rarest_class(counts, counts.sum(0, dtype="int64")),
        "class_names": class_names,
        "ignore_class": ignore_class,
    }


def _groups(tree, name, ids):
    """Group of each example by `groups.csv`, or `None` without that file."""
    if name not in tree:
        return None
    _, rows = read_listing(tree[name], name)
    group_of = {row.get("file"): row.get("group") for row in rows}
    lost = [example for example in ids.tolist() if not group_of.get(example)]
    if lost:
        raise DataError(
            f"Expected columns file and group in {name!r}, with a row for each image. Received: "
            f"no group of {lost[0]!r} and {len(lost) - 1} more. Add their rows."
        )
    return np.array([group_of[example] for example in ids.tolist()])


def _lines(tree, name):
    if name not in tree:
        return None
    text = decode_text(tree[name], name)
    return [line.strip() for line in text.splitlines() if line.strip()]
