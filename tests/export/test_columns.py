import numpy as np
import pyarrow
import pytest
import tensorflow as tf

from dawn_tf.data.sources import creditcard
from dawn_tf.data.table_encoder import TableEncoder
from dawn_tf.data.tables import column, read_table
from dawn_tf.export import columns_of
from dawn_tf.export.columns import MISSING_WORDS

LEVELS = [f"zip{i:02}" for i in range(60)]  # More than keep a column of their own.


@pytest.fixture
def table(tmp_path):
    """A CSV with missing numbers and words, and an encoder of its first half."""
    rng = np.random.default_rng(0)
    lines = ["age,weight,town,zip"]
    for i in range(300):
        age = "" if i % 7 == 0 else f"{rng.normal(50, 20):.3f}"
        town = ["Oslo", "Bergen", "", "NA", "n/a"][i % 5]
        zipcode = LEVELS[i % 60] if i < 240 else f"new{i}"
        lines.append(f"{age},{rng.normal(70, 9):.3f},{town},{zipcode}")
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    read = read_table(path)
    columns = {name: column(read, name)[:150] for name in ("age", "weight", "town", "zip")}
    return path, TableEncoder.fit(columns, ["age", "weight"], ["town", "zip"])


def test_the_graph_encodes_rows_as_the_file_reader_does(table):
    path, encoder = table
    columns = columns_of(encoder.feature_names, encoder)
    assert (columns.numbers, columns.words) == (["age", "weight"], ["town", "zip"])
    # As a client would send them: the words as they are in the file, missing numbers as NaN.
    lines = [line.split(",") for line in path.read_text().splitlines()[1:]]
    age, weight, town, zipcode = zip(*lines, strict=True)
    given = {
        "age": tf.constant([float(v or "nan") for v in age], tf.float64),
        "weight": tf.constant([float(v) for v in weight], tf.float64),
        "town": tf.constant(town),
        "zip": tf.constant(zipcode),
    }
    rows = tf.function(columns.to_rows)(given)
    assert rows.shape == (300, len(encoder.feature_names))
    np.testing.assert_array_equal(rows, encoder.read(path))


def test_missing_words_are_those_of_the_file_reader():
    assert set(MISSING_WORDS) == set(pyarrow.csv.ConvertOptions().null_values)


def test_published_columns_become_the_inputs_of_training():
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=50) for name in creditcard.COMPONENTS}
    values.update(Time=rng.integers(0, 172_800, 50), Amount=rng.exponential(90, 50))
    values = {name: np.float64(np.float32(v)) for name, v in values.items()}
    columns = columns_of(creditcard.FEATURE_NAMES, source=creditcard)
    assert columns.numbers == ["Time", *creditcard.COMPONENTS, "Amount"]
    rows = columns.to_rows({name: tf.constant(v) for name, v in values.items()})
    np.testing.assert_allclose(rows, creditcard.features(values), atol=1e-12)


def test_inputs_are_named_after_their_columns_and_no_two_alike():
    columns = columns_of(["V1", "height (cm)", "Height [cm]", "class", "1st", "größe", "_id"])
    assert columns.input_names == {
        "V1": "v1",
        "height (cm)": "height__cm_",
        "Height [cm]": "height__cm__",
        "class": "column_class",
        "1st": "column_1st",
        "größe": "gr__e",
        "_id": "column__id",
    }
