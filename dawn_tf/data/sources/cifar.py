"""CIFAR-10 and CIFAR-100 made long-tailed: 32x32 images, 50,000 to train and 10,000 to test.

Read from the official archives (Python or binary version, packed or unpacked), from Keras's layout
(`cifar10.npz` with `x_train`, `y_train`, `x_test`, `y_test`), or from the small copy
`cifar10_lt50.zip`. That copy, and the `cifar10.npz` made from it, hold the test images and those
training images that rho=50 picks, and so what every larger rho picks (exponential profile, subset
seed 0). CIFAR-100 alike, with its fine labels.
Protocols and options: `dawn_tf.data.sources.long_tailed`.
Source: [Krizhevsky, 2009](https://www.cs.toronto.edu/~kriz/cifar.html); long tail:
[Cao et al., 2019](https://arxiv.org/abs/1906.07413).
"""

import dataclasses
import io
import json

import numpy as np
import tensorflow as tf

from dawn_tf.data.archives import locate_file, open_tree
from dawn_tf.data.download import Download
from dawn_tf.data.errors import missing
from dawn_tf.data.listings import decode_text
from dawn_tf.data.pickles import load_pickle
from dawn_tf.data.sources import long_tailed
from dawn_tf.data.sources.long_tailed import Published, strange

_SIDE = 32
_URL = "https://www.cs.toronto.edu/~kriz/"


@dataclasses.dataclass(frozen=True)
class Cifar:
    """One of the two data sets, as a source.

    Attributes:
        name: As in `SOURCES`.
        stem: Beginning of the names of its archives.
        folders: Names of the folder in the Python and in the binary version.
        train: Names of the files with training images, without the binary version's ".bin".
        test: Name of the file with test images, alike.
        name_files: Files with the names of the classes in the two versions.
        keys: Of the labels and of the names of the classes in the Python version.
        label_bytes: Bytes before each image in the binary version, of which the last is the label.
        DOWNLOADS: What `dawn_tf.data.download` fetches.
    """

    name: str
    stem: str
    folders: tuple
    train: tuple
    test: str
    name_files: tuple
    keys: tuple
    label_bytes: int
    DOWNLOADS: tuple

    TASKS = ("classification",)
    PROTOCOLS = long_tailed.PROTOCOLS
    OPTIONS = long_tailed.OPTIONS
    IMAGE_SIZE = (_SIDE, _SIDE)
    PUBLISHED_AT = f"{_URL}cifar.html"

    @property
    def FILES(self):
        return f"{self.stem}-python.tar.gz or {self.stem}-binary.tar.gz (or their folders)"

    def read(self, request):
        path, reader = self._find(request.folder)
        return long_tailed.records(reader(path), request, path, self.FILES)

    def split(self, records, request):
        return long_tailed.split(records, request)

    def _find(self, folder):
        """What to read, and the function that reads it: whole data sets before smaller copies."""
        keras_name = self.stem.replace("-", "")
        folders = [folder / name for name in (".", self.stem, keras_name, self.name)]
        python, binary = self.folders
        if path := _find_archive(folder, folders, python, f"{self.stem}-python.tar.gz"):
            return path, self._from_pickles
        if path := _find_archive(folder, folders, binary, f"{self.stem}-binary.tar.gz"):
            return path, self._from_binary
        if path := locate_file(folders, f"{keras_name}.npz"):
            return path, _from_npz
        if path := locate_file(folders, f"{keras_name}_lt50.zip"):
            return path, _from_small
        raise missing(self.name, self.FILES, self.PUBLISHED_AT, folder)

    def _from_pickles(self, path):
        name_file, (label, label_names) = self.name_files[0], self.keys
        files = _read_files(path, [*self.train, self.test, name_file])
        batches = {name: load_pickle(content, name) for name, content in files.items()}
        try:
            class_names = batches.pop(name_file)[label_names]
            parts = {k: (_images(v["data"]), np.array(v[label])) for k, v in batches.items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise strange(path, f"holds other pickles ({error!r})") from error
        return self._assembled(parts, class_names)

    def _from_binary(self, path):
        name_file, row = self.name_files[1], self.label_bytes + 3 * _SIDE**2
        files = _read_files(
            path, [*(f"{name}.bin" for name in (*self.train, self.test)), name_file]
        )
        class_names = decode_text(files.pop(name_file), name_file).split()
        parts = {}
        for name, content in files.items():
            if len(content) % row:
                raise strange(path, f"has {len(content)} bytes in {name}, no multiple of {row}")
            rows = np.frombuffer(content, "uint8").reshape(-1, row)
            parts[name.removesuffix(".bin")] = (
                _images(rows[:, self.label_bytes :]),
                rows[:, self.label_bytes - 1],
            )
        return self._assembled(parts, class_names)

    def _assembled(self, parts, class_names):
        train = [parts[name] for name in self.train]
        x_train, y_train = (np.concatenate(arrays) for arrays in zip(*train, strict=True))
        return Published(x_train, y_train, *parts[self.test], class_names)


CIFAR10 = Cifar(
    name="cifar10_lt",
    stem="cifar-10",
    folders=("cifar-10-batches-py", "cifar-10-batches-bin"),
    train=tuple(f"data_batch_{i}" for i in range(1, 6)),
    test="test_batch",
    name_files=("batches.meta", "batches.meta.txt"),
    keys=("labels", "label_names"),
    label_bytes=1,
    DOWNLOADS=(
        # The MD5 is the publisher's, the size what its server says.
        Download(
            f"{_URL}cifar-10-python.tar.gz",
            "cifar-10-python.tar.gz",
            size=170_498_071,
            md5="c58f30108f718f92721af3b95e74349a",
        ),
    ),
)
CIFAR100 = Cifar(
    name="cifar100_lt",
    stem="cifar-100",
    folders=("cifar-100-python", "cifar-100-binary"),
    train=("train",),
    test="test",
    name_files=("meta", "fine_label_names.txt"),
    keys=("fine_labels", "fine_label_names"),
    label_bytes=2,
    DOWNLOADS=(
        Download(
            f"{_URL}cifar-100-python.tar.gz",
            "cifar-100-python.tar.gz",
            size=169_001_437,
            md5="eb9058c3a382ffc7106e4002c42a8d85",
        ),
    ),
)


def _find_archive(folder, folders, unpacked, packed):
    # Keras unpacks into "<name>-target", and the data folder may itself be the unpacked one.
    places = [*folders, *(f / f"{unpacked}-target" for f in folders)]
    candidates = [place / unpacked for place in places]
    if folder.name == unpacked:
        candidates.append(folder)
    found = next((path for path in candidates if path.is_dir()), None)
    return found or locate_file(folders, packed)


def _read_files(path, names):
    tree = open_tree([path])
    absent = [name for name in names if name not in tree]
    if absent:
        raise strange(path, f"lacks {', '.join(absent)}")
    # In the order of the archive, which is the fast one.
    return {name: tree[name] for name in tree if name in names}


def _images(rows):
    """Images `(N, 32, 32, 3)` of rows of 1,024 red, green and blue values each."""
    return rows.reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1)


def _from_npz(path):
    arrays = long_tailed.read_npz(path)
    y_train, y_test = (arrays[f"y_{part}"].ravel() for part in ("train", "test"))
    class_names = arrays.get("label_names", np.arange(y_test.max(initial=0) + 1))
    return Published(
        arrays["x_train"],
        y_train,
        arrays["x_test"],
        y_test,
        class_names.astype(str).tolist(),
        arrays.get("train_index"),
        arrays.get("y_train_full"),
    )


def _from_small(path):
    tree = open_tree([path])
    try:
        labels = dict(np.load(io.BytesIO(tree["labels.npz"])))
        class_names = json.loads(tree["label_names.json"])
        x_train, x_test = (
            _tiles(tree, part)[: len(labels[f"y_{part}"])] for part in ("train", "test")
        )
        return Published(
            x_train,
            labels["y_train"],
            x_test,
            labels["y_test"],
            class_names,
            labels["train_index"],
            labels["y_train_full"],
        )
    except (KeyError, ValueError, tf.errors.InvalidArgumentError) as error:
        raise strange(path, f"holds other files ({error})") from error


def _tiles(tree, part):
    """Images of the sheets "train_000.webp" and so on, row by row."""
    names = sorted(name for name in tree if name.startswith(part) and name.endswith(".webp"))
    sheets = []
    for name in names:
        sheet = tf.io.decode_image(tree[name], channels=3, expand_animations=False).numpy()
        rows, columns = (length // _SIDE for length in sheet.shape[:2])
        sheet = sheet.reshape(rows, _SIDE, columns, _SIDE, 3).transpose(0, 2, 1, 3, 4)
        sheets.append(sheet.reshape(-1, _SIDE, _SIDE, 3))
    return np.concatenate(sheets)
