"""Handwritten digits, 1,797 images of 8x8, made long-tailed. Comes with scikit-learn.

Protocol "long_tail": stratified 70/15/15, then the training part falls exponentially from class 0
to class 9 with ratio 20. Validation and test part keep every class.
Source: [Alpaydin and Kaynak, 1998](https://doi.org/10.24432/C50P49), test set.
"""

import numpy as np
from sklearn.datasets import load_digits

from dawn_tf.data.images import resize_image
from dawn_tf.data.long_tail import exponential_counts, pick
from dawn_tf.data.records import Records
from dawn_tf.data.splits import stratified

TASKS = ("classification",)
PROTOCOLS = ("long_tail",)
IMAGE_SIZE = (8, 8)
FILES = None
PUBLISHED_AT = "scikit-learn"
RHO = 20


def read(request):
    digits = load_digits()
    # Published as 0..16.
    images = np.rint(digits.images[..., None] * (255 / 16)).astype("uint8")
    return Records(
        x=np.stack([resize_image(image, request.image_size) for image in images]),
        y=digits.target.astype("int32"),
        ids=np.array([f"digit_{i:04d}" for i in range(len(images))]),
        sampling_labels=digits.target.astype("int32"),
        class_names=[str(name) for name in digits.target_names],
        task=request.task,
    )


def split(records, request):
    train, val, test = stratified(records.y, seed=request.seed)
    counts = np.bincount(records.y[train])
    tail = pick(records.y[train], exponential_counts(counts.min(), len(counts), RHO), request.seed)
    return {"train": train[tail], "val": val, "test": test}
