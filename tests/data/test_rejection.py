import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from dawn_tf.data.rejection import RejectionSampler, rejection_resample

LABELS = np.repeat([0, 1], [30, 10])


def draws(sampler, number, start_step=0):
    return sampler.dataset(start_step).batch(number).take(1).get_single_element().numpy()


def test_shares_agree_with_the_target_over_100_000_draws():
    sampler = RejectionSampler(LABELS, "balanced", seed=1)
    drawn = np.bincount(LABELS[draws(sampler, 100_000)])
    # Every example of the class that is never dropped comes once an epoch, so that the counts
    # vary less than independent draws would.
    assert stats.chisquare(drawn, [50_000, 50_000]).pvalue > 1e-3
    np.testing.assert_allclose(sampler.prior, [0.5, 0.5])
    np.testing.assert_allclose(sampler.shares(3), [0.5, 0.5])


def test_batches_are_the_stream_cut_in_pieces():
    batches = RejectionSampler(LABELS, seed=3).batches(20, start_step=1)
    assert batches.element_spec.shape == (20,)
    found = np.concatenate(list(batches.take(2).as_numpy_iterator()))
    np.testing.assert_array_equal(found, draws(RejectionSampler(LABELS, seed=3), 60)[20:])


def test_it_starts_at_any_step_of_the_same_stream():
    whole = draws(RejectionSampler(LABELS, seed=3), 60)
    np.testing.assert_array_equal(draws(RejectionSampler(LABELS, seed=3), 40, 20), whole[20:])
    assert set(whole) <= set(range(40))


def test_rejection_reaches_the_target_and_keeps_elements_in_order():
    labels = np.tile(np.repeat([0, 1], [300, 100]), 10)
    stream = tf.data.Dataset.from_tensor_slices((np.arange(4000), labels))
    resampled = rejection_resample(stream, lambda x, y: y, "balanced", [300, 100], seed=0)
    x, y = (np.array(part) for part in zip(*resampled.as_numpy_iterator(), strict=True))
    np.testing.assert_array_equal(y, labels[x])
    assert np.all(np.diff(x) > 0)
    # All of class 1 stay, and a third of class 0: within five standard deviations.
    assert np.sum(y == 1) == 1000
    assert abs(np.sum(y == 0) - 1000) < 5 * np.sqrt(3000 * 2 / 9)


def test_class_counts_may_be_shares():
    stream = tf.data.Dataset.from_tensor_slices((np.arange(400), np.repeat([0, 1], [300, 100])))
    by_counts, by_shares = (
        [int(x) for x, _ in rejection_resample(stream, lambda x, y: y, "sqrt", counts, seed=0)]
        for counts in ([300, 100], [0.75, 0.25])
    )
    assert by_counts == by_shares and len(by_counts) < 400


def test_rejection_warns_of_what_it_throws_away():
    stream = tf.data.Dataset.from_tensors((0, 0))
    with pytest.warns(UserWarning, match="keeps 0.2% of this stream.* it reads 500.*ClassAware"):
        rejection_resample(stream, lambda x, y: y, "balanced", [999, 1])
    # 10 % stay: told only beyond 90 % dropped.
    rejection_resample(stream, lambda x, y: y, "balanced", [94.9, 5.1])
    with pytest.warns(UserWarning, match="keeps 2.0%"):
        RejectionSampler(np.repeat([0, 1], [99, 1])).batches(8)
