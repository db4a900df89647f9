"""Examples of the smaller classes made by networks that learned the training part."""

import numpy as np

from dawn_tf.data.errors import DataError
from dawn_tf.data.generators.ctgan import CTGAN
from dawn_tf.data.generators.image_gan import MAX_SIDE, ImageGAN

GENERATORS = ("gan", "ctgan")
STEPS = 3000

__all__ = ["CTGAN", "GENERATORS", "ImageGAN", "STEPS", "make_examples"]


def make_examples(data, method, seed=0, steps=STEPS, at_least=0):
    """As many examples of each class as it lacks to be as large as the largest.

    Args:
        data: `DataSplits` of task "classification"; the training part alone is looked at.
        method: "gan" for images of up to 32x32, "ctgan" for rows.
        seed: Integer. The same seed gives the same examples on a CPU.
        steps: Batches that the GAN is trained on.
        at_least: Examples to make of each class, whatever it lacks.

    Returns: `(x, y)`: inputs of the dtype of the training part, and int32 labels.

    Raises: `DataError` for inputs that are not what the method is for, and for a class without
        examples.
    """
    train, counts = data.parts["train"], data.class_counts
    check_inputs(train.x.shape[1:], method)
    if counts.min() < 1:
        raise DataError(
            f"Expected training examples of each class for {method}. Received: none of class "
            f"{data.class_names[counts.argmin()]!r}. Leave that class out."
        )
    lacking = np.maximum(counts.max() - counts, at_least)
    y = np.repeat(np.arange(len(counts)), lacking).astype("int32")
    if method == "gan":
        gan = ImageGAN(len(counts), train.x.shape[1:], seed=seed)
        gan.fit(train.x[:], train.y, steps)
    else:
        gan = CTGAN(column_groups(train.encoder), seed=seed).fit(train.x, train.y, steps)
    return gan.sample(y, seed).astype(train.x.dtype), y


def check_inputs(shape, method):
    """Raises `DataError` unless inputs of that shape are what the method is for."""
    if method == "gan" and not (len(shape) == 3 and max(shape[:2]) <= MAX_SIDE):
        raise DataError(
            f"Expected images of up to {MAX_SIDE}x{MAX_SIDE} for oversampling='gan'. Received: "
            f"inputs of shape {tuple(shape)}. Use --image_size {MAX_SIDE}, or for rows "
            "--oversampling ctgan."
        )
    if method == "ctgan" and len(shape) != 1:
        raise DataError(
            "Expected table rows for oversampling='ctgan'. Received: inputs of shape "
            f"{tuple(shape)}. Use --oversampling gan for images."
        )


def column_groups(encoder):
    """Columns of a `TableEncoder`'s rows that are one: the levels of each word."""
    if encoder is None:
        return []
    groups, start = [], len(encoder.medians) + len(encoder.indicators)
    for name, levels in encoder.levels.items():
        end = start + len(levels) + (name in encoder.pooled)
        groups.append(list(range(start, end)))
        start = end
    return groups
