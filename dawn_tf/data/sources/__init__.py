"""One module per data set: files -> `Records`, and how those are divided.

Each module has

- `TASKS`, `PROTOCOLS`: what can be chosen, the default first;
- `IMAGE_SIZE`: default `(height, width)`, or `None` for rows;
- `FILES`, `PUBLISHED_AT`: what to fetch and where, in words; `FILES` is `None` if nothing is;
- `OPTIONS`, if it has any: further arguments of `load` for it alone, dict from name to default;
- `DOWNLOADS`, if it may be fetched: see `dawn_tf.data.download`;
- `read(request)`: the whole data set as `Records`;
- `split(records, request)`: dict with the index arrays "train", "val" and "test".
"""

from dawn_tf.data.sources import creditcard, digits, ham10000, isic2017

SOURCES = {
    "creditcard": creditcard,
    "digits": digits,
    "ham10000": ham10000,
    "isic2017": isic2017,
}
