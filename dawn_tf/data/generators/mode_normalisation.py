"""Table rows to what a generator can learn and back: CTGAN's mode-specific normalisation."""

import dataclasses
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture

MAX_LEVELS = 10  # A column of more different numbers is taken as continuous.
_MAX_ROWS = 10_000  # That a mixture is fitted on.
_MODES = 10
_LEAST_WEIGHT = 0.005


@dataclasses.dataclass(frozen=True, eq=False)
class Continuous:
    """A column of numbers: a value is its mode and its place there, `(x - mean) / (4 std)`.

    The modes are the components of a variational Gaussian mixture with weights above 0.005. A
    value's mode is drawn by the components' posterior probabilities. Values further than 4
    deviations from the mean of their mode become that far.
    After [Xu et al., 2019](https://arxiv.org/abs/1907.00503), section 4.2.

    Attributes:
        column: Its index.
        mixture: `BayesianGaussianMixture` of scikit-learn, fitted to standardised values.
        modes: Components that are used.
        centre, scale: Mean and deviation of the column.
    """

    column: int
    mixture: BayesianGaussianMixture
    modes: np.ndarray
    centre: float
    scale: float

    @classmethod
    def fit(cls, values, column, seed=0):
        """Learns from `values`, `(N,)`."""
        rng = np.random.default_rng(seed)
        if len(values) > _MAX_ROWS:
            values = rng.choice(values, _MAX_ROWS, replace=False)
        centre, scale = float(values.mean()), float(values.std()) or 1.0
        mixture = BayesianGaussianMixture(
            n_components=min(_MODES, len(values)),
            weight_concentration_prior=0.001,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # Near enough is enough.
            mixture.fit(((values - centre) / scale)[:, None])
        return cls(column, mixture, np.flatnonzero(mixture.weights_ > _LEAST_WEIGHT), centre, scale)

    @property
    def width(self):
        """Numbers that stand for a value: its place, then its mode as one of many."""
        return 1 + len(self.modes)

    @property
    def means(self):
        return self.centre + self.scale * self.mixture.means_[self.modes, 0]

    @property
    def deviations(self):
        return self.scale * np.sqrt(self.mixture.covariances_[self.modes, 0, 0])

    def transform(self, rows, rng):
        values = rows[:, self.column].astype("float64")
        posterior = self.mixture.predict_proba(((values - self.centre) / self.scale)[:, None])
        cumulated = posterior[:, self.modes].cumsum(1)
        drawn = rng.random((len(values), 1)) * cumulated[:, -1:]
        mode = (drawn > cumulated).sum(1)
        place = (values - self.means[mode]) / (4 * self.deviations[mode])
        one_hot = np.eye(len(self.modes))[mode]
        return np.column_stack([place.clip(-1, 1), one_hot])

    def inverse(self, encoded, rows):
        mode = encoded[:, 1:].argmax(1)
        place = encoded[:, 0].astype("float64").clip(-1, 1)
        rows[:, self.column] = self.means[mode] + place * 4 * self.deviations[mode]


@dataclasses.dataclass(frozen=True, eq=False)
class Discrete:
    """A column of few different numbers, or several that belong together: one of its patterns.

    Attributes:
        columns: Their indices.
        patterns: The different values, `(levels, len(columns))`.
    """

    columns: np.ndarray
    patterns: np.ndarray

    @property
    def width(self):
        return len(self.patterns)

    def codes(self, rows):
        """The number of each row's pattern, `(N,)`."""
        values = np.concatenate([self.patterns, rows[:, self.columns]])
        return np.unique(values, axis=0, return_inverse=True)[1].ravel()[self.width :]

    def transform(self, rows, rng):
        return np.eye(self.width)[self.codes(rows)]

    def inverse(self, encoded, rows):
        rows[:, self.columns] = self.patterns[encoded.argmax(1)]


def fit_columns(rows, groups=(), seed=0):
    """Columns to learn: those of each group as one, the others by how many values they have.

    Args:
        rows: `(N, features)`.
        groups: Lists of indices of columns that are one, such as the levels of a word.
        seed: Of the mixtures.

    Returns: list of `Continuous` and `Discrete`, the groups at the end and in their order.
    """
    columns = []
    for i in sorted(set(range(rows.shape[1])) - {i for group in groups for i in group}):
        few = len(np.unique(rows[:, i])) <= MAX_LEVELS
        columns.append(
            _discrete(rows, np.array([i])) if few else Continuous.fit(rows[:, i], i, seed)
        )
    return columns + [_discrete(rows, np.array(group)) for group in groups]


def encode(columns, rows, rng):
    """Rows as the columns have it, float32 `(N, sum of widths)`; `rng` draws the modes."""
    parts = [column.transform(rows, rng).astype("float32") for column in columns]
    return np.concatenate(parts, axis=1)


def decode(columns, encoded):
    """Rows, float32 `(N, features)`, of what `encode` gives, or a generator that imitates it."""
    ends = np.cumsum([c.width for c in columns])
    features = sum(len(np.atleast_1d(getattr(c, "columns", 0))) for c in columns)
    rows = np.zeros((len(encoded), features), "float32")
    for column, part in zip(columns, np.split(encoded, ends[:-1], axis=1), strict=True):
        column.inverse(part, rows)
    return rows


def _discrete(rows, columns):
    return Discrete(columns, np.unique(rows[:, columns], axis=0))
