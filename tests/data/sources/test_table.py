import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from dawn_tf.data import DataError, load
from dawn_tf.data.table_encoder import TableEncoder

RNG = np.random.default_rng(0)
N = 200


def columns(n=N):
    ill = np.arange(n) % 10 == 0
    return {
        "patient": [f"p{i // 4}" for i in range(n)],
        "visit": [f"20{10 + i % 7}-01-{1 + i % 28:02d}" for i in range(n)],
        "age": [str(round(x, 2)) if x > 30 else "" for x in RNG.normal(40, 9, n)],
        "ward": RNG.choice(["north", "south", "NA"], n).tolist(),
        "code": RNG.choice(["007", "012"], n).tolist(),
        "Target": ["ill" if value else "well" for value in ill],
        "note": [str(i) for i in range(n)],
    }


COLUMNS = columns()
OPTIONS = {"drop": "patient,visit,note", "categorical": ["code"]}


def write(path, data=COLUMNS, separator=","):
    rows = [list(data), *zip(*data.values(), strict=True)]
    path.write_text("\n".join(separator.join(row) for row in rows) + "\n")
    return path


def row_numbers(records):
    return np.array([int(name.removeprefix("row_")) for name in records.ids])


def test_rows_are_encoded_by_the_training_part_alone(tmp_path):
    data = load("csv", write(tmp_path / "t.csv"), **OPTIONS)
    assert data.class_names == ["ill", "well"]
    assert [len(part) for part in data.parts.values()] == [140, 30, 30]
    assert data.class_counts.tolist() == [14, 126]
    names = ["age", "age is missing", "ward=north", "ward=south", "ward=missing"]
    assert data.feature_names == [*names, "code=007", "code=012"]
    age = np.array([float(x or "nan") for x in COLUMNS["age"]])
    ward, code = (np.array(COLUMNS[name]) for name in ("ward", "code"))
    median = np.nanmedian(age[row_numbers(data.parts["train"])])
    assert median != np.nanmedian(age)
    for records in data.parts.values():
        i = row_numbers(records)
        expected = [np.where(np.isnan(age), median, age), np.isnan(age)]
        expected += [ward == level for level in ("north", "south", "NA")]
        expected += [code == level for level in ("007", "012")]
        np.testing.assert_array_equal(records.x, np.stack(expected, 1)[i].astype("float32"))
        target = np.array(COLUMNS["Target"])[i]
        assert records.y.tolist() == (target == "well").astype(int).tolist()
    x, y = next(iter(data.train.batch(5)))
    assert x.shape == (5, 7) and x.dtype == "float32" and y.dtype == "int32"


def test_the_encoder_reads_new_rows(tmp_path):
    path = write(tmp_path / "t.csv")
    data = load("csv", path, **OPTIONS)
    encoder = TableEncoder.from_json(data.encoder.to_json())
    rows = encoder.read(path)
    for records in data.parts.values():
        np.testing.assert_array_equal(records.x, rows[row_numbers(records)])


def test_all_formats_read_alike(tmp_path):
    csv = load("csv", write(tmp_path / "a.csv"), **OPTIONS)
    tsv = load("csv", write(tmp_path / "b.tsv", separator="\t"), **OPTIONS)
    as_text = pyarrow.csv.ConvertOptions(column_types={"code": "string"}, strings_can_be_null=True)
    table = pyarrow.csv.read_csv(tmp_path / "a.csv", convert_options=as_text)
    (tmp_path / "only").mkdir()
    pyarrow.parquet.write_table(table, tmp_path / "only" / "c.parquet")
    parquet = load("csv", tmp_path / "only", **OPTIONS)
    for other in (tsv, parquet):
        for part in csv.parts:
            np.testing.assert_array_equal(csv.parts[part].x, other.parts[part].x)
            np.testing.assert_array_equal(csv.parts[part].y, other.parts[part].y)
    with pytest.raises(DataError, match=r"a\.csv, b\.tsv in .*Name one"):
        load("csv", tmp_path, **OPTIONS)


def test_time_puts_the_latest_last(tmp_path):
    options = {**OPTIONS, "drop": ["patient", "note"], "time": "visit"}
    data = load("csv", write(tmp_path / "t.csv"), protocol="time", **options)
    visits = np.array(COLUMNS["visit"])
    visits = [visits[row_numbers(part)].tolist() for part in data.parts.values()]
    train, val, test = visits
    assert (len(train), len(val), len(test)) == (140, 30, 30)
    assert max(train) <= min(val) and max(val) <= min(test)
    assert not [name for name in data.feature_names if "visit" in name]


def test_groups_stay_whole(tmp_path):
    options = {**OPTIONS, "drop": ["visit", "note"], "group": "patient"}
    data = load("csv", write(tmp_path / "t.csv"), protocol="group", **options)
    patients = [set(part.groups.tolist()) for part in data.parts.values()]
    assert sum(map(len, patients)) == len(set.union(*patients)) == 50
    assert [len(part) for part in data.parts.values()] == pytest.approx([140, 30, 30], abs=8)
    assert not [name for name in data.feature_names if "patient" in name]


@pytest.mark.parametrize(
    "names, chosen",
    [(["y", "b", "c"], "y"), (["a", "b", "c"], "c"), (["label", "CLASS", "c"], "c")],
    ids=["called", "last", "two"],
)
def test_which_column_is_the_class(tmp_path, names, chosen):
    data = dict.fromkeys(names, ["0", "1"] * 20)
    loaded = load("csv", write(tmp_path / "t.csv", data))
    assert loaded.notes[0] == f"The class is column {chosen!r}."
    chosen = load("csv", tmp_path, label=names[1]).notes[0]
    assert chosen == f"The class is column {names[1]!r}."


def test_classes_of_numbers_are_in_order(tmp_path):
    data = {"a": [str(i) for i in range(60)], "label": ["10.0", "9.0", "-1.0"] * 20}
    loaded = load("csv", write(tmp_path / "t.csv", data))
    assert loaded.class_names == ["-1", "9", "10"]
    records = loaded.parts["test"]
    expected = [{0: 2, 1: 1, 2: 0}[i % 3] for i in row_numbers(records)]
    assert records.y.tolist() == expected


def test_the_index_of_pandas_is_no_input(tmp_path):
    data = {"": [str(i) for i in range(40)], "a": ["1", "2"] * 20, "y": ["0", "1"] * 20}
    assert load("csv", write(tmp_path / "t.csv", data)).feature_names == ["a"]


def test_duplicates_are_counted(tmp_path):
    data = {"a": ["1", "2", "1", "2"] * 10, "y": ["0", "1"] * 20}
    assert load("csv", write(tmp_path / "t.csv", data)).notes[1].startswith("38 rows repeat")


def changed(**cells):
    data = columns()
    for name, value in cells.items():
        data[name] = [value if i == 3 else old for i, old in enumerate(data[name])]
    return data


@pytest.mark.parametrize(
    "data, options, text",
    [
        (COLUMNS, {**OPTIONS, "label": "age"}, r"row \d+ .*and \d+ more"),
        (changed(Target=""), OPTIONS, r"column 'Target'\. Received: none in row 4 .* 0 more"),
        (COLUMNS, {**OPTIONS, "label": "note"}, "200 different values in the 200 rows"),
        (COLUMNS, {"label": "Target"}, r"numbers in column 'visit'\. Received: dates"),
        (COLUMNS, {**OPTIONS, "drop": "patients"}, "a column 'patients'"),
        (COLUMNS, {**OPTIONS, "group": "patient"}, "neither with 'stratified'.*with group"),
        (COLUMNS, {**OPTIONS, "protocol": "time"}, "protocol='time' with neither"),
        (COLUMNS, {"drop": "patient,visit,age,ward,code,note"}, "a column of inputs"),
        (changed(age="inf"), OPTIONS, "finite numbers.*inf in column 'age'"),
        ({"a": ["1", "2"] * 20, "y": ["0.5", "0.7"] * 20}, {}, "whole numbers. Received: 0.5"),
        ({"a": ["1", "2"] * 20, "y": ["0", "0"] * 20}, {}, "1 different values"),
    ],
    ids=[
        "label_missing",
        "one_label_missing",
        "label_is_an_id",
        "dates",
        "no_column",
        "group",
        "time",
        "no_inputs",
        "infinite",
        "regression",
        "one_class",
    ],
)
def test_what_is_wrong_is_named(tmp_path, data, options, text):
    with pytest.raises(DataError, match=text):
        load("csv", write(tmp_path / "t.csv", data), **options)


def test_nothing_to_read(tmp_path):
    with pytest.raises(DataError, match=r"one \.csv, \.tsv or \.parquet file"):
        load("csv", tmp_path)
