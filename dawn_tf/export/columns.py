"""A table's columns as they come, to the rows of numbers that a model takes: in a graph."""

import dataclasses
import keyword
import re
import typing

import tensorflow as tf
import tensorflow.experimental.numpy as tnp

# What `read_table` takes for a missing word: the defaults of `pyarrow.csv`.
MISSING_WORDS = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("N/A", "NA", "NULL", "NaN", "n/a", "nan", "null"),
)


@dataclasses.dataclass(frozen=True)
class Columns:
    """What `serving_rows` takes.

    Attributes:
        numbers: Names of the columns of numbers.
        words: Names of the columns of words.
        to_rows: Function from a dict of tensors `(batch,)`, float64 and string, by column name, to
            rows, float `(batch, features)`.
    """

    numbers: list
    words: list
    to_rows: typing.Callable

    @property
    def input_names(self):
        """Name of the signature's input by column: in small letters, as TensorFlow makes them."""
        names = {}
        for column in (*self.numbers, *self.words):
            name = re.sub(r"[^0-9a-z_]", "_", column.lower())
            if not name[:1].isalpha() or keyword.iskeyword(name):
                name = f"column_{name}"
            while name in names.values():
                name += "_"
            names[column] = name
        return names


def columns_of(feature_names, encoder=None, source=None):
    """The columns that rows are made of.

    Args:
        feature_names: Names of the model's inputs, which are the columns if nothing else is given.
        encoder: `TableEncoder` that made the rows, or `None`.
        source: Module of a data set with `COLUMNS` and `features` of its own, or `None`.
    """
    if encoder is not None:
        return Columns([*encoder.medians], [*encoder.levels], lambda c: _encoded(encoder, c))
    if source is not None:
        return Columns([*source.COLUMNS], [], lambda c: source.features(c, tnp))
    return Columns([*feature_names], [], lambda c: tf.stack([c[n] for n in feature_names], 1))


def _encoded(encoder, columns):
    """`TableEncoder.transform` on tensors."""
    parts = []
    for name, median in encoder.medians.items():
        values = columns[name]
        parts.append(tf.where(tf.math.is_nan(values), tf.cast(median, values.dtype), values))
    parts += [tf.math.is_nan(columns[name]) for name in encoder.indicators]
    parts = [tf.cast(part, tf.float32)[:, None] for part in parts]
    for name, levels in encoder.levels.items():
        parts.append(_one_hot(columns[name], levels, name in encoder.pooled))
    return tf.concat(parts, 1)


def _one_hot(words, levels, pooled):
    missing = tf.reduce_any(words[:, None] == tf.constant(MISSING_WORDS), 1)[:, None]
    hot = [
        missing if level is None else (words[:, None] == tf.constant([level])) & ~missing
        for level in levels
    ]
    hot = tf.concat(hot, 1)
    if pooled:
        hot = tf.concat([hot, ~tf.reduce_any(hot, 1, keepdims=True)], 1)
    return tf.cast(hot, tf.float32)
