import pytest

from dawn_tf.data.errors import DataError
from dawn_tf.data.listings import decode_text, read_listing


def test_rows_come_as_they_stand():
    content = '\ufeffname, r\r\n"a, b",1\n"two\nlines",2\nshort\n'.encode()
    columns, rows = read_listing(content, "x")
    assert columns == {"name", "r"}
    assert [(row["name"], row["r"]) for row in rows] == [
        ("a, b", "1"),
        ("two\nlines", "2"),
        ("short", None),
    ]
    assert read_listing(b"", "x") == (set(), [])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_way(end):
    _, rows = read_listing(end.join(["a,b", "1,2", "3,4", ""]).encode(), "x")
    assert rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_what_is_no_csv_is_named():
    with pytest.raises(DataError, match="Received: 'x.csv', which is none .field larger"):
        read_listing(b'a,b\n"' + b"x" * 200_000, "x.csv")


def test_what_is_not_in_utf_8_is_named():
    with pytest.raises(DataError, match="UTF-8. Received: 'x'"):
        decode_text(b"\xff", "x")
