import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from dawn_tf.data import DataError, load
from dawn_tf.data.generators import CTGAN, column_groups, make_examples
from dawn_tf.data.generators.ctgan import Conditions, activate, condition_loss, spans
from dawn_tf.data.generators.mode_normalisation import fit_columns

MEANS = np.array([[0.0, 0.0, 5.0], [3.0, -200.0, 1.0]])
DEVIATIONS = np.array([1.0, 100.0, 0.5])


def mixture(n, seed=0, share=0.1):
    """Two clouds of three numbers, and a flag that one of them has four times as often."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype("int32")
    x = MEANS[y] + rng.normal(size=(n, 3)) * DEVIATIONS
    flag = rng.random(n) < np.where(y == 1, 0.8, 0.2)
    return np.column_stack([x, flag]).astype("float32"), y


@pytest.fixture(scope="module")
def columns():
    x, y = mixture(400)
    rows = np.column_stack([x, y])
    return rows, fit_columns(rows, [[4]])


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_activations_by_hand(columns):
    _, columns = columns
    width = sum(c.width for c in columns)
    rng = np.random.default_rng(0)
    logits, u = rng.normal(size=(6, width)), rng.uniform(0.01, 0.99, (6, width))
    got = np.asarray(activate(columns, logits.astype("float32"), u.astype("float32")))
    for kind, start, end in spans(columns):
        part, noise = logits[:, start:end], -np.log(-np.log(u[:, start:end]))
        want = np.tanh(part) if kind == "place" else softmax((part + noise) / 0.2)
        np.testing.assert_allclose(got[:, start:end], want, rtol=1e-3, atol=1e-5)


def test_gumbel_noise_draws_by_the_softmax(columns):
    _, columns = columns
    kind, start, end = spans(columns)[-1]
    assert kind == "value" and end - start == 2
    logits = np.zeros((20_000, sum(c.width for c in columns)), "float32")
    logits[:, start] = 1.0
    u = np.random.default_rng(0).random(logits.shape).astype("float32")
    first = np.asarray(activate(columns, logits, u))[:, start] > 0.5
    assert first.mean() == pytest.approx(1 / (1 + np.exp(-1)), abs=0.01)


def test_condition_loss_by_hand(columns):
    _, columns = columns
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, sum(c.width for c in columns))).astype("float32")
    # On the flag, on the class, on the class.
    column, value = np.array([0, 1, 1], "int32"), [1, 2, 3]
    condition = np.eye(4, dtype="float32")[value]
    starts = [start for kind, start, _ in spans(columns) if kind == "value"]
    want = [
        -np.log(softmax(logits[i, starts[c] : starts[c] + 2])[v % 2])
        for i, (c, v) in enumerate(zip(column, value, strict=True))
    ]
    got = condition_loss(columns, logits, condition, column)
    np.testing.assert_allclose(got, np.mean(want), rtol=1e-5)


def test_rows_are_drawn_by_the_logarithm_of_frequencies(columns):
    rows, columns = columns
    discrete = [c for c in columns if hasattr(c, "patterns")]
    conditions = Conditions(discrete, rows)
    column, condition, chosen = conditions.draw(20_000, np.random.default_rng(0))
    assert column.mean() == pytest.approx(0.5, abs=0.02)
    of_class = column == 1
    labels = condition[of_class, 2:].argmax(1)
    np.testing.assert_array_equal(rows[chosen][of_class, 4], labels)  # The rows fulfil it.
    flags = condition[~of_class, :2].argmax(1)
    np.testing.assert_array_equal(rows[chosen][~of_class, 3], flags)
    logs = np.log(np.bincount(rows[:, 4].astype(int)) + 1)
    np.testing.assert_allclose(np.bincount(labels) / len(labels), logs / logs.sum(), atol=0.02)
    np.testing.assert_array_equal(
        conditions.of_label(np.array([1, 0])), [[0, 0, 0, 1], [0, 0, 1, 0]]
    )


def data_of(x, y):
    data = load("digits")
    train = dataclasses.replace(
        data.parts["train"], x=x, y=y, ids=np.arange(len(y)).astype(str), sampling_labels=y
    )
    return dataclasses.replace(
        data,
        class_names=["a", "b"],
        class_counts=np.bincount(y),
        parts={**data.parts, "train": train},
    )


def test_makes_what_the_classes_lack_and_the_seed_decides():
    data = data_of(*mixture(200))
    x, y = make_examples(data, "ctgan", seed=1, steps=2)
    assert set(y) == {1} and len(y) == data.class_counts[0] - data.class_counts[1]
    assert x.shape == (len(y), 4) and x.dtype == np.float32 and np.isfinite(x).all()
    assert set(np.unique(x[:, 3])) <= {0, 1}
    np.testing.assert_array_equal(make_examples(data, "ctgan", seed=1, steps=2)[0], x)
    with pytest.raises(DataError, match="--oversampling gan"):
        make_examples(load("digits"), "ctgan")


def test_levels_of_a_word_are_one_column():
    from dawn_tf.data.table_encoder import TableEncoder

    columns = {
        "n": np.array([1.0, np.nan, 3.0]),
        "w": np.array(["a", "b", "c"], object),
        "v": np.array(["x", "x", None], object),
    }
    encoder = TableEncoder.fit(columns, ["n"], ["w", "v"])
    names = encoder.feature_names
    groups = [[names[i] for i in group] for group in column_groups(encoder)]
    assert groups == [["w=a", "w=b", "w=c"], ["v=x", "v=missing"]]
    assert column_groups(None) == []


@pytest.mark.slow
def test_made_classes_are_like_the_real_ones():
    """Means within a deviation, deviations within a factor of 2, and what tells them apart."""
    x, y = mixture(2000)
    gan = CTGAN().fit(x, y, steps=600)
    for c in (0, 1):
        made = gan.sample(np.full(2000, c), seed=1)
        assert (np.abs(made[:, :3].mean(0) - MEANS[c]) < 1.5 * DEVIATIONS).all()
        ratio = made[:, :3].std(0) / DEVIATIONS
        assert (ratio > 0.4).all() and (ratio < 2.5).all()
    labels = np.arange(2000) % 2
    model = LogisticRegression(max_iter=1000)
    model.fit(gan.sample(labels, seed=2) / [1, 100, 1, 1], labels)
    test, y_test = mixture(4000, seed=5)
    p = model.predict_proba(test / [1, 100, 1, 1])[:, 1]
    assert average_precision_score(y_test, p) > 0.9  # Of the share of 0.1 by chance.
