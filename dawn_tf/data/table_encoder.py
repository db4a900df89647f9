"""Columns of numbers and words to float32 rows, by what the training part holds."""

import dataclasses
import json

import numpy as np

from dawn_tf.data.errors import DataError
from dawn_tf.data.tables import column, read_table

MAX_LEVELS = 50


@dataclasses.dataclass(frozen=True)
class TableEncoder:
    """Turns columns into rows of inputs: first the numbers, then what is missing, then the words.

    - A missing number becomes the median of the training part; a column with missing numbers
      there gets a second one, 1 where a number was missing.
    - A word becomes one column per level (missing is a level), 1 for its own. Of more than
      `MAX_LEVELS` levels the commonest `MAX_LEVELS - 1` keep theirs and share one column "other",
      which also takes levels that the training part lacks; without "other" these are all zeros.

    The same as scikit-learn's `SimpleImputer(strategy="median", add_indicator=True)` and
    `OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=50)`, which pools one level
    of exactly 50 too, but kept as JSON.

    Attributes:
        medians: Median by column of numbers.
        indicators: Columns of numbers with missing ones.
        levels: Levels with a column of their own, by column of words; `None` is "missing".
        pooled: Columns of words that have a column "other".
    """

    medians: dict
    indicators: list
    levels: dict
    pooled: list

    @classmethod
    def fit(cls, columns, numbers, words):
        """Learns from the training part.

        Args:
            columns: Arrays by name (a dict or structured array): float64 with NaN for missing
                numbers, words as objects with `None`.
            numbers, words: Names of the columns, in the order of the result.

        Raises: `DataError` for a column without any number.
        """
        medians, indicators, levels, pooled = {}, [], {}, []
        for name in numbers:
            missing = np.isnan(columns[name])
            if missing.all():
                raise DataError(
                    f"Expected numbers in column {name!r}. Received: none in the training part. "
                    f"Leave it out (drop={name})."
                )
            medians[name] = float(np.median(columns[name][~missing]))
            if missing.any():
                indicators.append(name)
        for name in words:
            found, counts = _unique(columns[name])
            kept = range(len(found))
            if len(found) > MAX_LEVELS:
                pooled.append(name)
                kept = sorted(np.argsort(counts, kind="stable")[1 - MAX_LEVELS :])
            levels[name] = [found[i] for i in kept]
        return cls(medians, indicators, levels, pooled)

    @property
    def feature_names(self):
        """Names of the columns of the result."""
        names = [*self.medians, *(f"{name} is missing" for name in self.indicators)]
        for name, levels in self.levels.items():
            names += [f"{name}={'missing' if level is None else level}" for level in levels]
            names += [f"{name}=other"] if name in self.pooled else []
        return names

    def transform(self, columns):
        """Rows of inputs, float32 `(N, len(feature_names))`.

        Args:
            columns: As of `fit`.

        Raises: `DataError` for a number that is infinite, or too large for float32.
        """
        parts = [_filled(columns[name], median, name) for name, median in self.medians.items()]
        parts += [np.isnan(columns[name]) for name in self.indicators]
        parts = [np.asarray(part, "float32")[:, None] for part in parts]
        parts += [
            _one_hot(columns[name], levels, name in self.pooled)
            for name, levels in self.levels.items()
        ]
        return np.concatenate(parts, axis=1)

    def read(self, path):
        """Rows of inputs of a file with the columns the encoder knows; others are passed over.

        Raises: `DataError` for a file that cannot be read or lacks a column.
        """
        table = read_table(path, words=self.levels)
        columns = {name: column(table, name) for name in (*self.medians, *self.levels)}
        for name in self.medians:
            check_numbers(columns[name], name)
        return self.transform(columns)

    def to_json(self):
        """Everything, as a string."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text):
        """The encoder of which `text` is the `to_json()`.

        Raises: `DataError` for any other text.
        """
        try:
            encoder = cls(**json.loads(text))
            _check(encoder)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(
                f"Expected an encoder as a run writes it. Received: a text that is none ({error}). "
                "Put back the run's encoder.json."
            ) from error
        return encoder


def check_numbers(values, name):
    """Raises `DataError` unless a column holds numbers."""
    if values.dtype.kind != "f":
        kind = "dates" if values.dtype.kind == "M" else "words"
        raise DataError(
            f"Expected numbers in column {name!r}. Received: {kind}. Leave it out (drop={name})."
        )


def _check(encoder):
    """Raises `TypeError` unless the attributes are what they are said to be."""
    columns = {*encoder.medians, *encoder.levels}
    sound = (
        all(type(median) in (int, float) for median in encoder.medians.values())
        and all(name in encoder.medians for name in encoder.indicators)
        and all(name in encoder.levels for name in encoder.pooled)
        and all(isinstance(levels, list) for levels in encoder.levels.values())
        and all(type(v) in (str, type(None)) for vs in encoder.levels.values() for v in vs)
        and len(columns) == len(encoder.medians) + len(encoder.levels)
    )
    if not sound:
        raise TypeError("medians, levels or columns of another kind")


def _unique(words):
    """Levels in alphabetical order, missing last, and how often each occurs."""
    missing = words == None  # noqa: E711
    found, counts = np.unique(words[~missing], return_counts=True)
    found, counts = found.tolist(), counts.tolist()
    return (found + [None], counts + [int(missing.sum())]) if missing.any() else (found, counts)


def _filled(values, median, name):
    with np.errstate(over="ignore"):
        filled = np.where(np.isnan(values), median, values).astype("float32")
    wrong = np.flatnonzero(~np.isfinite(filled))
    if len(wrong):
        raise DataError(
            f"Expected finite numbers within float32. Received: {values[wrong[0]]} in column "
            f"{name!r}. Mend or remove that row, or leave the column out."
        )
    return filled


def _one_hot(words, levels, pooled):
    code = {level: i for i, level in enumerate(levels)}
    # Beyond the last column: none.
    codes = np.array([code.get(word, len(levels)) for word in words.tolist()], int)
    width = len(levels) + pooled
    return (codes[:, None] == np.arange(width)).astype("float32")
