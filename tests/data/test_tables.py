import datetime
import decimal

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from dawn_tf.data.errors import DataError
from dawn_tf.data.tables import column, num_duplicates, read_table


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(tmp_path, content, name="t.csv", **arguments):
    return read_table(write(tmp_path / name, content), **arguments)


@pytest.mark.parametrize("name, separator", [("t.csv", ","), ("t.tsv", "\t")])
def test_text_by_hand(tmp_path, name, separator):
    lines = ["a,b,c,d", '1,"x",true,2020-01-02', ",NA,false,2020-01-03", "2.5,y,,2020-01-04"]
    table = read(tmp_path, "\ufeff" + "\n".join(lines).replace(",", separator), name)
    np.testing.assert_array_equal(column(table, "a"), [1, np.nan, 2.5])
    assert column(table, "b").tolist() == ["x", None, "y"]
    np.testing.assert_array_equal(column(table, "c"), [1, 0, np.nan])
    assert column(table, "d").tolist() == [datetime.date(2020, 1, day) for day in (2, 3, 4)]


def test_parquet_by_hand(tmp_path):
    table = pyarrow.table(
        {
            "i": pyarrow.array([1, None, 3], "int16"),
            "f": [0.5, float("nan"), None],
            "d": [decimal.Decimal("1.25"), None, decimal.Decimal("3.00")],
            "w": pyarrow.array(["u", None, "u"]).dictionary_encode(),
            "n": pyarrow.nulls(3),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    np.testing.assert_array_equal(column(table, "i"), [1, np.nan, 3])
    np.testing.assert_array_equal(column(table, "f"), [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(column(table, "d"), [1.25, np.nan, 3])
    assert column(table, "w").tolist() == ["u", None, "u"]
    assert np.isnan(column(table, "n")).all()


def test_the_type_follows_from_all_cells(tmp_path):
    # Two megabytes of whole numbers; pyarrow alone decides by the first one.
    table = read(tmp_path, "a,b\n" + "1234567,1\n" * 200_000 + "0.5,x\n")
    assert column(table, "a")[-1] == 0.5 and column(table, "b")[-1] == "x"


def test_columns_can_be_read_as_words(tmp_path):
    table = read(tmp_path, "zip,b\n01234,1\n00007,2\n", words=["zip"])
    assert column(table, "zip").tolist() == ["01234", "00007"]


def test_duplicates_by_hand(tmp_path):
    table = read(tmp_path, "a,b\n1,x\n1,x\n1,y\n,\n,\n1,x\n")
    assert num_duplicates(table, ["a", "b"]) == 3 and num_duplicates(table, ["a"]) == 4


@pytest.mark.parametrize(
    "content, text",
    [
        ("", "Empty CSV"),
        ("a,b\n", "0 rows of 'a', 'b'"),
        ("a;b\n1;2\n", "1 rows of 'a;b'. Separate columns"),
        ("a,a\n1,2\n", "'a', 'a'"),
        ("a,b\n1,2\n1,2,3\n", r"Expected 2 columns, got 3"),
        ("a,b\n1,gr\xfcn\n".encode("latin1"), "column 'b' holds none. Save it as UTF-8"),
        ("gr\xfcn,b\n1,2\n".encode("latin1"), "its first line holds none"),
    ],
    ids=["empty", "no_rows", "semicolons", "same_name", "ragged", "latin1", "latin1_names"],
)
def test_what_is_no_table_is_named(tmp_path, content, text):
    with pytest.raises(DataError, match=text):
        read(tmp_path, content)


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_random_bytes_are_refused(tmp_path, name):
    rng = np.random.default_rng(0)
    for size in (1, 10, 100, 5000):
        with pytest.raises(DataError):
            read(tmp_path, rng.integers(128, 256, size).astype("uint8").tobytes(), name)


def test_a_file_that_is_not_there_and_a_column_that_is_none(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "no.parquet")
    with pytest.raises(DataError, match="a column 'c'. Received: a table with a, b"):
        column(read(tmp_path, "a,b\n1,2\n"), "c")
    with pytest.raises(DataError, match=r"column 'l' of list.*drop=l"):
        column(pyarrow.table({"l": [[1], [2]]}), "l")


@pytest.mark.parametrize("name", [".a", "a[0]", "a.b", "../x", ""])
def test_duplicates_in_columns_of_any_name(tmp_path, name):
    path = tmp_path / "x.csv"
    path.write_text(f'"{name}",b\n1,1\n1,1\n1,2\n')
    assert num_duplicates(read_table(path), [name, "b"]) == 1


def test_words_of_a_parquet_file_that_are_no_utf_8_are_refused(tmp_path):
    words = pyarrow.array([b"\xff\xfe", b"ok"]).view("string")
    table = pyarrow.table({"a": words, "b": [1, 2]})
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(DataError, match="Expected a whole table.*x.parquet"):
        read_table(tmp_path / "x.parquet")
