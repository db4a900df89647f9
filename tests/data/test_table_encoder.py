import json
import warnings

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from dawn_tf.data.errors import DataError
from dawn_tf.data.table_encoder import TableEncoder

RNG = np.random.default_rng(0)
NUMBERS, WORDS = ["age", "income", "height"], ["job", "town"]


def columns(n, num_towns):
    def some_missing(values, missing, share):
        return np.where(RNG.random(n) < share, missing, values)

    towns = RNG.zipf(1.3, n) % num_towns
    return {
        "age": some_missing(RNG.normal(40, 9, n), np.nan, 0.2),
        "income": RNG.lognormal(8, 2, n),
        "height": some_missing(RNG.normal(170, 9, n), np.nan, 0.01),
        "job": some_missing(np.array(["a", "b", "c"], object)[RNG.integers(0, 3, n)], None, 0.1),
        "town": np.array([f"t{t}" for t in towns], object),
    }


def matrix(data):
    rows = np.empty((len(data["age"]), 5), object)
    for i, name in enumerate([*NUMBERS, *WORDS]):
        rows[:, i] = data[name]
    return rows


@pytest.mark.parametrize("num_towns", [5, 49, 51, 400])
def test_the_same_as_scikit_learn(num_towns):
    train, new = columns(3000, num_towns), columns(500, num_towns + 60)
    new["income"][3] = np.nan  # Missing only here: no indicator.
    new["job"][5] = "z"
    reference = ColumnTransformer(
        [
            ("numbers", SimpleImputer(strategy="median", add_indicator=True), [0, 1, 2]),
            (
                "words",
                OneHotEncoder(
                    handle_unknown="infrequent_if_exist",
                    max_categories=50,
                    sparse_output=False,
                ),
                [3, 4],
            ),
        ]
    ).fit(matrix(train))
    encoder = TableEncoder.fit(train, NUMBERS, WORDS)
    with warnings.catch_warnings():
        # scikit-learn warns of unknown levels that become zeros.
        warnings.simplefilter("ignore", UserWarning)
        expected = [reference.transform(matrix(data)).astype("float32") for data in (train, new)]
    for data, rows in zip((train, new), expected, strict=True):
        np.testing.assert_array_equal(encoder.transform(data), rows)
    assert len(encoder.feature_names) == expected[0].shape[1]


def test_by_hand():
    train = {
        "n": np.array([1, np.nan, 3, 10]),
        "w": np.array(["b", "a", None, "b"], object),
    }
    encoder = TableEncoder.fit(train, ["n"], ["w"])
    assert encoder.feature_names == ["n", "n is missing", "w=a", "w=b", "w=missing"]
    rows = encoder.transform({"n": np.array([np.nan, 2]), "w": np.array([None, "new"], object)})
    assert rows.dtype == "float32" and rows.tolist() == [[3, 1, 0, 0, 1], [2, 0, 0, 0, 0]]


def test_many_levels_are_pooled():
    words = np.array([f"w{i:03d}" for i in range(60) for _ in range(1 + (i % 2))], object)
    encoder = TableEncoder.fit({"w": words}, [], ["w"])
    assert len(encoder.feature_names) == 50 and encoder.feature_names[-1] == "w=other"
    rows = encoder.transform({"w": np.array(["w001", "w000", "never seen"], object)})
    assert rows[0, :-1].sum() == 1 and rows[1:, -1].tolist() == [1, 1]


def test_survives_json():
    train = columns(500, 80)
    encoder = TableEncoder.fit(train, NUMBERS, WORDS)
    again = TableEncoder.from_json(encoder.to_json())
    assert again == encoder and json.loads(encoder.to_json())["levels"]["job"][-1] is None
    new = columns(50, 80)
    np.testing.assert_array_equal(again.transform(new), encoder.transform(new))


@pytest.mark.parametrize("suffix, separator", [(".csv", ","), (".tsv", "\t")])
def test_reads_a_file(tmp_path, suffix, separator):
    train = {"n": np.array([1.0, 3]), "zip": np.array(["01", "02"], object)}
    encoder = TableEncoder.fit(train, ["n"], ["zip"])
    path = tmp_path / f"new{suffix}"
    path.write_text("zip,extra,n\n02,x,\n01,y,7\n".replace(",", separator))
    assert encoder.read(path).tolist() == [[2, 0, 1], [7, 1, 0]]
    path.write_text("zip,m\n02,1\n".replace(",", separator))
    with pytest.raises(DataError, match="a column 'n'. Received: a table with zip, m"):
        encoder.read(path)
    path.write_text("zip,n\n02,much\n".replace(",", separator))
    with pytest.raises(DataError, match="numbers in column 'n'. Received: words"):
        encoder.read(path)


def test_columns_without_use_are_named():
    with pytest.raises(DataError, match=r"none in the training part.*drop=n"):
        TableEncoder.fit({"n": np.array([np.nan, np.nan])}, ["n"], [])
    encoder = TableEncoder.fit({"n": np.array([1.0, 2])}, ["n"], [])
    for value in (np.inf, -np.inf, 1e39):
        with pytest.raises(DataError, match=r"within float32\. Received: -?(inf|1e\+39)"):
            encoder.transform({"n": np.array([0, value])})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        "{}",
        '{"medians": {"a": "1"}, "indicators": [], "levels": {}, "pooled": []}',
        '{"medians": {"a": true}, "indicators": [], "levels": {}, "pooled": []}',
        '{"medians": {}, "indicators": ["a"], "levels": {}, "pooled": []}',
        '{"medians": {}, "indicators": [], "levels": {"w": "uv"}, "pooled": []}',
        '{"medians": {}, "indicators": [], "levels": {"w": [1]}, "pooled": []}',
        '{"medians": {"w": 1}, "indicators": [], "levels": {"w": []}, "pooled": []}',
    ],
)
def test_any_other_text_is_refused(text):
    with pytest.raises(DataError, match="Expected an encoder as a run writes it"):
        TableEncoder.from_json(text)
