import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.data.rejection import RejectionSampler, rejection_resample

LABELS = np.repeat([0, 1], [30, 10])


def draws(sampler, number, start_step=0):
    return np.array(list(sampler.dataset(start_step).take(number).as_numpy_iterator()))


def test_shares_are_the_targets_on_average():
    sampler = RejectionSampler(LABELS, "balanced", seed=1)
    drawn = LABELS[draws(sampler, 4000)]
    # Deviation of a share over 4000 independent draws is at most 0.008.
    assert abs(drawn.mean() - 0.5) < 0.03
    np.testing.assert_allclose(sampler.prior, [0.5, 0.5])


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


def test_rejection_warns_of_what_it_throws_away():
    stream = tf.data.Dataset.from_tensors((0, 0))
    with pytest.warns(UserWarning, match="keeps 0.2% of this stream"):
        rejection_resample(stream, lambda x, y: y, "balanced", [999, 1])
