import numpy as np
import pytest
from scipy.stats import t, ttest_rel

from dawn_tf.evaluation.comparison import compare_methods, score_of
from dawn_tf.evaluation.statistics import holm, seeds_test

DATA = {
    "test_part": "a",
    "examples": {"train": 70, "val": 15, "test": 15},
    "class_names": ["common", "rare"],
    "minority": [1],
}


def rows_of(table, key="pr_auc", **data):
    """Lines of results: method -> score of seeds 0, 1, ..."""
    return [
        {"method": method, "seed": seed, "test": {key: value}, "data": {**DATA, **data}}
        for method, values in table.items()
        for seed, value in enumerate(values)
    ]


TABLE = {"a": [0.70, 0.74, 0.71], "b": [0.69, 0.75, 0.70], "c": [0.50, 0.53, 0.52]}


def test_best_and_tied_are_those_of_scipy_and_holm():
    column = compare_methods(rows_of(TABLE), ["pr_auc"])["pr_auc"]
    entries = column.entries
    assert entries["a"].mean == pytest.approx(2.15 / 3)
    assert entries["a"].deviation == pytest.approx(np.std(TABLE["a"], ddof=1))
    assert [entry.best for entry in entries.values()] == [True, False, False]
    p = holm([ttest_rel(TABLE[m], TABLE["a"]).pvalue for m in "bc"])
    assert [entries[m].p for m in "bc"] == pytest.approx(p.tolist())
    assert [entry.tied for entry in entries.values()] == [True, True, False]
    assert column.test == "paired t-test over seeds (n = 3)"


def test_of_errors_the_lowest_is_best():
    rows = rows_of({"a": [0.3, 0.31], "b": [0.1, 0.12]})
    for row in rows:
        row["test"] = {"calibration": {"ece": row["test"]["pr_auc"]}}
    entries = compare_methods(rows, ["ece"])["ece"].entries
    assert entries["b"].best and not entries["a"].best


def test_seeds_that_split_anew_are_corrected():
    rows = rows_of(TABLE)
    for row in rows:
        row["data"] = {**DATA, "test_part": row["seed"]}
    column = compare_methods(rows, ["pr_auc"])["pr_auc"]
    # Nadeau and Bengio: the variance of the mean is sd^2 (1 / n + test / train).
    d = np.subtract(TABLE["c"], TABLE["a"])
    plain = ttest_rel(TABLE["c"], TABLE["a"])
    statistic = d.mean() / (d.std(ddof=1) * np.sqrt(1 / 3 + 15 / 70))
    expected = 2 * t.sf(abs(statistic), 2)
    assert expected > plain.pvalue
    p = holm([expected, column.entries["b"].p])  # b's is the larger one and stays as it is.
    assert column.entries["c"].p == pytest.approx(p[0])
    assert "split the data anew" in column.test


def test_one_seed_has_no_winner_and_other_test_parts_are_not_paired():
    column = compare_methods(rows_of({"a": [0.7], "b": [0.6]}), ["pr_auc"])["pr_auc"]
    assert not any(entry.best or entry.tied for entry in column.entries.values())
    assert column.test is None and column.entries["a"].deviation is None
    rows = rows_of({"a": [0.7, 0.71]}) + rows_of({"b": [0.6, 0.61]}, test_part="other")
    column = compare_methods(rows, ["pr_auc"])["pr_auc"]
    assert column.entries["a"].best and column.entries["b"].tied is None
    assert column.test is None


def test_a_method_always_better_by_the_same_amount_is_not_tied():
    entries = compare_methods(rows_of({"a": [0.5, 0.6], "b": [0.25, 0.35]}), ["pr_auc"])
    assert entries["pr_auc"].entries["b"].tied is False
    entries = compare_methods(rows_of({"a": [0.5, 0.6], "b": [0.5, 0.6]}), ["pr_auc"])
    assert entries["pr_auc"].entries["b"].tied is True


def test_scores_that_no_run_has_have_no_column():
    rows = rows_of({"a": [0.7, None], "b": [0.6, 0.5]})
    columns = compare_methods(rows, ["pr_auc", "miou", "few"])
    assert list(columns) == ["pr_auc"] and columns["pr_auc"].entries["a"].n == 1
    shots = {"test": {"shots": {"few": {"recall": 0.25}}}}
    assert score_of(shots, "few") == 0.25 and score_of(shots, "many") is None


def predicted_rows(right, n=400, seeds=4, seed=0):
    """Rows and outputs of methods that are right with the given probabilities."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.2).astype(int)
    hard = rng.random(n)
    rows, outputs = [], {}
    for method, p in right.items():
        for s in range(seeds):
            hit = hard + 0.2 * rng.random(n) < p + 0.1
            y_pred = np.where(hit, y, 1 - y)
            rows.append(
                {
                    "method": method,
                    "seed": s,
                    "test": {"accuracy": float((y_pred == y).mean())},
                    "data": {**DATA, "examples": {"train": 70, "test": n}},
                }
            )
            outputs[method, s] = {"y_true": y, "y_pred": y_pred}
    return rows, lambda row: outputs[row["method"], row["seed"]]


def test_with_one_test_part_the_test_is_over_its_examples_too():
    rows, load = predicted_rows({"a": 0.8, "b": 0.78, "c": 0.5})
    column = compare_methods(rows, ["accuracy"], load, resamples=4000)["accuracy"]
    assert column.test == (
        "paired test over seeds and test examples (n = 4 seeds, 400 test examples)"
    )
    hits = {
        m: np.array([load(r)["y_true"] == load(r)["y_pred"] for r in rows if r["method"] == m])
        for m in "abc"
    }
    p_values = []
    for m in "bc":
        d = hits[m].mean(1) - hits["a"].mean(1)
        # The variance of the mean difference over test examples, in closed form.
        of_example = (hits[m].mean(0) - hits["a"].mean(0)).std() / np.sqrt(400)
        drawn = np.random.default_rng(1).normal(0, of_example, 10**6)
        p_values.append(seeds_test(d, drawn).p_value)
    expected = holm(p_values)
    assert [column.entries[m].p for m in "bc"] == pytest.approx(expected.tolist(), rel=0.15)
    assert column.entries["a"].best and column.entries["b"].tied
    assert column.entries["c"].tied is False


def test_images_are_drawn_whole():
    rng = np.random.default_rng(0)
    base, rows, outputs = rng.random(60), [], {}
    for method, shift in (("a", 0.0), ("b", -0.2)):
        for seed in range(3):
            dice = np.clip(base + shift + 0.02 * rng.standard_normal(60), 0, 1)[:, None]
            dice[7] = np.nan
            score = {"dice_per_image_mean": float(np.nanmean(dice))}
            rows.append({"method": method, "seed": seed, "test": score, "data": DATA})
            outputs[method, seed] = {"dice": dice, "matrices": rng.integers(1, 9, (60, 2, 2))}
    load = lambda row: outputs[row["method"], row["seed"]]  # noqa: E731
    column = compare_methods(rows, ["dice_per_image_mean"], load)["dice_per_image_mean"]
    assert column.test.startswith("paired test over seeds and test examples")
    assert column.entries["a"].best and column.entries["b"].tied is False
