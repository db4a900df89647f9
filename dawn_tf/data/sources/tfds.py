"""Any data set that TFDS prepared: images with labels or masks, or rows with labels.

`builder` names it: "cifar10", "name/config:version". It is read from `data_dir` or
`<data_dir>/tfds`, without its code and without the network. `dawn_tf.data.builders` has four that
TFDS lacks; these are prepared in `<data_dir>/tfds` from their files in `data_dir` when they are
first used.

Which feature is what: `image_key`, `label_key` and `mask_key` if given, else `supervised_keys`,
else the only feature of that type (`Image`; `ClassLabel`; `LabeledImage` or one named
"segmentation_mask"). A mask without names of classes has the values it holds as its classes.
A data set without images is a table: its columns are its numbers and vectors.
`group_key` names what must not be divided between parts (a lesion), `ignore_class` the value of
unannotated pixels.

Prepared as ArrayRecord, images are read by number, so they need not fit into memory; as TFRecord
they are decoded once, in order.

Protocols: "official", the published splits "train", "validation" (or "valid", "val", "dev") and
"test"; without a validation split 15 % of the training split is cut off for it, without a test
split the validation split is the test part, and a training split alone is divided 70/15/15.
"paper", everything divided 70/15/15. Divisions are stratified by label. A split without labels
(all -1) is left out.
"""

import numpy as np

from dawn_tf.data.errors import DataError
from dawn_tf.data.records import Records
from dawn_tf.data.splits import stratified_groups

TASKS = ("classification", "segmentation", "both")
PROTOCOLS = ("official", "paper")
IMAGE_SIZE = None
FILES = "a data set as TFDS prepares it"
PUBLISHED_AT = "https://www.tensorflow.org/datasets"
OPTIONS = {
    "builder": None,
    "image_key": None,
    "label_key": None,
    "mask_key": None,
    "group_key": None,
    "ignore_class": None,
}

_PARTS = {
    "train": "train",
    "validation": "val",
    "valid": "val",
    "val": "val",
    "dev": "val",
    "test": "test",
}


def read(request):
    examples, features, pixels, prepared = _tfds()
    builder = prepared.open_builder(request.options["builder"], request.folder)
    keys = features.find_keys(builder.info, request.task, request.options)
    splits, values, notes = _labelled_splits(builder, keys, examples.read_values)
    names = [name for split in splits for name in examples.names_of(builder, split)]

    def column(path):
        return np.concatenate([features.feature_at(found, path) for found in values])

    labels = np.zeros(len(names), "int32")
    if keys.label:
        labels = column([keys.label]).astype("int32")
    common = {
        "ids": _texts(column([keys.id])) if keys.id else np.array(names),
        "sampling_labels": labels,
        "task": request.task,
        "groups": _texts(column([keys.group])) if keys.group else None,
        "official_part": np.array([_PARTS[name.split("/")[0]] for name in names]),
        "notes": tuple(notes),
    }
    label_names = builder.info.features[keys.label].names if keys.label else None
    if keys.columns:
        x, feature_names = _rows(column, keys.columns, builder.info.metadata or {})
        return Records(
            x=x, y=labels, class_names=label_names, feature_names=feature_names, **common
        )
    reader = pixels.Pixels(builder, splits, request)
    x = reader.images(keys.image)
    if request.task == "classification":
        return Records(x=x, y=labels, class_names=label_names, **common)
    masks, mask_names, ignore_class = reader.masks(keys.mask)
    both = request.task == "both"
    return Records(
        x=x,
        y={"mask": masks, "label": labels} if both else masks,
        class_names={"mask": mask_names, "label": label_names} if both else mask_names,
        ignore_class=ignore_class,
        **common,
    )


def split(records, request):
    groups = records.ids if records.groups is None else records.groups

    def cut(indices, fractions):
        labels = records.sampling_labels[indices]
        parts = stratified_groups(labels, groups[indices], fractions, request.seed)
        return [indices[part] for part in parts]

    official = {p: np.flatnonzero(records.official_part == p) for p in ("train", "val", "test")}
    train, val, test = official.values()
    if request.protocol == "paper" or not (len(val) or len(test)):
        train, val, test = cut(np.arange(len(records)), (0.7, 0.15, 0.15))
    elif not (len(val) and len(test)):
        test = test if len(test) else val
        train, val = cut(train, (0.85, 0.15))
    return {"train": train, "val": val, "test": test}


def _labelled_splits(builder, keys, read_values):
    """Names of the splits to use, their labels and other small features, and notes."""
    small = {key for key in (keys.label, keys.id, keys.group) if key}
    small |= {path[0] for path in keys.columns}
    splits, values, notes = [], [], []
    for split in builder.info.splits:
        if split not in _PARTS:
            notes.append(f"Split {split!r} is not used.")
            continue
        found = read_values(builder, split, small)
        if keys.label and np.all(found[keys.label] < 0):
            notes.append(f"Split {split!r} has no labels and is left out.")
            continue
        splits.append(split)
        values.append(found)
    if not splits:
        raise DataError(
            f"Expected a split named {', '.join(_PARTS)}, with labels. Received: data set "
            f"{builder.info.full_name!r} with {', '.join(builder.info.splits) or 'none'}. "
            "Choose another data set."
        )
    return splits, values, notes


def _tfds():
    try:
        from dawn_tf.data.tfds import examples, features, pixels, prepared
    except ImportError as error:
        raise DataError(
            "Expected tensorflow-datasets and what it needs. Received: an installation without "
            f"{error.name}. Run `pip install dawn_tf[tfds]`."
        ) from error
    return examples, features, pixels, prepared


def _texts(values):
    texts = [v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist()]
    return np.array(texts)


def _rows(column, paths, metadata):
    columns, names = [], []
    for path in paths:
        values = column(path).astype("float32")
        columns.append(values.reshape(len(values), -1))
        name, width = "/".join(path), columns[-1].shape[1]
        names += [name] if values.ndim == 1 else [f"{name}_{i}" for i in range(width)]
    known = metadata.get("feature_names", ())
    return np.concatenate(columns, 1), list(known) if len(known) == len(names) else names
