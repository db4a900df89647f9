import keras
import numpy as np
import pytest
from keras import ops

from dawn_tf.layers import CosineHead


def test_gives_cosines_whatever_the_lengths():
    head = CosineHead(2, scale=3)
    x = np.float32([[[3, 4], [1e-30, 0], [0, 1e30]]])
    head(x)
    head.kernel.assign([[2, 0], [0, 1e-20]])
    np.testing.assert_allclose(
        head(x), 3 * np.array([[[0.6, 0.8], [1, 0], [0, 1]]]), rtol=1e-6, atol=1e-6
    )
    assert head.compute_output_spec(keras.KerasTensor((None, 5, 2))).shape == (None, 5, 2)


def test_no_feature_gives_0_with_finite_gradient(value_and_gradient):
    head = CosineHead(3)
    x = np.float32([[0, 0], [1, 2]])
    head(x)
    value, gradient = value_and_gradient(lambda x: ops.sum(ops.square(head(x))), x)
    np.testing.assert_array_equal(head(x)[0], 0)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert not gradient[0].any()
    np.testing.assert_allclose(gradient[1] @ x[1], 0, atol=1e-6)  # Longer changes nothing.


def test_gradient_is_the_formula(value_and_gradient):
    head = CosineHead(3)
    x = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    head(x)
    _, gradient = value_and_gradient(lambda x: ops.sum(head(x) * np.float32([1, 2, 3])), x)
    w = np.asarray(head.kernel, "float64")
    w, length = w / np.linalg.norm(w, axis=0), np.linalg.norm(x, axis=1, keepdims=True)
    u = x / length
    # d cos_c / dx = (w_c - cos_c * u) / |x|
    want = sum(k * (w[:, c] - (u @ w[:, c])[:, None] * u) / length for c, k in enumerate([1, 2, 3]))
    np.testing.assert_allclose(gradient, want, atol=1e-5)


def test_is_float32_under_a_mixed_policy_and_round_trips():
    head = CosineHead(3, scale=2, dtype="mixed_bfloat16", name="head")
    assert head(np.ones((1, 4), "float32")).dtype == "float32"
    assert CosineHead.from_config(head.get_config()).get_config() == head.get_config()


def test_impossible_scale_is_refused():
    with pytest.raises(ValueError, match="Use 1 with LDAM"):
        CosineHead(3, scale=0)
