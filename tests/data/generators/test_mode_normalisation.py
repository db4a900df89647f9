import numpy as np
import pytest

from dawn_tf.data.generators.mode_normalisation import (
    Continuous,
    Discrete,
    decode,
    encode,
    fit_columns,
)


@pytest.fixture(scope="module")
def rows():
    """Two far modes of a thousandfold scale, a skewed column, two levels, and a word of three."""
    rng = np.random.default_rng(0)
    n = 1500
    two = np.where(rng.random(n) < 0.3, -4000, 5000) + rng.normal(size=n) * [200]
    word = np.eye(3)[rng.choice(3, n, p=[0.7, 0.2, 0.1])]
    flag = rng.random(n) < 0.1
    return np.column_stack([two, rng.lognormal(size=n), word, flag]).astype("float32")


@pytest.fixture(scope="module")
def columns(rows):
    return fit_columns(rows, groups=[[2, 3, 4]])


def test_each_column_is_taken_for_what_it_is(columns):
    kinds = {type(c).__name__ for c in columns if np.ndim(getattr(c, "column", None)) == 0}
    assert kinds == {"Continuous", "Discrete"}
    by_column = {c.column: c for c in columns if isinstance(c, Continuous)}
    assert set(by_column) == {0, 1}
    assert [c.columns.tolist() for c in columns if isinstance(c, Discrete)] == [[5], [2, 3, 4]]
    np.testing.assert_allclose(sorted(by_column[0].means[[0, 1]]), [-4000, 5000], rtol=0.05)


def test_rows_come_back(rows, columns):
    encoded = encode(columns, rows, np.random.default_rng(1))
    assert encoded.shape == (1500, sum(c.width for c in columns))
    assert np.abs(encoded).max() <= 1
    back = decode(columns, encoded)
    np.testing.assert_array_equal(back[:, 2:], rows[:, 2:])
    inside = np.ones(rows.shape[0], bool)
    start = 0
    for column in columns:
        if isinstance(column, Continuous):
            inside &= np.abs(encoded[:, start]) < 1
        start += column.width
    assert inside.mean() > 0.99
    np.testing.assert_allclose(back[inside, :2], rows[inside, :2], rtol=1e-4, atol=0.05)


def test_modes_are_drawn_as_scikit_learn_weighs_them(rows, columns):
    column = next(c for c in columns if isinstance(c, Continuous) and c.column == 1)
    row = np.repeat(rows[7:8], 20_000, axis=0)
    value = (row[:1, 1].astype("float64") - column.centre) / column.scale
    posterior = column.mixture.predict_proba(value[:, None])[0, column.modes]
    drawn = column.transform(row, np.random.default_rng(0))[:, 1:].mean(0)
    np.testing.assert_allclose(drawn, posterior / posterior.sum(), atol=0.02)


def test_a_place_is_in_deviations_of_its_mode(rows, columns):
    column = next(c for c in columns if isinstance(c, Continuous) and c.column == 0)
    encoded = column.transform(rows, np.random.default_rng(0))
    mode = encoded[:, 1:].argmax(1)
    means = column.mixture.means_[column.modes, 0] * column.scale + column.centre
    variances = column.mixture.covariances_[column.modes, 0, 0] * column.scale**2
    want = (rows[:, 0] - means[mode]) / (4 * np.sqrt(variances[mode]))
    np.testing.assert_allclose(encoded[:, 0], want.clip(-1, 1), rtol=1e-6)


def test_a_constant_column_comes_back():
    rows = np.column_stack([np.full(30, 7.0), np.arange(30.0)])
    columns = fit_columns(rows)
    back = decode(columns, encode(columns, rows, np.random.default_rng(0)))
    np.testing.assert_array_equal(back[:, 0], 7)
    np.testing.assert_allclose(back[:, 1], rows[:, 1], atol=1e-4)
