"""Images that are decoded when they are used, for data larger than memory."""

import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dawn_tf.data.errors import DataError

# Shared by all, so that several batches at once don't start threads of their own. Four at least:
# some of them wait for the disk.
_POOL = ThreadPoolExecutor(max(4, os.cpu_count()), thread_name_prefix="decode")


class LazyImages:
    """Array-like of images or masks that holds their names and decodes what is indexed.

    `images[indices]` is what the same index of the decoded array gives, for an integer, a slice,
    an array of integers or a boolean mask. `view(indices)` leaves the images undecoded.

    Args:
        names: File names, in the order of the images.
        read_bytes: Function from a name to the bytes of that file, called from several threads.
        decode: Function from these bytes and the name to a uint8 array of shape `shape`.
        shape: Shape of one image.
    """

    dtype = np.dtype("uint8")

    def __init__(self, names, read_bytes, decode, shape):
        self.names = np.asarray(names)
        self.read_bytes = read_bytes
        self.decode = decode
        self.shape = (len(self.names), *shape)

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def nbytes(self):
        """Bytes of the decoded array."""
        return math.prod(self.shape)

    def __len__(self):
        return len(self.names)

    def view(self, indices):
        """The images at `indices`, still undecoded."""
        return LazyImages(self.names[indices], self.read_bytes, self.decode, self.shape[1:])

    def __getitem__(self, indices):
        names = self.names[indices]
        if names.ndim == 0:
            return self._decoded(names)
        images = np.empty((len(names), *self.shape[1:]), self.dtype)

        def fill(i):
            images[i] = self._decoded(names[i])

        in_threads(fill, range(len(names)))
        return images

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[:], dtype)

    def _decoded(self, name):
        name = str(name)
        try:
            content = self.read_bytes(name)
        except OSError as error:
            raise DataError(
                f"Expected a file that can be read. Received: {name!r} ({error.strerror}). "
                "Fetch this file again."
            ) from error
        return self.decode(content, name)


def in_threads(function, items):
    """`[function(item) for item in items]`, several at a time; the first error is raised."""
    return list(_POOL.map(function, items))


def is_lazy(array):
    """Whether `array` decodes when it is indexed."""
    return isinstance(array, LazyImages)


def chunks(array, num_bytes=2**24):
    """Yields `array`, in memory or lazy, in numpy arrays of about `num_bytes` bytes, in order."""
    step = max(1, num_bytes // max(1, math.prod(array.shape[1:]) * array.dtype.itemsize))
    for start in range(0, len(array), step):
        yield array[start : start + step]
