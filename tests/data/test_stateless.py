import numpy as np
from scipy import stats

from dawn_tf.data.stateless import random_bits, uniform

MASK = 2**64 - 1


def reference(*keys):
    bits = 0
    for key in keys:
        z = (bits + ((key & MASK) + 1) * 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        bits = z ^ (z >> 31)
    return bits


def test_equals_splitmix_in_python_integers():
    assert reference(0) == 0xE220A8397B1DCDAF  # First output of SplitMix64 with seed 0.
    for keys in [(0,), (5, -1), (1, 2, 3), (2**40, 0)]:
        assert int(random_bits(*keys)) == reference(*keys)


def test_neighbouring_keys_give_independent_uniform_numbers():
    u = uniform(7, np.arange(400)[:, None], np.arange(50)).numpy()
    assert u.min() >= 0 and u.max() < 1
    assert stats.kstest(u.ravel(), "uniform").pvalue > 1e-3
    correlations = [np.corrcoef(u[:-1].ravel(), u[1:].ravel()), np.corrcoef(u[:, 0], u[:, 1])]
    assert abs(correlations[0][0, 1]) < 5 / np.sqrt(400 * 50)
    assert abs(correlations[1][0, 1]) < 5 / np.sqrt(400)
