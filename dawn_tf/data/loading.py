"""From the name of a data set to its three parts."""

import dataclasses
import os
import pathlib

import numpy as np

from dawn_tf.data.bad_inputs import ON_BAD_INPUT, leave_out_bad_inputs
from dawn_tf.data.download import fetch
from dawn_tf.data.errors import DataError, MissingData, missing
from dawn_tf.data.pipeline import DataSplits
from dawn_tf.data.records import class_counts, rarest_class, validate, with_pixel_counts
from dawn_tf.data.request import Request
from dawn_tf.data.sources import SOURCES
from dawn_tf.data.splits import check_training_classes


def names():
    """Names of the data sets that `load` knows."""
    return sorted(SOURCES)


def load(
    name,
    data_dir=None,
    task=None,
    protocol=None,
    seed=0,
    image_size=None,
    in_memory=None,
    download=False,
    on_bad_input="raise",
    **options,
):
    """Reads a data set and divides it into training, validation and test part.

    Args:
        name: One of `names()`.
        data_dir: Folder with the data set's files, or a folder above it; for "folder" and "csv"
            also the one file. Defaults to the environment variable `DAWN_DATA_DIR`. "digits" needs
            none.
        task: "classification", "segmentation" or "both" (masks and labels, `y` a dict with keys
            "mask" and "label"), as far as the data set has them. Defaults to its first.
        protocol: How the parts are made; defaults to the data set's first. See its source.
        seed: Of the random division; the same seed gives the same parts.
        image_size: `(height, width)`; images of another size are squashed to it. Defaults to the
            data set's own.
        in_memory: `True` decodes all images now, `False` when they are used; `None` decodes now
            what fits into memory.
        download: Whether to fetch into `data_dir` what the data set needs and is not there, if it
            is published for that; see `dawn_tf.data.download`.
        on_bad_input: "raise" for an image that cannot be decoded, or "skip": all are decoded once
            to see, and those that cannot are left out of their parts (`DataSplits.bad_inputs`).
        **options: Further arguments of this data set: `OPTIONS` of its source.

    Returns: `DataSplits`.

    Raises: `DataError` for an unknown name, task, protocol or option, and for files that are
        missing, incomplete, corrupt or cannot be fetched.
    """
    _check_choice("name", name, names())
    source = SOURCES[name]
    task = source.TASKS[0] if task is None else task
    _check_choice("task", task, source.TASKS)
    protocol = source.PROTOCOLS[0] if protocol is None else protocol
    _check_choice("protocol", protocol, source.PROTOCOLS)
    _check_choice("on_bad_input", on_bad_input, ON_BAD_INPUT)
    skip = on_bad_input == "skip"
    known = getattr(source, "OPTIONS", {})
    for option in options:
        _check_choice("option", option, known)
    request = Request(
        folder=_folder(source, name, data_dir, download),
        task=task,
        protocol=protocol,
        image_size=source.IMAGE_SIZE if image_size is None else tuple(image_size),
        seed=seed,
        in_memory=False if skip else in_memory,
        options={**known, **options},
    )
    try:
        records = source.read(request)
    except MissingData:
        if not download:
            raise
        fetch(_downloads(source, name), request.folder)
        records = source.read(request)
    validate(records, name)
    records = with_pixel_counts(records)
    indices = source.split(records, request)
    parts = {part: records.subset(chosen) for part, chosen in indices.items()}
    bad = {part: {} for part in parts}
    if skip:
        # After the split: the others stay in their parts, whatever is bad.
        parts, bad = leave_out_bad_inputs(parts, in_memory)
    if hasattr(source, "finish"):
        parts = source.finish(parts, request)
    return _splits(name, protocol, parts, bad)


def _splits(name, protocol, parts, bad):
    train = parts["train"]
    both = train.task == "both"
    targets = train.y if both else {None: train.y}
    class_names = train.class_names if both else {None: train.class_names}
    counts = {
        key: class_counts(y, len(class_names[key])) if y.ndim == 1 else train.pixel_counts.sum(0)
        for key, y in targets.items()
    }
    for key in targets:
        check_training_classes(np.flatnonzero(counts[key]), class_names[key])
    if train.task == "segmentation":
        parts = {
            part: dataclasses.replace(r, sampling_labels=rarest_class(r.pixel_counts, counts[None]))
            for part, r in parts.items()
        }
    return DataSplits(
        name=name,
        task=train.task,
        protocol=protocol,
        class_names=train.class_names,
        class_counts=counts if both else counts[None],
        parts=parts,
        notes=list(train.notes),
        bad_inputs=bad,
    )


def _check_choice(argument, value, choices):
    if value not in choices:
        raise DataError(
            f"Expected {argument} to be one of {', '.join(choices) or 'none'}. "
            f"Received: {argument}={value!r}. Choose one of them."
        )


def _folder(source, name, data_dir, download):
    """The folder to read from; `None` for a source that needs no files."""
    if source.FILES is None:
        return None
    folder = data_dir if data_dir is not None else os.environ.get("DAWN_DATA_DIR")
    fetchable = download and hasattr(source, "DOWNLOADS")
    if fetchable and folder is not None and not pathlib.Path(folder).exists():
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    path = pathlib.Path(folder) if folder is not None else None
    is_file = path is not None and path.is_file() and path.suffix in getattr(source, "SUFFIXES", ())
    if path is None or not (path.is_dir() or is_file):
        raise missing(name, source.FILES, source.PUBLISHED_AT, folder)
    return path


def _downloads(source, name):
    if not hasattr(source, "DOWNLOADS"):
        raise DataError(
            f"Expected a data set that can be fetched without an account or a form. Received: "
            f"name={name!r}. Fetch {source.FILES} from {source.PUBLISHED_AT} by hand and name the "
            "folder with --data-dir (data_dir=)."
        )
    return source.DOWNLOADS
