import numpy as np
import pytest

from dawn_tf.data import DataError, load
from dawn_tf.data.request import Request
from dawn_tf.data.sources import creditcard

COLUMNS = ["Time", *(f"V{i}" for i in range(1, 29)), "Amount", "Class"]


def table(n=40):
    """Rows of text: two hours apart, V_i = i / 8, amount 9 euros, every fourth a fraud."""
    components = [str(i / 8) for i in range(1, 29)]
    return [[str(7200 * i), *components, "9.0", str(int(i % 4 == 0))] for i in range(n)]


def write(folder, rows, columns=COLUMNS):
    lines = [",".join(f'"{name}"' for name in columns), *(",".join(row) for row in rows)]
    (folder / "creditcard.csv").write_text("\n".join(lines) + "\n")
    return folder


def request(folder):
    return Request(folder, "classification", "stratified", options=creditcard.OPTIONS)


def test_the_published_table(data_dir):
    data = load("creditcard", data_dir)
    parts = data.parts.values()
    assert sum(len(part) for part in parts) == 284_807
    assert [int(part.y.sum()) for part in parts] == [344, 74, 74]
    assert sum(int(part.y.sum()) for part in parts) == 492
    assert data.class_counts.tolist() == [199_021, 344]
    assert data.class_names == ["legitimate", "fraud"]
    assert data.input_shape == (32,) and len(data.feature_names) == 32
    assert data.notes[0].startswith("1081 rows repeat")
    assert not set(data.parts["train"].ids) & set(data.parts["test"].ids)


def test_the_published_table_without_duplicates(data_dir):
    data = load("creditcard", data_dir, protocol="paper", duplicates="drop")
    parts = data.parts.values()
    assert sum(len(part) for part in parts) == 283_726
    assert [int(part.y.sum()) for part in parts] == [331, 71, 71]
    assert data.notes == ["1081 rows repeat an earlier row exactly; they are dropped."]
    rows = [row.tobytes() for part in parts for row in part.x]
    # As float32 inputs, and without the label, a few more are alike.
    assert len(rows) - len(set(rows)) < 100


def test_time_protocol_puts_the_latest_last(data_dir):
    data = load("creditcard", data_dir, protocol="time")
    hours = [data.parts[part].x[:, 29] for part in ("train", "val", "test")]
    assert [len(part) for part in hours] == [199_365, 42_721, 42_721]
    assert hours[0].max() <= hours[1].min() and hours[1].max() <= hours[2].min()
    assert hours[2].max() == pytest.approx(172_792 / 3600)


def test_features_by_hand(tmp_path):
    rows = table()
    rows[3][0] = "21600"  # Six in the morning of the first day.
    records = creditcard.read(request(write(tmp_path, rows)))
    np.testing.assert_allclose(
        records.x[3], [*np.arange(1, 29) / 8, np.log(10), 6, 1, 0], rtol=1e-6, atol=1e-6
    )
    assert records.x.dtype == np.float32
    assert records.y[:5].tolist() == [1, 0, 0, 0, 1]
    assert records.feature_names[27:] == [
        "V28",
        "log_amount",
        "hours",
        "sin_time_of_day",
        "cos_time_of_day",
    ]


def test_csv_and_parquet_read_alike(tmp_path):
    import pyarrow.csv
    import pyarrow.parquet

    folder = write(tmp_path, table())
    from_csv = creditcard.read(request(folder))
    parquet = pyarrow.csv.read_csv(folder / "creditcard.csv")
    (folder / "creditcard.csv").unlink()
    pyarrow.parquet.write_table(parquet, folder / "creditcard.parquet")
    from_parquet = creditcard.read(request(folder))
    np.testing.assert_array_equal(from_csv.x, from_parquet.x)
    np.testing.assert_array_equal(from_csv.y, from_parquet.y)


def test_duplicates_are_counted(tmp_path):
    rows = table(10)
    records = creditcard.read(request(write(tmp_path, [*rows, rows[2], rows[2], rows[5]])))
    assert len(records) == 13 and records.notes[0].startswith("3 rows repeat")


def changed(row, column, value):
    def change(rows):
        rows[row][COLUMNS.index(column)] = value

    return change


@pytest.mark.parametrize(
    "change, text",
    [
        (changed(4, "V7", "abc"), "Expected a number. Received: abc in column V7, row 5 of"),
        (changed(0, "Amount", "nan"), "Received: nan in column Amount, row 1 of"),
        (changed(2, "V1", ""), "Received: nan in column V1, row 3 of"),
        (changed(2, "V1", "inf"), "Received: inf in column V1, row 3 of"),
        (changed(1, "Amount", "-5"), r"at least 0\)\. Received: -5.0 in column Amount, row 2"),
        (changed(39, "Class", "2"), "Expected 0 or 1. Received: 2.0 in column Class, row 40"),
        (lambda rows: rows[3].pop(), "which cannot be read .*Expected 31 columns, got 30"),
        (lambda rows: rows.clear(), "Expected rows. Received: .*empty"),
    ],
    ids=["text", "nan", "blank", "inf", "debt", "label", "short row", "empty"],
)
def test_a_wrong_value_is_named(tmp_path, change, text):
    rows = table()
    change(rows)
    with pytest.raises(DataError, match=text):
        load("creditcard", write(tmp_path, rows))


def test_duplicates_can_be_dropped(tmp_path):
    rows = table(10)
    folder = write(tmp_path, [*rows, rows[2], rows[2], rows[5]])
    options = {"duplicates": "drop"}
    records = creditcard.read(Request(folder, "classification", "stratified", options=options))
    kept = creditcard.read(request(folder))
    np.testing.assert_array_equal(records.x, kept.x[:10])
    assert records.ids.tolist() == [f"row_{i}" for i in range(10)]
    assert records.notes == ("3 rows repeat an earlier row exactly; they are dropped.",)
    with pytest.raises(DataError, match="one of keep, drop. Received: duplicates='Drop'"):
        load("creditcard", folder, duplicates="Drop")


def test_kaggles_archive(tmp_path):
    import zipfile

    folder = write(tmp_path, table())
    unpacked = creditcard.read(request(folder))
    with zipfile.ZipFile(folder / "creditcardfraud.zip", "w") as archive:
        archive.write(folder / "creditcard.csv", "creditcard.csv")
    (folder / "creditcard.csv").unlink()
    np.testing.assert_array_equal(creditcard.read(request(folder)).x, unpacked.x)
    with zipfile.ZipFile(folder / "creditcardfraud.zip", "w") as archive:
        archive.writestr("other.csv", "")
    with pytest.raises(DataError, match=r"creditcardfraud\.zip' without it"):
        creditcard.read(request(folder))


def test_a_missing_column_is_named(tmp_path):
    rows = [row[:-2] + row[-1:] for row in table()]
    columns = COLUMNS[:-2] + COLUMNS[-1:]
    with pytest.raises(DataError, match="without Amount. Fetch the file from https://www.kaggle"):
        load("creditcard", write(tmp_path, rows, columns))


@pytest.mark.parametrize("name", ["creditcard.csv", "creditcard.parquet"])
def test_a_file_that_is_no_table_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=f"{name}', which cannot be read"):
        load("creditcard", tmp_path)


def test_a_class_without_examples_is_named(tmp_path):
    rows = table()
    for row in rows:
        row[-1] = "0"
    with pytest.raises(DataError, match="none of fraud"):
        load("creditcard", write(tmp_path, rows))


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"pip install dawn_tf\[tabular\]"):
        load("creditcard", write(tmp_path, table()))


def test_missing_files_are_named_with_their_source(tmp_path):
    text = r"creditcard\.csv, creditcardfraud\.zip or .*parquet.*kaggle\.com/.*DAWN_DATA_DIR"
    with pytest.raises(DataError, match=text):
        load("creditcard", tmp_path)
