"""Resampling of the training part by adding and removing examples, with imbalanced-learn.

Class-aware sampling (`sampling`) reaches any shares without making or losing an example; these
are its rivals.
"""

import dataclasses
import importlib

import numpy as np
from sklearn.preprocessing import StandardScaler

from dawn_tf.data.errors import DataError
from dawn_tf.data.records import class_counts
from dawn_tf.data.splits import check_training_classes

# Where imbalanced-learn has them: those that pick among the examples without a look at them, those
# that make examples, and those that remove some.
_PICKERS = {
    "random_over": "over_sampling.RandomOverSampler",
    "random_under": "under_sampling.RandomUnderSampler",
}
_MAKERS = {
    "smote": "over_sampling.SMOTE",
    "borderline_smote": "over_sampling.BorderlineSMOTE",
    "adasyn": "over_sampling.ADASYN",
}
_CLEANERS = {
    "tomek": "under_sampling.TomekLinks",
    "enn": "under_sampling.EditedNearestNeighbours",
}
METHODS = ("none", *_PICKERS, *_MAKERS, *_CLEANERS)
# Of the result as float32. Neighbours by pixels mean little in images as large as that takes.
MAX_BYTES = 2**30


def resample(data, method, seed=0):
    """`data` with its training part resampled; validation and test part stay as they are.

    - "random_over" repeats random examples until all classes are as large as the largest;
      "random_under" removes random ones until all are as small as the smallest;
    - "smote" ([Chawla et al., 2002](https://doi.org/10.1613/jair.953)) makes examples between
      neighbours of one class until all classes are equal, "borderline_smote"
      ([Han et al., 2005](https://doi.org/10.1007/11538059_91)) near the border to the others,
      "adasyn" ([He et al., 2008](https://doi.org/10.1109/IJCNN.2008.4633969)) the more the more
      neighbours are of other classes;
    - "tomek" removes examples of the larger classes that are, with one of another class, each
      other's nearest ([Tomek, 1976](https://doi.org/10.1109/TSMC.1976.4309452)), "enn" those whose
      three nearest are not all of their own class
      ([Wilson, 1972](https://doi.org/10.1109/TSMC.1972.4309137)).

    Distances are between standardised columns; images are taken as the flat list of their pixels.
    Examples that are made follow the others, which keep their order. Columns of 0 and 1 get values
    in between.

    Args:
        data: `DataSplits` of task "classification".
        method: Among `METHODS`; "none" gives `data` back.
        seed: Integer.

    Raises: `DataError` for masks, for images beyond `MAX_BYTES`, for a class of one example, for a
        class that nothing is left of, and where imbalanced-learn is not installed.
    """
    if method == "none":
        return data
    if data.task != "classification":
        raise DataError(
            f"Expected one class per example for oversampling={method!r}. Received: "
            f"task={data.task!r}. Leave it out; --sampling and --mixing copy_paste are for masks."
        )
    train, counts = data.parts["train"], data.class_counts
    if method in _PICKERS:
        sampler = _imblearn(_PICKERS[method])(random_state=seed)
        sampler.fit_resample(np.arange(len(train))[:, None], train.y)
        resampled = train.subset(sampler.sample_indices_)
    elif method in _CLEANERS:
        sampler = _imblearn(_CLEANERS[method])()
        _fit(sampler, StandardScaler().fit_transform(_flat(train, len(train))), train.y, method)
        resampled = train.subset(sampler.sample_indices_)
    else:
        resampled = _with_made_examples(train, method, counts, seed)
    counts = class_counts(resampled.y, data.num_classes)
    check_training_classes(np.flatnonzero(counts), data.class_names)
    parts = {**data.parts, "train": resampled}
    return dataclasses.replace(data, parts=parts, class_counts=counts)


def _with_made_examples(train, method, counts, seed):
    x = _flat(train, len(counts) * counts.max())
    if counts.min() < 2:
        raise DataError(
            f"Expected two training examples of each class or more for {method}. Received: one of "
            f"class {train.class_names[counts.argmin()]!r}. Choose random_over."
        )
    # Five neighbours, as in the papers, or all there are.
    k = min(5, int(counts.min()) - 1)
    neighbours = {"n_neighbors" if method == "adasyn" else "k_neighbors": k}
    sampler = _imblearn(_MAKERS[method])(random_state=seed, **neighbours)
    scaler = StandardScaler()
    x, y = _fit(sampler, scaler.fit_transform(x), train.y, method)
    made = scaler.inverse_transform(x[len(train) :]).reshape(-1, *train.x.shape[1:])
    if train.x.dtype == np.uint8:
        made = np.rint(made).clip(0, 255)
    ids = [f"{method}_{i}" for i in range(len(made))]
    return dataclasses.replace(
        train,
        x=np.concatenate([train.x[:], made.astype(train.x.dtype)]),
        y=y,
        ids=np.concatenate([train.ids, np.array(ids, str)]),
        sampling_labels=y,
        # What is made has neither a patient nor a published part.
        groups=None,
        official_part=None,
    )


def _flat(train, num_examples):
    """Rows of numbers, float32, or `DataError` if so many of them are too large."""
    features = int(np.prod(train.x.shape[1:]))
    if num_examples * features * 4 > MAX_BYTES:
        raise DataError(
            f"Expected at most {MAX_BYTES / 2**30:g} GiB of float32 after resampling. Received: "
            f"{num_examples:,} examples of {features:,} numbers. Choose smaller images "
            "(--image_size), or --sampling balanced, which copies nothing."
        )
    return train.x[:].reshape(len(train), features).astype("float32")


def _fit(sampler, x, y, method):
    try:
        return sampler.fit_resample(x, y)
    except (ValueError, RuntimeError) as error:
        raise DataError(
            f"Expected training examples that {method} can work with. Received: "
            f"{' '.join(str(error).split())} Choose another method."
        ) from error


def _imblearn(path):
    """The class of that path in imbalanced-learn."""
    module, name = path.split(".")
    try:
        return getattr(importlib.import_module(f"imblearn.{module}"), name)
    except ImportError as error:
        raise DataError(
            "Expected imbalanced-learn, which resamples. Received: an installation without it. "
            "Run `pip install dawn_tf[tabular]`."
        ) from error
