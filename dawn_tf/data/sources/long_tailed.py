"""What CIFAR and MNIST share: a balanced set with an official test part, made long-tailed.

Options: `rho`, the imbalance ratio; `profile`, "exponential" or "step"; `subset_seed`, of the
choice of images (`dawn_tf.data.long_tail.long_tailed`), which does not change with the seed of the
division.

Protocols:

- "literature": the test part is the official, balanced one; validation is 10 % of each class of
  the long-tailed training images, at least one image and never a class's last.
- "paper": the long-tailed training images alone, stratified 70/15/15, so that the test part is as
  long-tailed as the training part. It may lack a class of few images.
"""

import dataclasses

import numpy as np

from dawn_tf.data.errors import DataError, MissingData
from dawn_tf.data.images import read_all, resize_image
from dawn_tf.data.long_tail import long_tailed
from dawn_tf.data.records import Records
from dawn_tf.data.splits import hold_out, stratified

PROTOCOLS = ("literature", "paper")
OPTIONS = {"rho": 100, "profile": "exponential", "subset_seed": 0}


@dataclasses.dataclass(frozen=True, eq=False)
class Published:
    """A data set as it was published, or what a smaller copy still holds of it.

    Attributes:
        x_train, x_test: uint8, `(N, height, width, channels)`.
        y_train, y_test: Class numbers, `(N,)`.
        class_names: List of names.
        train_index: Number of each training image in the published training part, ascending;
            `None` if all are there.
        y_train_full: Class numbers of the whole published training part; `None` as before.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: list
    train_index: np.ndarray | None = None
    y_train_full: np.ndarray | None = None


def records(published, request, path, files):
    """`Records` of the picked training images and the official test images.

    Args:
        published: `Published`.
        request: `Request` with `OPTIONS`.
        path: What it was read from.
        files: What holds all training images, in words.

    Raises: `DataError` if the arrays don't fit each other; `MissingData` if a picked image is not
        in a smaller copy.
    """
    _check(published, path)
    num_classes = len(published.class_names)
    if published.train_index is None:
        all_labels = published.y_train
        picked = rows = long_tailed(all_labels, num_classes, **request.options)
    else:
        all_labels = published.y_train_full
        picked = long_tailed(all_labels, num_classes, **request.options)
        _check_held(picked, published, request.options, path, files)
        rows = np.searchsorted(published.train_index, picked)
    num_test = len(published.y_test)
    labels = np.concatenate([published.y_train[rows], published.y_test]).astype("int32")
    names = [f"train_{i:05d}" for i in picked] + [f"test_{i:05d}" for i in range(num_test)]
    return Records(
        x=_resized(np.concatenate([published.x_train[rows], published.x_test]), request),
        y=labels,
        ids=np.array(names),
        sampling_labels=labels,
        class_names=published.class_names,
        task=request.task,
        official_part=np.repeat(["train", "test"], [len(rows), num_test]),
        notes=(
            f"{len(rows)} of {len(all_labels)} training images picked with "
            f"{_shown(request.options)}.",
        ),
    )


def split(records, request):
    train, test = (np.flatnonzero(records.official_part == part) for part in ("train", "test"))
    if request.protocol == "paper":
        train, val, test = (train[i] for i in stratified(records.y[train], seed=request.seed))
    else:
        train, val = (train[i] for i in hold_out(records.y[train], seed=request.seed))
    return {"train": train, "val": val, "test": test}


def read_npz(path):
    """The arrays of a `.npz` file in Keras's layout, by name.

    Raises: `DataError` if it is damaged, holds pickled objects or lacks one of Keras's arrays.
    """
    try:
        with np.load(path) as file:
            arrays = dict(file)
    except Exception as error:  # A damaged zip, a foreign file and an array of objects: all differ.
        raise strange(path, f"cannot be read ({error})") from error
    absent = [k for k in ("x_train", "y_train", "x_test", "y_test") if k not in arrays]
    if absent:
        raise strange(path, f"lacks {', '.join(absent)}")
    return arrays


def strange(path, what):
    """`DataError` for a file that is not what was published."""
    return DataError(
        f"Expected the data set as it was published. Received: {str(path)!r}, which {what}. "
        "Fetch it again."
    )


def _check(published, path):
    for part in ("train", "test"):
        x, y = getattr(published, f"x_{part}"), getattr(published, f"y_{part}")
        if x.dtype != "uint8" or y.dtype.kind not in "iu" or y.shape != x.shape[:1] or not len(y):
            raise strange(
                path,
                f"has {part} images of shape {x.shape} and type {x.dtype} with labels of shape "
                f"{y.shape} and type {y.dtype}",
            )
        if y.min() < 0 or y.max() >= len(published.class_names):
            raise strange(
                path, f"has labels {y.min()}..{y.max()} for {len(published.class_names)} classes"
            )
    index, labels = published.train_index, published.y_train_full
    if index is not None and not (
        np.all(np.diff(index) > 0)
        and len(index) == len(published.y_train)
        and 0 <= index[0] <= index[-1] < len(labels)
        and np.array_equal(labels[index], published.y_train)
    ):
        raise strange(path, "has a train_index that does not lead to the labels of its images")


def _check_held(picked, published, options, path, files):
    lost = np.setdiff1d(picked, published.train_index)
    if len(lost):
        raise MissingData(
            f"Expected the {len(picked)} training images that {_shown(options)} pick. Received: "
            f"{str(path)!r}, a copy with {len(published.train_index)} of the "
            f"{len(published.y_train_full)}, which lacks {len(lost)} of them. Put {files} beside "
            "it; or choose the profile and subset_seed that the copy was made with, and a larger "
            "rho."
        )


def _shown(options):
    return ", ".join(f"{name}={value}" for name, value in options.items())


def _resized(images, request):
    if images.shape[1:3] == request.image_size:
        return images
    return read_all(
        np.arange(len(images)),
        lambda name: images[int(name)],
        lambda image: resize_image(image, request.image_size),
        (*request.image_size, images.shape[-1]),
        request.in_memory,
    )
