import json

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from dawn_tf.evaluation.statistics import compare

TABLE = {
    "cross_entropy": [0.60, 0.62, 0.61, 0.59, 0.63],
    "focal": [0.61, 0.61, 0.62, 0.60, 0.62],
    "dawn": [0.70, 0.71, 0.73, 0.69, 0.72],
    "balanced_softmax": [0.69, 0.73, 0.72, 0.68, 0.74],
}


def test_a_table_against_its_baseline():
    rows = compare(TABLE, "cross_entropy")
    assert [row["method"] for row in rows] == list(TABLE)
    own, *others = rows
    assert own["difference"] is own["t_p"] is own["wilcoxon_p_holm"] is None
    names = list(TABLE)[1:]
    t = [stats.ttest_rel(TABLE[m], TABLE["cross_entropy"]) for m in names]
    np.testing.assert_allclose([row["t_p"] for row in others], [x.pvalue for x in t])
    adjusted = multipletests([x.pvalue for x in t], method="holm")[1]
    np.testing.assert_allclose([row["t_p_holm"] for row in others], adjusted)
    for row, name, test in zip(others, names, t, strict=True):
        ends = test.confidence_interval()
        np.testing.assert_allclose([row["difference_low"], row["difference_high"]], ends)
        np.testing.assert_allclose(row["d_z"], test.statistic / np.sqrt(5))
        np.testing.assert_allclose(row["deviation"], np.std(TABLE[name], ddof=1))
        assert row["wilcoxon_p"] >= row["wilcoxon_floor"]
        assert row["wilcoxon_p_holm"] > 0.05  # Of five seeds, whatever the scores.
    json.dumps(rows, allow_nan=False)


def test_the_best_and_what_is_tied_with_it():
    rows = {row["method"]: row for row in compare(TABLE, "cross_entropy")}
    assert [m for m, row in rows.items() if row["best"]] == ["balanced_softmax"]
    assert [m for m, row in rows.items() if row["tied"]] == ["dawn", "balanced_softmax"]
    losses = {m: [1 - x for x in scores] for m, scores in TABLE.items()}
    lower = compare(losses, "cross_entropy", higher_is_better=False)
    assert [row["method"] for row in lower if row["tied"]] == ["dawn", "balanced_softmax"]


def test_data_sets_are_the_observations_not_their_seeds():
    rng = np.random.default_rng(0)
    table = {name: rng.random((6, 3)) for name in "ab"}
    means = {name: x.mean(1) for name, x in table.items()}
    assert compare(table, "a") == compare(means, "a")
    assert compare(table, "a")[0]["n"] == 6


def test_new_splits_widen_everything_but_wilcoxon():
    narrow = compare(TABLE, "cross_entropy")[2]
    wide = compare(TABLE, "cross_entropy", test_to_train=15 / 70)[2]
    assert wide["t_p"] > narrow["t_p"] and wide["difference_low"] < narrow["difference_low"]
    assert wide["wilcoxon_p"] == narrow["wilcoxon_p"] and wide["d_z"] == narrow["d_z"]


def test_equal_differences_have_no_t_and_are_not_tied():
    rows = compare({"a": [0.1, 0.2, 0.3], "b": [0.2, 0.3, 0.4], "c": [0.2, 0.3, 0.4]}, "a")
    assert rows[1]["t_p"] is rows[1]["t_p_holm"] is rows[1]["d_z"] is None
    assert [row["tied"] for row in rows] == [False, True, True]
    json.dumps(rows, allow_nan=False)


def test_what_does_not_pair_is_refused():
    with pytest.raises(ValueError, match=r"'b': \(2,\)}. Leave out seeds"):
        compare({"a": [1, 2, 3], "b": [1, 2]}, "a")
    with pytest.raises(ValueError, match="Expected a baseline among"):
        compare(TABLE, "resnet")
    with pytest.raises(ValueError, match="at least 2 finite scores"):
        compare({"a": [1], "b": [2]}, "a")
