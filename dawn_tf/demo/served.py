"""An exported model as the demo asks it: files in, arrays by output out."""

import csv
import io
import json
import pathlib

import numpy as np
import tensorflow as tf

from dawn_tf.export.columns import MISSING_WORDS

MAX_ROWS = 200


class Served:
    """A SavedModel by `export_saved_model`, called with files through its signatures.

    Args:
        version: Folder of the version, such as `saved_models/digits/1`.

    Attributes:
        kind: "image" or "rows".
        class_names: In the order of the classes.
        image_shape: `(height, width)` that images are resized to.
        columns: Names of a table's columns, or `None`.
        card: What `model_card.json` says.

    Raises:
        ValueError: for a folder that is no exported version.
    """

    def __init__(self, version):
        version = pathlib.Path(version)
        assets = version / "assets"
        if not (version / "saved_model.pb").exists() or not (assets / "class_names.txt").exists():
            raise ValueError(
                "Expected an exported version with saved_model.pb and assets/class_names.txt. "
                f"Received: {version}, without. Name a folder such as saved_models/digits/1."
            )
        self.class_names = (assets / "class_names.txt").read_text().splitlines()
        self.card = json.loads((assets / "model_card.json").read_text())
        self._model = tf.saved_model.load(str(version))
        self.kind = "image" if "serving_bytes" in self._model.signatures else "rows"
        # Height and width that images are resized to.
        inputs = self._model.signatures["serving_default"].structured_input_signature[1]["inputs"]
        self.image_shape = tuple(inputs.shape[1:3])
        self._inputs = self.card["inputs_of_columns"]
        self.columns = self._inputs and list(self._inputs)

    def image(self, encoded):
        """Outputs by name of one image, the bytes of a JPEG or PNG.

        Raises: `ValueError` for anything else.
        """
        if not encoded:
            raise ValueError(
                "Expected a JPEG or PNG image. Received: an empty file. Choose another."
            )
        signature = self._model.signatures["serving_bytes"]
        try:
            answer = signature(images=tf.constant([encoded]))
        except tf.errors.InvalidArgumentError as error:
            # The graph's own words where it has some, without TensorFlow's around them.
            said = [line.strip("[] ") for line in str(error).splitlines() if "Expected an" in line]
            reason = said[0].partition("Expected an ")[2] if said else ""
            raise ValueError(
                f"Expected a whole JPEG or PNG image. Received: {_what(encoded, reason)}. Choose "
                "another file."
            ) from error
        return {name: values.numpy()[0] for name, values in answer.items()}

    def rows(self, text):
        """Outputs by name of the rows of a CSV's text.

        Raises: `ValueError` for a table without rows or columns that the model needs, too many
            rows, and words where numbers belong.
        """
        rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
        header = rows.fieldnames or []
        missing = [column for column in self.columns if column not in header]
        if missing:
            raise ValueError(
                f"Expected a CSV with the columns {_some(self.columns)}. Received: one without "
                f"{_some(missing)}. Name them in the first line."
            )
        rows = list(rows)
        if not 0 < len(rows) <= MAX_ROWS:
            raise ValueError(
                f"Expected 1 to {MAX_ROWS} rows below the line of names. Received: {len(rows):,}. "
                "Send a file of that size."
            )
        signature = self._model.signatures["serving_rows"]
        kinds = signature.structured_input_signature[1]
        inputs = {}
        for column, name in self._inputs.items():
            values = [row[column] or "" for row in rows]
            if kinds[name].dtype != tf.string:
                values = np.float32([_number(v, column, i) for i, v in enumerate(values, 2)])
            inputs[name] = tf.constant(values)
        try:
            answer = signature(**inputs)
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                "Expected a finite number in every column. Received: an empty cell, a NaN or an "
                "infinity that this model cannot take. Fill it in."
            ) from error
        return {name: values.numpy() for name, values in answer.items()}


def _what(encoded, reason):
    if "at most" in reason:
        return f"one that is larger, {reason}"
    is_image = encoded[:3] == b"\xff\xd8\xff" or encoded[:4] == b"\x89PNG"
    return "a damaged one" if is_image else "something else"


def _number(text, column, line):
    if text.strip() in MISSING_WORDS:
        return np.nan
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"Expected a number in column {column}, line {line}. Received: {text!r}. "
            "Mend that cell."
        ) from None


def _some(names):
    shown = ", ".join(names[:6])
    return shown if len(names) <= 6 else f"{shown} and {len(names) - 6} more"
