"""What a source gives: one data set in memory, and the checks every data set must pass."""

import collections
import dataclasses

import numpy as np

from dawn_tf.data.errors import DataError


@dataclasses.dataclass(frozen=True, eq=False)
class Records:
    """Examples of one data set (or one part of it), decoded and in memory.

    Images are kept as uint8: N * height * width * 3 bytes, at most 4 GiB
    (5,984 images at 96x96 are 165 MB).

    Attributes:
        x: Images, uint8 `(N, height, width, channels)` in 0..255, or rows, float32 `(N, features)`.
        y: Class numbers, int32 `(N,)`; masks of class numbers, uint8 `(N, height, width)`; or for
            task "both" a dict with keys "mask" and "label".
        ids: Names of the examples, `(N,)`.
        sampling_labels: Class by which an example is split and sampled, int32 `(N,)`. For masks
            a source gives the diagnosis; `load` replaces it after the split by the rarest class
            in the image.
        class_names: Names of the classes in order; a dict with the keys of `y` for task "both".
        task: "classification", "segmentation" or "both".
        groups: Name per example of what must not be divided between parts (a lesion), or `None`.
        official_part: "train", "val" or "test" per example as published, or `None`.
        ignore_class: Label of unannotated pixels, or `None`.
        feature_names: Names of the columns of rows, or `None`.
        notes: Sentences about the data that a report should print.
    """

    x: np.ndarray
    y: np.ndarray | dict
    ids: np.ndarray
    sampling_labels: np.ndarray
    class_names: list | dict
    task: str
    groups: np.ndarray | None = None
    official_part: np.ndarray | None = None
    ignore_class: int | None = None
    feature_names: list | None = None
    notes: tuple = ()

    def __len__(self):
        return len(self.x)

    def subset(self, indices):
        """The examples at `indices`, in that order."""

        def pick(value):
            return None if value is None else value[indices]

        y = {k: pick(v) for k, v in self.y.items()} if isinstance(self.y, dict) else pick(self.y)
        return dataclasses.replace(
            self,
            x=self.x[indices],
            y=y,
            ids=self.ids[indices],
            sampling_labels=self.sampling_labels[indices],
            groups=pick(self.groups),
            official_part=pick(self.official_part),
        )


def class_counts(y, num_classes):
    """How often each class occurs in `y`, int64 `(num_classes,)`; other labels don't count."""
    return np.bincount(np.ravel(y), minlength=num_classes)[:num_classes]


def rarest_class(masks, counts):
    """Class number, int32 `(N,)`, of the rarest class that each mask holds.

    Args:
        masks: Class numbers, `(N, height, width)`.
        counts: Pixels per class over the training part, `(num_classes,)`. Labels beyond them
            (void) are passed over; a mask of nothing else counts as the commonest class.
    """
    order = np.argsort(counts, kind="stable")
    labels = np.full(len(masks), order[-1], "int32")
    for c in order[::-1]:
        labels[(masks == c).any(axis=(1, 2))] = c
    return labels


def validate(records, name):
    """Raises `DataError` unless `records` are what `Records` promises."""
    if len(records) == 0:
        raise DataError(
            f"Expected at least one example. Received: data set {name!r} without any. "
            "Check that --data-dir names the right folder."
        )
    if not np.all(np.isfinite(records.x)):
        row, column = np.argwhere(~np.isfinite(records.x))[0][:2]
        raise DataError(
            f"Expected finite numbers. Received: {records.x[row, column]} in example "
            f"{str(records.ids[row])!r}, column {column}. Mend or remove that row."
        )
    ids, times = collections.Counter(records.ids.tolist()).most_common(1)[0]
    if times > 1:
        raise DataError(
            f"Expected every example once. Received: {ids!r} {times} times in data set {name!r}. "
            "Remove the doubles."
        )
    both = isinstance(records.y, dict)
    for key, y in records.y.items() if both else [(None, records.y)]:
        _check_labels(y, records, records.class_names[key] if both else records.class_names)


def _check_labels(y, records, class_names):
    if len(y) != len(records):
        raise DataError(
            f"Expected one label per example. Received: {len(y)} labels, {len(records)} examples. "
            "Fetch the labels that belong to these examples."
        )
    wrong = (y < 0) | (y >= len(class_names))
    if records.ignore_class is not None:
        wrong &= y != records.ignore_class
    if wrong.any():
        first = np.argwhere(wrong)[0]
        raise DataError(
            f"Expected labels in 0..{len(class_names) - 1} ({', '.join(class_names)}). Received: "
            f"{y[tuple(first)]} in example {str(records.ids[first[0]])!r}. Mend that label."
        )
