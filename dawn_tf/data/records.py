"""What a source gives: the examples of one data set, and the checks it must pass."""

import collections
import dataclasses

import numpy as np

from dawn_tf.data.errors import DataError
from dawn_tf.data.lazy import LazyImages, chunks, is_lazy
from dawn_tf.data.table_encoder import TableEncoder


@dataclasses.dataclass(frozen=True, eq=False)
class Records:
    """Examples of one data set (or one part of it).

    Images and masks are decoded and in memory as uint8, N * height * width * channels bytes
    (5,984 images at 96x96 are 165 MB), or `LazyImages` that are decoded when they are indexed.

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
        encoder: `TableEncoder` that made the rows out of a table's columns, or `None`.
        pixel_counts: Pixels per class in each mask, int64 `(N, num_classes)`, which `load` counts;
            `None` before that and without masks.
        notes: Sentences about the data that a report should print.
    """

    x: np.ndarray | LazyImages
    y: np.ndarray | LazyImages | dict
    ids: np.ndarray
    sampling_labels: np.ndarray
    class_names: list | dict
    task: str
    groups: np.ndarray | None = None
    official_part: np.ndarray | None = None
    ignore_class: int | None = None
    feature_names: list | None = None
    encoder: TableEncoder | None = None
    pixel_counts: np.ndarray | None = None
    notes: tuple = ()

    def __len__(self):
        return len(self.x)

    def subset(self, indices):
        """The examples at `indices`, in that order."""

        def pick(value):
            if value is None:
                return None
            return value.view(indices) if is_lazy(value) else value[indices]

        y = {k: pick(v) for k, v in self.y.items()} if isinstance(self.y, dict) else pick(self.y)
        return dataclasses.replace(
            self,
            x=pick(self.x),
            y=y,
            ids=self.ids[indices],
            sampling_labels=self.sampling_labels[indices],
            groups=pick(self.groups),
            official_part=pick(self.official_part),
            pixel_counts=pick(self.pixel_counts),
        )


def class_counts(y, num_classes):
    """How often each class occurs in labels, int64 `(num_classes,)`; other labels don't count."""
    return np.bincount(np.ravel(y), minlength=num_classes)[:num_classes]


def with_pixel_counts(records):
    """`records` with `pixel_counts`, if they have masks.

    The masks are read piece by piece, so that lazy ones need not fit into memory.

    Raises: `DataError` for a pixel that is neither a class number nor `ignore_class`.
    """
    if records.task == "classification":
        return records
    both = records.task == "both"
    masks = records.y["mask"] if both else records.y
    class_names = records.class_names["mask"] if both else records.class_names
    strange = np.arange(len(class_names), 256)
    strange = strange[strange != records.ignore_class]
    counts = []
    for mask in (mask for piece in chunks(masks) for mask in piece):
        histogram = class_counts(mask, 256)
        if histogram[strange].any():
            label = strange[histogram[strange].argmax()]
            raise _wrong_label(label, records.ids[len(counts)], class_names)
        counts.append(histogram[: len(class_names)])
    return dataclasses.replace(records, pixel_counts=np.array(counts))


def rarest_class(counts, total):
    """Class number, int32 `(N,)`, of the rarest class that each mask holds.

    Args:
        counts: Pixels per class in each mask, `(N, num_classes)`; see `Records`. A mask of
            void alone counts as the commonest class.
        total: Pixels per class over the training part, `(num_classes,)`.
    """
    order = np.argsort(total, kind="stable")
    present = counts[:, order] > 0
    return np.where(present.any(1), order[present.argmax(1)], order[-1]).astype("int32")


def validate(records, name):
    """Raises `DataError` unless `records` are what `Records` promises.

    Pixels are not looked at: `with_pixel_counts` checks masks, and lazy images are checked when
    they are decoded.
    """
    if len(records) == 0:
        raise DataError(
            f"Expected at least one example. Received: data set {name!r} without any. "
            "Check that --data-dir names the right folder."
        )
    if records.x.dtype.kind == "f" and not np.all(np.isfinite(records.x)):
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
    if y.ndim > 1:  # Masks; `with_pixel_counts` reads each once.
        return
    wrong = (y < 0) | (y >= len(class_names))
    if records.ignore_class is not None:
        wrong &= y != records.ignore_class
    if wrong.any():
        first = wrong.argmax()
        raise _wrong_label(y[first], records.ids[first], class_names)


def _wrong_label(value, example, class_names):
    """`DataError` for a label that is no class number."""
    return DataError(
        f"Expected labels in 0..{len(class_names) - 1} ({', '.join(class_names)}). Received: "
        f"{value} in example {str(example)!r}. Mend that label."
    )
