import keras
import numpy as np

from dawn_tf.layers import PositionEmbedding, StandardizedConv2D


def test_the_kernel_has_mean_0_and_variance_1():
    rng = np.random.default_rng(0)
    layer = StandardizedConv2D(3, 1, use_bias=False)
    x = rng.normal(size=(1, 2, 2, 8)).astype("float32")
    layer.build(x.shape)
    kernel = rng.normal(3.0, 5.0, size=(8, 3))
    layer.kernel.assign(kernel[None, None])
    standard = (kernel - kernel.mean(0)) / np.sqrt(kernel.var(0) + 1e-5)
    np.testing.assert_allclose(layer(x), x @ standard, rtol=1e-4, atol=1e-5)


def test_positions_are_added():
    layer = PositionEmbedding()
    x = np.zeros((2, 3, 4), "float32")
    layer.build(x.shape)
    layer.embedding.assign(np.arange(12.0).reshape(1, 3, 4))
    expected = np.broadcast_to(np.arange(12.0).reshape(1, 3, 4), x.shape)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(x)), expected)
