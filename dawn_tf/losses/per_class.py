"""Vectors with one number per class, and means over the classes."""

import numpy as np
from keras import ops


def to_list(values, name):
    """`values` as a list of floats (`None` stays); `ValueError` if one is negative or all are 0."""
    if values is None:
        return None
    array = np.asarray(values, "float64")
    if array.ndim != 1 or not (np.isfinite(array).all() and (array >= 0).all() and array.any()):
        raise ValueError(
            f"Expected {name} as a list with one finite number >= 0 per class, not all 0. "
            f"Received: {name}={values!r}. Pass `None` for equal values."
        )
    return array.tolist()


def to_tensor(values, num_classes, name):
    """`values` as float32 `(num_classes,)`; ones for `None`. `ValueError` if the length differs."""
    if values is None:
        return ops.ones(num_classes, "float32")
    if len(values) != num_classes:
        raise ValueError(
            f"Expected {name} with one number for each of the {num_classes} classes of y_pred. "
            f"Received: {name} of length {len(values)}. Give a value for every class."
        )
    return ops.convert_to_tensor(values, "float32")


def mean_over_classes(values, counted, class_weights):
    """Weighted mean of `values`, `(batch, num_classes)`, over the classes counted; 0 if none is.

    `counted` is 0 or 1, of that shape or `(1, num_classes)`.
    """
    weights = counted * to_tensor(class_weights, values.shape[-1], "class_weights")
    return ops.divide_no_nan(ops.sum(values * weights, axis=-1), ops.sum(weights, axis=-1))
