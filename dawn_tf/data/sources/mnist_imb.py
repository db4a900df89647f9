"""MNIST made long-tailed: 28x28 digits, 60,000 to train and 10,000 to test.

The digit 0 is the commonest class, 9 the rarest: with rho=100, 5,421 zeros (as many as the rarest
digit has) and 54 nines.
Read from Keras's `mnist.npz` or from the four official files, compressed or not.
Protocols and options: `dawn_tf.data.sources.long_tailed`.
Source: [LeCun et al., 1998](https://doi.org/10.1109/5.726791).
"""

import gzip
import math
import zlib

import numpy as np

from dawn_tf.data.archives import locate_file
from dawn_tf.data.download import Download
from dawn_tf.data.errors import missing
from dawn_tf.data.sources import long_tailed
from dawn_tf.data.sources.long_tailed import Published, strange

TASKS = ("classification",)
PROTOCOLS = long_tailed.PROTOCOLS
OPTIONS = long_tailed.OPTIONS
IMAGE_SIZE = (28, 28)
PUBLISHED_AT = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/ (or http://yann.lecun.com/exdb/mnist)"
)
_FOLDERS = (".", "mnist", "MNIST", "MNIST/raw", "mnist_imb")
_STEMS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
FILES = f"mnist.npz, or {', '.join(f'{stem}-ubyte.gz' for stem in _STEMS)} (with or without .gz),"
# Sizes and MD5s as in torchvision; the mirror is PyTorch's.
DOWNLOADS = [
    Download(
        f"https://ossci-datasets.s3.amazonaws.com/mnist/{stem}-ubyte.gz",
        f"{stem}-ubyte.gz",
        size=size,
        md5=md5,
    )
    for stem, size, md5 in zip(
        _STEMS,
        (9_912_422, 28_881, 1_648_877, 4_542),
        (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        strict=True,
    )
]


def read(request):
    folders = [request.folder / name for name in _FOLDERS]
    # Some mirrors name them "train-images.idx3-ubyte".
    files = [
        locate_file(
            folders,
            *(
                f"{name}-ubyte{end}"
                for name in (stem, stem.replace("-idx", ".idx"))
                for end in ("", ".gz")
            ),
        )
        for stem in _STEMS
    ]
    if all(files):
        path = files[0].parent
        arrays = [_read_idx(file) for file in files]
    elif path := locate_file(folders, "mnist.npz"):
        npz = long_tailed.read_npz(path)
        arrays = [npz[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    else:
        raise missing("mnist_imb", FILES, PUBLISHED_AT, request.folder)
    x_train, y_train, x_test, y_test = arrays
    published = Published(
        x_train[..., None], y_train, x_test[..., None], y_test, [str(digit) for digit in range(10)]
    )
    return long_tailed.records(published, request, path, FILES)


split = long_tailed.split


def _read_idx(path):
    """The uint8 array in a file of the IDX format: magic number, sizes (big-endian), values."""
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise strange(path, f"cannot be read ({error})") from error
    ndim = content[3] if content[:3] == b"\x00\x00\x08" and len(content) > 3 else 0
    shape = np.frombuffer(content[4 : 4 + 4 * ndim], ">u4") if ndim else ()
    if ndim == 0 or len(content) != 4 + 4 * ndim + math.prod(shape.tolist()):
        raise strange(path, "is no whole file in the IDX format")
    return np.frombuffer(content, "uint8", offset=4 + 4 * ndim).reshape(shape)
