"""Test examples, as what each adds to the confusion matrix of one or more models."""

import numpy as np
from scipy.sparse import csr_matrix

# Resamples are made in blocks of about this many numbers, so that memory stays small.
_BLOCK = 4_000_000


class ConfusionSample:
    """The units of a bootstrap: examples, groups of examples, or images.

    A score of the confusion matrix needs no example twice: those with the same label and the same
    predictions are one unit with a multiplicity. Drawing n examples with replacement is drawing
    their counts from a multinomial distribution, so a bootstrap of 284807 rows of two classes
    draws 4 numbers at a time. This is exact, not an approximation.

    Made by `from_labels` or `from_matrices`. Models share units, so a difference of two is paired.

    Attributes:
        n: Number of examples (groups, images).
        num_models, num_classes: As named.
        multiplicity: How many examples each unit stands for, `(units,)`.
    """

    def __init__(self, contributions, multiplicity, num_classes):
        self._contributions = contributions
        self.multiplicity = multiplicity
        self.num_classes = num_classes
        self.num_models = len(contributions)
        self.n = int(multiplicity.sum())
        if self.n < 2:
            raise ValueError(
                f"Expected at least 2 examples, groups or images. Received: {self.n}. One test "
                "example cannot show how much examples differ."
            )

    @classmethod
    def from_labels(cls, y_true, predictions, num_classes, groups=None):
        """Of classes: labels `(n,)`, predictions `(n,)` or one row for each model, `(models, n)`.

        Args:
            y_true, predictions: Integers in `0..num_classes - 1`.
            num_classes: Number of classes.
            groups: Label of each example's patient or lesion, `(n,)`, which are then drawn whole;
                else several images of one lesion pass for as many witnesses.
        """
        y = np.asarray(y_true)
        predicted = np.atleast_2d(predictions)
        _check_labels(y, predicted, num_classes)
        cells = y.astype("int64") * num_classes + predicted
        if groups is None:
            cells, multiplicity = np.unique(cells, axis=1, return_counts=True)
            unit = np.arange(cells.shape[1])
        else:
            if np.shape(groups) != y.shape:
                raise ValueError(
                    f"Expected a group for each of {len(y)} examples. Received: groups of shape "
                    f"{np.shape(groups)}. Leave groups out if examples are independent."
                )
            unit = np.unique(groups, return_inverse=True)[1]
            multiplicity = np.ones(unit.max() + 1, "int64")
        shape = len(multiplicity), num_classes**2
        ones = np.ones(len(unit))
        parts = [csr_matrix((ones, (unit, row)), shape=shape) for row in cells]
        return cls(parts, multiplicity, num_classes)

    @classmethod
    def from_matrices(cls, matrices):
        """Of images: a confusion matrix of pixels each, `(n, C, C)` or `(models, n, C, C)`.

        Pixels of one image are alike, so images are drawn, not pixels.
        """
        stack = np.asarray(matrices, "float64")
        stack = stack[None] if stack.ndim == 3 else stack
        if stack.ndim != 4 or stack.shape[2] != stack.shape[3] or not stack.shape[1]:
            raise ValueError(
                "Expected confusion matrices (n, C, C) or (models, n, C, C), n at least 1. "
                f"Received: matrices.shape={np.shape(matrices)}. Keep one for each test image."
            )
        n, num_classes = stack.shape[1:3]
        parts = [csr_matrix(one.reshape(n, -1)) for one in stack]
        return cls(parts, np.ones(n, "int64"), num_classes)

    def total(self):
        """Confusion matrices of all examples, `(models, C, C)`."""
        return self._weighted(self.multiplicity[None].astype("float64"))[0]

    def resamples(self, count, rng):
        """`count` bootstrap totals, in blocks `(block, models, C, C)`."""
        shares = self.multiplicity / self.n
        for size in self._blocks(count):
            yield self._weighted(rng.multinomial(self.n, shares, size=size).astype("float64"))

    def leave_one_out(self):
        """Totals without one example of each unit in turn, in blocks `(block, models, C, C)`."""
        total, start = self.total(), 0
        for size in self._blocks(len(self.multiplicity)):
            rows = slice(start, start + size)
            start += size
            one = [part[rows].toarray() for part in self._contributions]
            yield total - self._stacked(one)

    def _blocks(self, count):
        width = max(len(self.multiplicity), self.num_models * self.num_classes**2)
        size = min(count, max(1, _BLOCK // width))
        return [min(size, count - start) for start in range(0, count, size)]

    def _weighted(self, weights):
        return self._stacked([(part.T @ weights.T).T for part in self._contributions])

    def _stacked(self, flat):
        return np.stack(flat, axis=1).reshape(-1, self.num_models, *2 * (self.num_classes,))


def _check_labels(y, predicted, num_classes):
    if y.ndim != 1 or not len(y) or predicted.ndim != 2 or predicted.shape[1] != len(y):
        raise ValueError(
            "Expected n labels and predictions (n,) or (models, n), n at least 1. Received: "
            f"y_true.shape={y.shape}, predictions.shape={predicted.shape}. "
            "Pass classes, not probabilities."
        )
    for name, values in (("y_true", y), ("predictions", predicted)):
        if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= num_classes:
            raise ValueError(
                f"Expected {name} of integers in 0..{num_classes - 1}. Received: "
                f"dtype={values.dtype}, values {values.min()}..{values.max()}. "
                "Leave void labels out."
            )
