import itertools

import numpy as np
import pytest

from dawn_tf.ops.lovasz import bin_weights, binned_weights, sorted_weights


def jaccard_loss(wrong, truth):
    union = (truth | wrong).sum()
    return 1 - (truth & ~wrong).sum() / union if union else 0.0


def weights_of(order, truth):
    """The differences of the Jaccard loss as pixels turn wrong in this order."""
    weights, wrong = np.zeros(len(truth)), np.zeros(len(truth), bool)
    for i in order:
        before = jaccard_loss(wrong, truth)
        wrong[i] = True
        weights[i] = jaccard_loss(wrong, truth) - before
    return weights


def rows(*arrays):
    return [np.asarray(a, "float32")[None] for a in arrays]


@pytest.mark.parametrize("positives", range(6))
def test_sorted_loss_is_the_maximum_over_all_orders(positives):
    # The Lovász extension of a submodular function is the maximum of these linear functions.
    rng = np.random.default_rng(positives)
    errors, truth = rng.random(5).astype("float32"), rng.permutation(5) < positives
    want = max(errors @ weights_of(order, truth) for order in itertools.permutations(range(5)))
    got = np.asarray(sorted_weights(*rows(errors, truth, np.ones(5))))[0]
    np.testing.assert_allclose(errors @ got, want, rtol=1e-6)


@pytest.mark.parametrize("positives", [0, 1, 7, 20])
def test_sorted_weights_are_the_differences(positives):
    rng = np.random.default_rng(positives)
    errors, truth = rng.random(20).astype("float32"), rng.permutation(20) < positives
    want = weights_of(np.argsort(-errors), truth)
    got = sorted_weights(*rows(errors, truth, np.ones(20)))
    np.testing.assert_allclose(got, [want], rtol=1e-6)


@pytest.mark.parametrize("function", [sorted_weights, binned_weights])
def test_void_pixels_weigh_0_and_change_no_other(function):
    rng = np.random.default_rng(0)
    errors, truth, valid = rng.random(30), rng.random(30) < 0.3, rng.random(30) < 0.6
    got = np.asarray(function(*rows(errors, truth & valid, valid)))[0]
    alone = function(*rows(errors[valid], truth[valid], np.ones(valid.sum())))
    np.testing.assert_allclose(got[valid], np.asarray(alone)[0], rtol=1e-6)
    assert not got[~valid].any()


@pytest.mark.parametrize("function", [sorted_weights, binned_weights])
@pytest.mark.parametrize("share", [0.0, 1e-5, 0.3, 1.0])
@pytest.mark.parametrize("errors", ["random", "equal", "certain"])
def test_weights_sum_to_1_and_are_not_negative(function, share, errors):
    rng = np.random.default_rng(1)
    e = rng.random(100_000)
    e = {"random": e, "equal": np.full_like(e, 0.5), "certain": np.round(e)}[errors]
    truth = rng.random(e.size) < share
    weights = np.asarray(function(*rows(e, truth, np.ones(e.size))))[0]
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(dtype="float64"), 1, rtol=1e-5)


def test_every_sorted_weight_is_exact_among_many_pixels():
    rng = np.random.default_rng(2)
    errors, truth = (rng.permutation(2**18) + 0.5) / 2**18, rng.random(2**18) < 0.01
    order = np.argsort(-errors)
    remaining = truth.sum() - np.cumsum(truth[order])
    loss = 1 - remaining / (truth.sum() + np.cumsum(~truth[order]))
    want = np.empty(2**18)
    want[order] = np.diff(loss, prepend=0.0)
    got = sorted_weights(*rows(errors, truth, np.ones(2**18)))
    # The reference itself rounds at 1e-16, beside weights down to 1e-11.
    np.testing.assert_allclose(got, [want], rtol=2e-6, atol=1e-15)


def test_rows_do_not_depend_on_each_other():
    rng = np.random.default_rng(3)
    errors, truth = rng.random((4, 50)).astype("float32"), rng.random((4, 50)) < 0.3
    arrays = errors, truth.astype("float32"), np.ones((4, 50), "float32")
    for function in (sorted_weights, binned_weights):
        together = function(*arrays)
        for i in range(4):
            alone = function(*(a[i : i + 1] for a in arrays))
            np.testing.assert_array_equal(np.asarray(together)[i], np.asarray(alone)[0])


def test_binned_is_exact_where_each_bin_holds_one_kind():
    rng = np.random.default_rng(4)
    errors = (rng.permutation(16) + 0.5) / 16
    truth = rng.random(16) < 0.4
    arrays = rows(errors, truth, np.ones(16))
    np.testing.assert_allclose(binned_weights(*arrays, bins=16), sorted_weights(*arrays), rtol=1e-5)


@pytest.mark.parametrize("others", [1, 2, 3])
@pytest.mark.parametrize("positives", [1, 2, 3])
@pytest.mark.parametrize("above", [0, 2])
def test_bin_weights_are_the_mean_over_all_orders(others, positives, above):
    # `above` other pixels and one positive are in the upper bin, and come first.
    truth = np.array([False] * above + [True] + [True] * positives + [False] * others)
    low = range(above + 1, len(truth))
    orders = [[*range(above + 1), *rest] for rest in itertools.permutations(low)]
    want = np.mean([weights_of(order, truth) for order in orders], axis=0)
    got = np.asarray(bin_weights(*rows([others, above], [positives, 1])))[0]
    np.testing.assert_allclose(got[0], [want[-1], want[above + 1]], rtol=0.01)


@pytest.mark.parametrize("function", [sorted_weights, binned_weights])
def test_masses_that_are_0_or_1_are_labels(function):
    rng = np.random.default_rng(5)
    errors, truth = rng.random((2, 40)), rng.random((2, 40)) < 0.3
    valid = rng.random((2, 40)) < 0.8
    arrays = [np.float32(x) for x in (errors * valid, truth & valid, valid)]
    np.testing.assert_allclose(function(*arrays, hard=True), function(*arrays), rtol=1e-6)


@pytest.mark.parametrize("function", [sorted_weights, binned_weights])
@pytest.mark.parametrize("mass", [1e-20, 1e-3, 0.5])
def test_weights_of_soft_labels_sum_to_1_and_are_not_negative(function, mass):
    rng = np.random.default_rng(6)
    y = mass * rng.random(1000)
    weights = np.asarray(function(*rows(rng.random(1000), y, np.ones(1000))))[0]
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(dtype="float64"), 1, rtol=1e-5)


def test_an_absent_class_has_its_largest_error():
    errors = [0.3, 0.9, 0.2]
    arrays = rows(errors, [0, 0, 0], [1, 1, 1])
    np.testing.assert_array_equal(sorted_weights(*arrays), [[0, 1, 0]])
    np.testing.assert_array_equal(binned_weights(*arrays), [[0, 1, 0]])
    np.testing.assert_allclose(binned_weights(*arrays, bins=1), [[1 / 3] * 3], rtol=1e-6)
