import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, f1_score

from dawn_tf.evaluation import confusion_scores
from dawn_tf.evaluation.statistics import (
    SCORES,
    ConfusionSample,
    difference_interval,
    example_interval,
    mean_recall,
    score_interval,
    seeds_interval,
    seeds_test,
)

MACRO_F1 = SCORES["macro_f1"]


def _labels(n, seed, accuracy=0.7):
    rng = np.random.default_rng(seed)
    y = rng.choice(3, n, p=[0.7, 0.2, 0.1])
    wrong = rng.integers(0, 3, (2, n))
    return y, np.where(rng.random((2, n)) < accuracy, y, wrong)


def test_stacked_scores_are_those_of_confusion_scores():
    rng = np.random.default_rng(0)
    stack = rng.integers(0, 4, (30, 4, 4))
    stack[:10, 2] = 0  # Class 2 without truth ...
    stack[:5, :, 2] = 0  # ... and never predicted either.
    names = list("abcd")
    for i, matrix in enumerate(stack):
        expected = confusion_scores(matrix, names, [1, 2])
        for name in ("accuracy", "balanced_accuracy", "macro_precision", "macro_recall"):
            np.testing.assert_allclose(SCORES[name](stack)[i], expected[name])
        for name in ("macro_f1", "miou"):
            np.testing.assert_allclose(SCORES[name](stack)[i], expected[name])
        np.testing.assert_allclose(mean_recall([1, 2])(stack)[i], expected["minority_recall"])
        for name in ("precision", "recall", "f1", "iou"):
            single = [expected["per_class"][c][name] for c in names]
            if i < 10:
                single[2] = np.nan
            np.testing.assert_allclose(SCORES[f"class_{name}"](stack)[i], single)
    assert np.isnan(mean_recall([2])(stack[0]))


def test_totals_and_leaving_one_out_are_those_of_single_examples():
    y, predicted = _labels(40, 0)
    sample = ConfusionSample.from_labels(y, predicted, 3)

    def counted(keep):
        out = np.zeros((2, 3, 3))
        for m in range(2):
            np.add.at(out[m], (y[keep], predicted[m, keep]), 1)
        return out

    np.testing.assert_array_equal(sample.total(), counted(np.arange(40)))
    without = np.concatenate(list(sample.leave_one_out()))
    ours = np.repeat(without, sample.multiplicity, axis=0)
    singles = np.array([counted(np.arange(40) != i) for i in range(40)])
    ours, singles = (np.unique(x.reshape(40, -1), axis=0) for x in (ours, singles))
    np.testing.assert_array_equal(ours, singles)
    drawn = np.concatenate(list(sample.resamples(7, np.random.default_rng(0))))
    assert drawn.shape == (7, 2, 3, 3) and (drawn.sum((2, 3)) == 40).all()


def test_blocks_do_not_change_what_comes_out(monkeypatch):
    y, predicted = _labels(60, 1)
    sample = ConfusionSample.from_labels(y, predicted[0], 3)
    whole = score_interval(MACRO_F1, sample, resamples=101)
    monkeypatch.setattr("dawn_tf.evaluation.statistics.confusion_sample._BLOCK", 50)
    assert score_interval(MACRO_F1, sample, resamples=101) == whole


def _macro_f1(y, predicted):
    rows = [(y == c, predicted == c) for c in range(3)]
    return np.mean([2 * (t & p).sum() / (t.sum() + p.sum()) for t, p in rows])


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_score_interval_is_scipys_bootstrap_of_examples(method):
    y, (predicted, _) = _labels(120, 2)
    reference = stats.bootstrap(
        (np.arange(120),),
        lambda chosen: _macro_f1(y[chosen], predicted[chosen]),
        vectorized=False,
        n_resamples=5000,
        method="BCa" if method == "bca" else method,
        rng=np.random.default_rng(0),
    ).confidence_interval
    sample = ConfusionSample.from_labels(y, predicted, 3)
    out = score_interval(MACRO_F1, sample, method, resamples=20000)
    np.testing.assert_allclose(out.value, f1_score(y, predicted, average="macro"))
    # The ends' own noise at 5000 resamples is about 0.002.
    np.testing.assert_allclose([out.low, out.high], reference, atol=0.006)
    ours = example_interval(_macro_f1, y, predicted, method=method, resamples=5000)
    np.testing.assert_allclose([ours.low, ours.high], reference)


def test_bca_levels_by_hand_for_a_share():
    # 3 of 20 right: B is binomial(20, 0.15). Quantiles at levels moved by z0 and a, worked out
    # here from the binomial itself; a = (1 - 2 p) / (6 sqrt(n p (1 - p))).
    y = np.zeros(20, int)
    predicted = np.r_[np.zeros(3, int), np.ones(17, int)]
    sample = ConfusionSample.from_labels(y, predicted, 2)
    p, n = 0.15, 20
    binomial = stats.binom(n, p)
    z0 = stats.norm.ppf((binomial.cdf(2) + binomial.cdf(3)) / 2)
    a = (1 - 2 * p) / (6 * np.sqrt(n * p * (1 - p)))
    z = z0 + stats.norm.ppf([0.025, 0.975])
    expected = binomial.ppf(stats.norm.cdf(z0 + z / (1 - a * z))) / n
    out = score_interval(SCORES["accuracy"], sample, resamples=100_000)
    np.testing.assert_allclose([out.low, out.high], expected)


def test_a_difference_is_paired():
    y, predicted = _labels(300, 3)
    second = predicted[0].copy()
    second[:6] = (y[:6] + 1) % 3  # Wrong six times more; alike elsewhere.
    sample = ConfusionSample.from_labels(y, [predicted[0], second], 3)
    out = difference_interval(SCORES["accuracy"], sample)
    lost = (predicted[0][:6] == y[:6]).sum()
    np.testing.assert_allclose(out.value, lost / 300)
    alone = score_interval(SCORES["accuracy"], ConfusionSample.from_labels(y, second, 3))
    assert out.high - out.low < 0.5 * (alone.high - alone.low)
    assert out.low > 0  # McNemar of 6 against 0 would have p = 0.03.
    same = ConfusionSample.from_labels(y, [second, second], 3)
    assert difference_interval(MACRO_F1, same) == (0, 0, 0)


def test_scores_of_every_class_and_of_none():
    y, (predicted, _) = _labels(200, 4)
    sample = ConfusionSample.from_labels(y, predicted, 4)  # Class 3 does not occur.
    out = score_interval(SCORES["class_f1"], sample)
    assert out.value.shape == out.low.shape == out.high.shape == (4,)
    assert np.isnan([out.value[3], out.low[3], out.high[3]]).all()
    assert (out.low[:3] < out.value[:3]).all() and (out.value[:3] < out.high[:3]).all()
    wide = out.high - out.low
    assert wide[2] > wide[0]  # The rare class.
    single = score_interval(lambda m: SCORES["class_f1"](m)[..., 1], sample)
    np.testing.assert_allclose(single, [out.value[1], out.low[1], out.high[1]])


def test_groups_are_drawn_whole():
    # Every lesion ten times over: as many witnesses as lesions, not as images.
    y, (predicted, _) = _labels(80, 5)
    few = ConfusionSample.from_labels(y, predicted, 3)
    y, predicted, lesion = (np.repeat(x, 10) for x in (y, predicted, np.arange(80)))
    grouped = ConfusionSample.from_labels(y, predicted, 3, groups=lesion)
    many = ConfusionSample.from_labels(y, predicted, 3)
    assert (few.n, grouped.n, many.n) == (80, 80, 800)
    expected, out, naive = (
        score_interval(MACRO_F1, s, "percentile", resamples=8000) for s in (few, grouped, many)
    )
    np.testing.assert_allclose(out, expected, atol=0.01)
    assert naive.high - naive.low < 0.4 * (out.high - out.low)


def test_images_are_drawn_not_pixels():
    rng = np.random.default_rng(6)
    right = rng.integers(300, 1000, 25)
    matrices = np.zeros((25, 2, 2))
    matrices[:, 0, 0], matrices[:, 0, 1] = right, 1000 - right
    out = score_interval(
        SCORES["accuracy"], ConfusionSample.from_matrices(matrices), "percentile", resamples=8000
    )
    expected = stats.bootstrap((right / 1000,), np.mean, method="percentile", rng=0)
    np.testing.assert_allclose(out[1:], expected.confidence_interval, atol=0.01)


def test_seeds_and_examples_add_their_variances():
    # Five seeds that agree: examples alone, with the normal quantile.
    y, (predicted, _) = _labels(400, 7)
    alike = ConfusionSample.from_labels(y, [predicted] * 5, 3)
    out = seeds_interval(SCORES["accuracy"], alike, resamples=20000)
    p = (y == predicted).mean()
    np.testing.assert_allclose(
        [p - out.low, out.high - p], 1.96 * np.sqrt(p * (1 - p) / 400), rtol=0.02
    )
    # A million examples in the same shares: seeds alone, so Student's interval.
    shares = np.array([0.70, 0.72, 0.75, 0.71, 0.77])
    matrices = np.zeros((5, 2, 2, 2))
    matrices[:, :, 0, 0], matrices[:, :, 0, 1] = shares[:, None], 1 - shares[:, None]
    certain = ConfusionSample.from_matrices(matrices)  # Two images alike: no image variance.
    out = seeds_interval(SCORES["accuracy"], certain)
    half = stats.t.ppf(0.975, 4) * shares.std(ddof=1) / np.sqrt(5)
    np.testing.assert_allclose(out, [0.73, 0.73 - half, 0.73 + half])
    paired = ConfusionSample.from_matrices(np.concatenate([matrices, matrices[:, :, :, ::-1]]))
    out = seeds_interval(SCORES["accuracy"], paired, paired=True)
    np.testing.assert_allclose(out, [0.46, 0.46 - 2 * half, 0.46 + 2 * half])


# Shares of a 3-class confusion; the rarest class has 1 in 20 examples.
TRUTH = np.array([[0.76, 0.06, 0.03], [0.02, 0.07, 0.01], [0.01, 0.01, 0.03]])


def _coverage(method, n):
    """Share of 300 test sets of n examples whose interval holds the true macro-F1."""
    rng = np.random.default_rng(0)
    held = 0
    for matrix in rng.multinomial(n, TRUTH.ravel(), 300).reshape(-1, 3, 3):
        y, predicted = np.repeat(np.indices((3, 3)).reshape(2, 9), matrix.ravel(), axis=1)
        sample = ConfusionSample.from_labels(y, predicted, 3)
        out = score_interval(MACRO_F1, sample, method, resamples=400)
        held += out.low <= MACRO_F1(TRUTH) <= out.high
    return held / 300


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(method):
    assert 0.92 <= _coverage(method, 400) <= 0.98  # 20 examples of the rarest class.


def test_three_examples_of_a_class_are_too_few_for_an_interval():
    assert _coverage("bca", 60) < 0.92


def test_seeds_interval_holds_the_truth_where_each_part_alone_does_not():
    # Accuracy 0.8, a deviation of 0.03 between seeds; half of each example's fate is its own.
    rng = np.random.default_rng(1)
    held = np.zeros(3)
    for _ in range(200):
        ease = rng.random(150)
        level = rng.normal(0.8, 0.03, 5)
        own = rng.random((5, 150))
        right = np.where(rng.random(150) < 0.5, ease < level[:, None], own < level[:, None])
        sample = ConfusionSample.from_labels(np.zeros(150, int), 1 - right.astype(int), 2)
        both = seeds_interval(SCORES["accuracy"], sample, resamples=200)
        scores = right.mean(1)
        seeds = stats.t.interval(0.95, 4, scores.mean(), stats.sem(scores))
        one = score_interval(
            SCORES["accuracy"],
            ConfusionSample.from_labels(np.zeros(150, int), 1 - right[0].astype(int), 2),
            "percentile",
            resamples=200,
        )
        held += [low <= 0.8 <= high for low, high in (both[1:], seeds, one[1:])]
    both, seeds, one = held / 200
    assert 0.92 <= both
    assert seeds < 0.92 and one < 0.92


def test_pr_auc_by_examples():
    rng = np.random.default_rng(8)
    y = np.arange(100) < 20
    p = rng.random(100) + 0.5 * y
    out = example_interval(average_precision_score, y, p, resamples=300)
    assert out.low < out.value < out.high
    np.testing.assert_allclose(out.value, average_precision_score(y, p))


def test_what_cannot_be_resampled_is_refused():
    y, predicted = _labels(20, 9)
    two = ConfusionSample.from_labels(y, predicted, 3)
    with pytest.raises(ValueError, match="sample of 1 model"):
        score_interval(MACRO_F1, two)
    with pytest.raises(ValueError, match="Expected method in"):
        difference_interval(MACRO_F1, two, method="basic")
    with pytest.raises(ValueError, match="at least 2 seeds of each method"):
        seeds_interval(MACRO_F1, two, paired=True)
    with pytest.raises(ValueError, match="Expected predictions of integers in 0..1"):
        ConfusionSample.from_labels(y % 2, predicted, 2)
    with pytest.raises(ValueError, match="classes, not probabilities"):
        ConfusionSample.from_labels(y, predicted.T, 3)
    with pytest.raises(ValueError, match="Expected a group for each of 20 examples"):
        ConfusionSample.from_labels(y, predicted, 3, groups=[1, 2])
    with pytest.raises(ValueError, match="one for each test image"):
        ConfusionSample.from_matrices(np.ones((3, 3)))
    with pytest.raises(ValueError, match="at least 2 examples"):
        ConfusionSample.from_labels([0], [0], 2)


def test_seeds_test_is_what_seeds_interval_shows():
    rng = np.random.default_rng(0)
    d, drawn = np.array([0.02, 0.05, 0.01]), rng.normal(0.03, 0.012, 500)
    of_seeds, of_examples = d.var(ddof=1) / 3, drawn.var(ddof=1)
    freedom = (of_seeds + of_examples) ** 2 / (of_seeds**2 / 2)
    outcome = seeds_test(d, np.append(drawn, np.nan))
    assert outcome.statistic == pytest.approx(d.mean() / np.sqrt(of_seeds + of_examples))
    assert outcome.p_value == pytest.approx(2 * stats.t.sf(outcome.statistic, freedom))
    assert outcome.n == 3 and outcome.floor == 0
    # Nothing varies: level, or always apart.
    assert seeds_test(np.zeros(3), np.zeros(9)).p_value == 1
    assert seeds_test(np.ones(3), np.ones(9)).p_value == 0


def test_seeds_test_and_interval_agree_about_zero():
    y = np.arange(60) % 2
    predicted = [(y + (np.arange(60) % k == 0)) % 2 for k in (2, 3, 4, 9)]
    sample = ConfusionSample.from_labels(y, predicted, 2)
    totals = np.concatenate(list(sample.resamples(500, np.random.default_rng(0))))
    drawn, values = SCORES["accuracy"](totals), SCORES["accuracy"](sample.total())
    outcome = seeds_test(values[:2] - values[2:], (drawn[:, :2] - drawn[:, 2:]).mean(1))
    # The interval at level 1 - p ends at 0.
    interval = seeds_interval(SCORES["accuracy"], sample, True, 1 - outcome.p_value, 500)
    assert interval.high == pytest.approx(0, abs=1e-9)
