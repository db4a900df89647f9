import numpy as np

from dawn_tf.data.rejection import RejectionSampler

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
