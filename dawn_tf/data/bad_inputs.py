"""Images that cannot be decoded: left out at the start, given way to in training, and listed."""

import dataclasses

import numpy as np

from dawn_tf.data.errors import DataError
from dawn_tf.data.images import MAX_BYTES
from dawn_tf.data.lazy import in_threads, is_lazy

ON_BAD_INPUT = ("raise", "skip")


def leave_out_bad_inputs(parts, in_memory=None):
    """The parts without the images that cannot be decoded, each of which is decoded to see.

    Args:
        parts: `Records` by part, images and masks lazy.
        in_memory: As of `read_images`, of what is left.

    Returns: `(parts, bad)`; bad is a dict by part of dicts from an example's id to the reason.

    Raises: `DataError` for a part of which nothing is left, and for a mask: what an image shows is
        then unknown.
    """
    bad = {part: _reasons(records) for part, records in parts.items()}
    kept = {}
    for part, records in parts.items():
        good = np.flatnonzero(~np.isin(records.ids, list(bad[part])))
        if not len(good):
            raise DataError(
                f"Expected images in the {part} part. Received: {len(records)}, none of which can "
                f"be decoded; the first: {next(iter(bad[part].values()))}"
            )
        kept[part] = records.subset(good)
    num_bytes = sum(array.nbytes for records in kept.values() for array in _lazy_arrays(records))
    if in_memory or (in_memory is None and num_bytes <= MAX_BYTES):
        kept = {part: _decoded(records) for part, records in kept.items()}
    return kept, bad


class Substitutes:
    """Reads images in training; one that cannot be decoded gives way to the next of its class.

    Args:
        records: Training part with lazy images.
        bad: Dict from an example's id to the reason, which grows as bad ones are met.
    """

    def __init__(self, records, bad):
        self.records = records
        self.bad = bad
        labels = records.sampling_labels
        by_class = np.argsort(labels, kind="stable")
        last_of_class = np.append(np.diff(labels[by_class]) != 0, True)
        first_of_class = np.append(True, last_of_class[:-1])
        following = np.roll(by_class, -1)
        following[last_of_class] = by_class[first_of_class]
        self.next_of_class = np.empty_like(by_class)
        self.next_of_class[by_class] = following

    def read(self, indices):
        """Images, uint8 `(batch, ...)`, and the indices of the examples they are, `(batch,)`.

        Raises: `DataError` if no image of a class is left.
        """
        images = np.empty((len(indices), *self.records.x.shape[1:]), self.records.x.dtype)
        used = np.array(indices)

        def fill(k):
            while True:
                name = str(self.records.ids[used[k]])
                if name not in self.bad:
                    try:
                        images[k] = self.records.x[used[k]]
                        return
                    except DataError as error:
                        self.bad[name] = str(error)
                used[k] = self.next_of_class[used[k]]
                if used[k] == indices[k]:
                    raise DataError(
                        "Expected an image of every class. Received: a class of which none can be "
                        f"decoded any more, {name!r} among them: {self.bad[name]}"
                    )

        in_threads(fill, range(len(indices)))
        return images, used


def _reasons(records):
    reasons = {}

    def look(i):
        try:
            records.x[i]
        except DataError as error:
            reasons[str(records.ids[i])] = str(error)

    if is_lazy(records.x):
        in_threads(look, range(len(records)))
    return {name: reasons[name] for name in map(str, records.ids) if name in reasons}


def _lazy_arrays(records):
    targets = records.y.values() if isinstance(records.y, dict) else [records.y]
    return [array for array in (records.x, *targets) if is_lazy(array)]


def _decoded(records):
    y = records.y
    y = {key: target[:] for key, target in y.items()} if isinstance(y, dict) else y[:]
    return dataclasses.replace(records, x=records.x[:], y=y)
