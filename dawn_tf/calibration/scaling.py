"""Calibration maps on log-probabilities: temperature, bias-corrected, vector, Dirichlet scaling.

All are `softmax(W log p + b)` with a smaller or larger `W`, fitted by the mean log loss on
validation data with scipy's L-BFGS and the exact gradient. The log loss of these models is
convex in `(W, b)`, so the fit has no seed.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

# Below this a probability says nothing more: float32 softmax underflows to 0.
FLOOR = 1e-12


class _Scaling:
    """Shared by all: `matrix (C, C)` and `bias (C,)`, fitted in the subclass's parameters."""

    def __init__(self):
        self.matrix = self.bias = None

    def fit(self, probabilities, y_true):
        """Fits on labels `(n,)` and probabilities `(n, C)`; returns `self`.

        Raises:
            ValueError: for labels without an example, outside `0..C - 1`, or NaN.
        """
        log_p, y = _check(probabilities, y_true)
        num_classes = log_p.shape[1]
        truth = np.eye(num_classes)[y]

        def objective(parameters):
            matrix, bias = self._unpack(parameters, num_classes)
            scores = log_p @ matrix.T + bias
            loss = -(truth * log_softmax(scores, axis=1)).sum(1).mean()
            slope = (softmax(scores, axis=1) - truth) / len(y)
            penalty, penalty_slope = self._penalty(matrix, bias)
            gradient = self._pack(slope.T @ log_p + penalty_slope[0], slope.sum(0))
            gradient += self._pack(np.zeros_like(matrix), penalty_slope[1])
            return loss + penalty, gradient

        start = self._pack_start(num_classes)
        found = minimize(
            objective,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=self._bounds(start),
            options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 10_000},
        )
        self.matrix, self.bias = self._unpack(found.x, num_classes)
        return self

    def transform(self, probabilities):
        """Calibrated probabilities, float64 of the same shape `(..., C)`."""
        if self.matrix is None:
            raise ValueError(
                f"Expected a fitted {type(self).__name__}. Received: one that has seen no data. "
                "Call fit on validation data first."
            )
        log_p = np.log(np.maximum(np.asarray(probabilities, "float64"), FLOOR))
        return softmax(log_p @ self.matrix.T + self.bias, axis=-1)

    def _penalty(self, matrix, bias):
        return 0.0, (np.zeros_like(matrix), np.zeros_like(bias))

    def _bounds(self, start):
        return None

    def get_config(self):
        """JSON-able state, for `from_config`."""
        return {"matrix": self.matrix.tolist(), "bias": self.bias.tolist()}

    @classmethod
    def from_config(cls, config):
        made = cls()
        made.matrix, made.bias = np.array(config["matrix"]), np.array(config["bias"])
        return made


class TemperatureScaling(_Scaling):
    """`softmax(log p / T)`: one number, which never changes the most probable class.

    After [Guo et al., 2017](https://arxiv.org/abs/1706.04599), section 4.2.
    """

    @property
    def temperature(self):
        """T; above 1 the model was too sure."""
        return float(1.0 / self.matrix[0, 0])

    def _pack_start(self, num_classes):
        return np.ones(1)

    def _pack(self, matrix, bias):
        return np.array([np.trace(matrix)])

    def _unpack(self, parameters, num_classes):
        return parameters[0] * np.eye(num_classes), np.zeros(num_classes)

    def _bounds(self, start):
        return [(1e-3, 1e3)]


class BiasCorrectedScaling(_Scaling):
    """`softmax(a log p + b)`: one slope for all classes, and an offset for each.

    The offsets move probabilities to the class shares of validation, as those of a model trained
    on adjusted logits or drawn shares need it, with half the numbers of vector scaling. The penalty
    `intercept * mean(b^2)` keeps the offset of a class with few examples near 0.
    After [Alexandari et al., 2020](https://arxiv.org/abs/1901.06852), section 3
    ("bias-corrected temperature scaling"); the penalty is that of `DirichletScaling`.

    Args:
        intercept: Strength of the penalty, at least 0.
    """

    def __init__(self, intercept=1e-2):
        super().__init__()
        self.intercept = intercept

    def _pack_start(self, num_classes):
        return np.concatenate([np.ones(1), np.zeros(num_classes)])

    def _pack(self, matrix, bias):
        return np.concatenate([[np.trace(matrix)], bias])

    def _unpack(self, parameters, num_classes):
        return parameters[0] * np.eye(num_classes), parameters[1:]

    def _bounds(self, start):
        return [(1e-3, 1e3)] + [(None, None)] * (len(start) - 1)

    def _penalty(self, matrix, bias):
        slope = 2 * self.intercept * bias / len(bias)
        return self.intercept * (bias**2).mean(), (np.zeros_like(matrix), slope)


class VectorScaling(_Scaling):
    """`softmax(w * log p + b)`: a slope and an offset for each class.

    After [Guo et al., 2017](https://arxiv.org/abs/1706.04599), section 4.2.
    """

    def _pack_start(self, num_classes):
        return np.concatenate([np.ones(num_classes), np.zeros(num_classes)])

    def _pack(self, matrix, bias):
        return np.concatenate([np.diagonal(matrix), bias])

    def _unpack(self, parameters, num_classes):
        slope, bias = np.split(parameters, 2)
        return np.diag(slope), bias


class DirichletScaling(_Scaling):
    """`softmax(W log p + b)` with a full matrix, held back off its diagonal.

    The penalty `off_diagonal * mean(W_ij^2, i != j) + intercept * mean(b^2)` is the paper's ODIR;
    with both 0 this is multinomial logistic regression on log-probabilities.
    After [Kull et al., 2019](https://arxiv.org/abs/1910.12656), Eq. 6 and section 3.

    Args:
        off_diagonal, intercept: Strengths, at least 0.
    """

    def __init__(self, off_diagonal=1e-2, intercept=1e-2):
        super().__init__()
        self.off_diagonal = off_diagonal
        self.intercept = intercept

    def _pack_start(self, num_classes):
        return np.concatenate([np.eye(num_classes).ravel(), np.zeros(num_classes)])

    def _pack(self, matrix, bias):
        return np.concatenate([matrix.ravel(), bias])

    def _unpack(self, parameters, num_classes):
        matrix = parameters[: num_classes**2].reshape(num_classes, num_classes)
        return matrix, parameters[num_classes**2 :]

    def _penalty(self, matrix, bias):
        num_classes = len(bias)
        off = np.where(np.eye(num_classes, dtype=bool), 0.0, matrix)
        pairs = num_classes * (num_classes - 1)
        value = self.off_diagonal * (off**2).sum() / pairs
        value += self.intercept * (bias**2).mean()
        slopes = 2 * self.off_diagonal * off / pairs, 2 * self.intercept * bias / num_classes
        return value, slopes


SCALINGS = {
    "temperature": TemperatureScaling,
    "bias_corrected": BiasCorrectedScaling,
    "vector": VectorScaling,
    "dirichlet": DirichletScaling,
}


def _check(probabilities, y_true):
    p, y = np.asarray(probabilities, "float64"), np.asarray(y_true)
    if p.ndim != 2 or y.shape != p.shape[:1] or not len(y) or y.dtype.kind not in "iu":
        raise ValueError(
            "Expected n integer labels and (n, C) probabilities, n at least 1. Received: "
            f"y_true.shape={y.shape} of {y.dtype}, probabilities.shape={p.shape}. "
            "Flatten masks to (pixels, C) first."
        )
    if not (p.min() >= 0 and p.max() <= 1 + 1e-3) or y.min() < 0 or y.max() >= p.shape[1]:
        raise ValueError(
            "Expected probabilities in 0..1 without NaN and labels in 0..C - 1. Received: "
            f"probabilities {p.min()}..{p.max()}, labels {y.min()}..{y.max()}. "
            "Apply softmax to logits; leave void labels out."
        )
    return np.log(np.maximum(p, FLOOR)), y
