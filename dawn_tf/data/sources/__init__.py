"""One module (or object) per data set: files -> `Records`, and how those are divided.

Each has

- `TASKS`, `PROTOCOLS`: what can be chosen, the default first;
- `IMAGE_SIZE`: default `(height, width)`, or `None` for rows;
- `FILES`, `PUBLISHED_AT`: what to fetch and where, in words; `FILES` is `None` if nothing is;
- `OPTIONS`, if it has any: further arguments of `load` for it alone, dict from name to default;
- `SUFFIXES`, if `data_dir` may also be a single file: which ones, ".csv" say;
- `DOWNLOADS`, if it may be fetched: see `dawn_tf.data.download`;
- `read(request)`: the whole data set as `Records`;
- `split(records, request)`: dict with the index arrays "train", "val" and "test";
- `finish(parts, request)`, if something is to be learned from the training part before its inputs
  are numbers: the dict of `Records` by part as they were divided, and returned as they are used.
"""

from dawn_tf.data.sources import (
    camvid,
    cifar,
    creditcard,
    digits,
    folder,
    ham10000,
    isic2017,
    mnist_imb,
    table,
    tfds,
)

SOURCES = {
    "camvid": camvid,
    "cifar100_lt": cifar.CIFAR100,
    "cifar10_lt": cifar.CIFAR10,
    "creditcard": creditcard,
    "csv": table,
    "digits": digits,
    "folder": folder,
    "ham10000": ham10000,
    "isic2017": isic2017,
    "mnist_imb": mnist_imb,
    "tfds": tfds,
}
