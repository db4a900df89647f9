"""What a data set holds, in numbers."""

import numpy as np

from dawn_tf.data.lazy import chunks
from dawn_tf.data.records import class_counts


def describe(data):
    """Counts, imbalance and scale of a data set.

    Args:
        data: `DataSplits`.

    Returns: dict with keys

    - "name", "task", "protocol", "input_shape", "notes";
    - "parts": for each part, "examples", "groups" (or `None`) and "classes" as `class_sizes` gives
      them;
    - "imbalance_ratio": for each kind of label, the largest class of the training part over its
      smallest; examples, or pixels for masks;
    - "training_mean" and "training_std": of each channel (0..255) or column of the training part,
      what the networks standardise with.
    """
    parts = {}
    for part, records in data.parts.items():
        groups = None if records.groups is None else len(np.unique(records.groups))
        parts[part] = {
            "examples": len(records),
            "groups": groups,
            "classes": class_sizes(records),
        }
    mean, std = mean_and_std(data.parts["train"].x)
    return {
        "name": data.name,
        "task": data.task,
        "protocol": data.protocol,
        "input_shape": list(data.input_shape),
        "parts": parts,
        "imbalance_ratio": {
            kind: _ratio([size["count"] for size in sizes.values()])
            for kind, sizes in parts["train"]["classes"].items()
        },
        "training_mean": mean.tolist(),
        "training_std": std.tolist(),
        "notes": list(data.notes),
    }


def class_sizes(records):
    """How much of each class a part has.

    Returns: dict by kind of label ("label", "mask" or both) of dicts by class name: "count"
    (examples, or pixels for masks), "share" of all, and for masks "images" that hold the class.
    """
    names = records.class_names
    if records.task == "classification":
        return {"label": _sizes(class_counts(records.y, len(names)), names)}
    mask_names = names["mask"] if records.task == "both" else names
    pixels = records.pixel_counts
    sizes = {"mask": _sizes(pixels.sum(0), mask_names)}
    for size, images in zip(sizes["mask"].values(), (pixels > 0).sum(0), strict=True):
        size["images"] = int(images)
    if records.task == "both":
        counts = class_counts(records.y["label"], len(names["label"]))
        sizes["label"] = _sizes(counts, names["label"])
    return sizes


def mean_and_std(x):
    """Mean and standard deviation of each channel or column of `x`, float64, piece by piece."""
    count, total, squares = 0, 0.0, 0.0
    # About the first example's values: a sum of squares alone would lose digits.
    origin = np.asarray(x[:1], "float64").mean(axis=tuple(range(x.ndim - 1)))
    for piece in chunks(x):
        values = np.asarray(piece, "float64").reshape(-1, piece.shape[-1]) - origin
        count += len(values)
        total = total + values.sum(0)
        squares = squares + (values**2).sum(0)
    mean = total / count
    return origin + mean, np.sqrt(np.maximum(squares / count - mean**2, 0))


def _sizes(counts, names):
    total = max(int(counts.sum()), 1)
    return {
        str(name): {"count": int(count), "share": int(count) / total}
        for name, count in zip(names, counts, strict=True)
    }


def _ratio(counts):
    """Largest over smallest class; classes without an example are left out."""
    present = [count for count in counts if count]
    return max(present) / min(present)
