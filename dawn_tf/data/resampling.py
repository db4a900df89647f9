"""Resampling of the training part by adding and removing examples, with imbalanced-learn.

Class-aware sampling (`sampling`) reaches any shares without making or losing an example; these
are its rivals.
"""

import dataclasses
import importlib

import numpy as np
from sklearn.preprocessing import StandardScaler

from dawn_tf.data.errors import DataError
from dawn_tf.data.generators import GENERATORS, STEPS, check_inputs, make_examples
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
METHODS = ("none", *_PICKERS, *_MAKERS, *_CLEANERS, *GENERATORS)
# Of the result as float32. Neighbours by pixels mean little in images as large as that takes.
MAX_BYTES = 2**30


def resample(data, method, seed=0, steps=STEPS):
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
      ([Wilson, 1972](https://doi.org/10.1109/TSMC.1972.4309137));
    - "gan" makes images of up to 32x32, "ctgan" rows, until all classes are equal, by a network
      that is trained here: see `generators.ImageGAN` and `generators.CTGAN`.

    Distances are between standardised columns; images are taken as the flat list of their pixels.
    Examples that are made follow the others, which keep their order. Columns of 0 and 1 get values
    in between.

    Args:
        data: `DataSplits` of task "classification".
        method: Among `METHODS`; "none" gives `data` back.
        seed: Integer.
        steps: Batches that "gan" and "ctgan" are trained on.

    Raises: `DataError` for masks, for images beyond `MAX_BYTES`, for a class of one example, for a
        class that nothing is left of, for inputs that a method is not for, and where
        imbalanced-learn is not installed.
    """
    check_resampling(data, method)
    if method == "none":
        return data
    if method in GENERATORS:
        return with_made(data, *make_examples(data, method, seed, steps), method)
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
        return with_made(data, *_between_neighbours(train, method, counts, seed), method)
    return _with_train(data, resampled)


def check_resampling(data, method):
    """Raises `DataError` for data that `method` is not for."""
    if method != "none" and data.task != "classification":
        raise DataError(
            f"Expected one class per example for oversampling={method!r}. Received: "
            f"task={data.task!r}. Leave it out; --sampling and --mixing copy_paste are for masks."
        )
    if method in GENERATORS:
        check_inputs(data.input_shape, method)
        _check_size(data.class_counts.max() * data.num_classes, data.input_shape)


def with_made(data, x, y, method):
    """`data` with examples more in its training part, after those that are there.

    Args:
        data: `DataSplits`.
        x, y: The examples, as the training part has them.
        method: What made them; their ids begin with it.
    """
    train = data.parts["train"]
    y = np.concatenate([train.y, y.astype(train.y.dtype)])
    ids = [f"{method}_{i}" for i in range(len(x))]
    train = dataclasses.replace(
        train,
        x=np.concatenate([train.x[:], x.astype(train.x.dtype)]),
        y=y,
        ids=np.concatenate([train.ids, np.array(ids, str)]),
        sampling_labels=y,
        # What is made has neither a patient nor a published part.
        groups=None,
        official_part=None,
    )
    return _with_train(data, train)


def _with_train(data, train):
    counts = class_counts(train.y, data.num_classes)
    check_training_classes(np.flatnonzero(counts), data.class_names)
    return dataclasses.replace(data, parts={**data.parts, "train": train}, class_counts=counts)


def _between_neighbours(train, method, counts, seed):
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
    return made, y[len(train) :]


def _flat(train, num_examples):
    """Rows of numbers, float32, or `DataError` if so many of them are too large."""
    _check_size(num_examples, train.x.shape[1:])
    return train.x[:].reshape(len(train), -1).astype("float32")


def _check_size(num_examples, shape):
    features = int(np.prod(shape))
    if num_examples * features * 4 > MAX_BYTES:
        raise DataError(
            f"Expected at most {MAX_BYTES / 2**30:g} GiB of float32 after resampling. Received: "
            f"{num_examples:,} examples of {features:,} numbers. Choose smaller images "
            "(--image_size), or --sampling balanced, which copies nothing."
        )


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
