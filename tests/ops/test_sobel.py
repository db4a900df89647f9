import numpy as np
import pytest
from keras import ops
from scipy.ndimage import sobel

from dawn_tf.ops.sobel import edge_difference, sobel_magnitude, touches


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (2, 2), (6, 9)])
def test_matches_scipy(size):
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    gy, gx = np.empty((2, *x.shape))
    for b, c in np.ndindex(2, 3):
        gy[b, ..., c], gx[b, ..., c] = (
            sobel(x[b, ..., c].astype("float64"), axis, mode="nearest") / 4 for axis in (0, 1)
        )
    np.testing.assert_allclose(sobel_magnitude(x), np.hypot(gx, gy), atol=1e-6)


def test_a_unit_step_has_magnitude_1_on_both_its_sides():
    x = np.zeros((1, 4, 6, 1), "float32")
    x[:, :, 3:] = 1
    want = np.broadcast_to(np.float32([0, 0, 1, 1, 0, 0]), (4, 6))
    np.testing.assert_array_equal(np.asarray(sobel_magnitude(x))[0, ..., 0], want)
    turned = np.asarray(sobel_magnitude(np.swapaxes(x, 1, 2)))[0, ..., 0]
    np.testing.assert_array_equal(turned, want.T)


def test_flat_maps_have_0_with_zero_gradient_even_with_rounding(value_and_gradient):
    x = np.full((1, 8, 8, 2), 0.3, "float32")
    x[0, ::3] = np.nextafter(x[0, ::3], np.float32(1))
    value, gradient = value_and_gradient(lambda x: ops.sum(sobel_magnitude(x)), x)
    assert value == 0
    assert not gradient.any()


def test_gradient_is_that_of_the_length(value_and_gradient):
    x = np.zeros((1, 3, 3, 1), "float32")
    x[0, 1, 2, 0] = 4.0
    # At the centre gx = 4 * 2 / 4 and gy = 0, so the length follows gx alone.
    _, gradient = value_and_gradient(lambda x: ops.sum(sobel_magnitude(x)[0, 1, 1]), x)
    want = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
    np.testing.assert_allclose(gradient[0, ..., 0], want, atol=1e-6)


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (2, 2), (6, 9)])
def test_gradient_of_the_difference_is_the_automatic_one(size, void, squared, value_and_gradient):
    rng = np.random.default_rng(1)
    p, y = rng.uniform(size=(2, 2, *size, 3)).astype("float32")
    void = (rng.uniform(size=(2, *size, 1)) < 0.1 * void).astype("float32")
    upstream = rng.normal(size=(2, 3)).astype("float32")

    def automatic(p):
        gap = (sobel_magnitude(p) - sobel_magnitude(y)) * ops.cast(touches(void) == 0, "float32")
        gap = ops.square(gap) if squared else ops.abs(gap)
        return ops.sum(ops.sum(gap, axis=(1, 2)) * upstream)

    def written_out(p):
        return ops.sum(edge_difference(p, y, void, squared) * upstream)

    want, got = value_and_gradient(automatic, p), value_and_gradient(written_out, p)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got[1], want[1], rtol=1e-4, atol=1e-5)
