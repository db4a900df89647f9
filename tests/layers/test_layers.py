import keras
import numpy as np
import pytest

from dawn_tf import layers


def rng():
    return np.random.default_rng(0)


def test_gate_is_the_papers_formula():
    z_g, z_d = rng().normal(size=(2, 2, 3, 4, 5)).astype("float32")
    gate = layers.Gate()
    gate(z_g, z_d)
    w_g, w_d = rng().normal(size=(2, 5, 5))
    b = np.arange(5) / 5
    gate.from_global.set_weights([w_g])
    gate.from_detail.set_weights([w_d, b])
    z, alpha = gate(z_g, z_d)
    expected = 1 / (1 + np.exp(-(z_g @ w_g + z_d @ w_d + b)))
    np.testing.assert_allclose(alpha, expected, atol=1e-5)
    np.testing.assert_allclose(z, expected * z_d + (1 - expected) * z_g, atol=1e-5)


def test_gate_starts_as_the_mean_of_both_decoders():
    z_g, z_d = np.full((1, 3), 2.0, "float32"), np.full((1, 3), 4.0, "float32")
    z, alpha = layers.Gate()(z_g, z_d)
    np.testing.assert_allclose(alpha, 0.5)
    np.testing.assert_allclose(z, 3.0)


def test_standardize_uses_adapted_statistics_and_keeps_constant_columns_at_zero():
    layer = layers.Standardize()
    x = np.array([[1.0, 5.0], [3.0, 5.0]], "float32")
    layer(x)
    layer.adapt(x.mean(0), x.var(0))
    np.testing.assert_allclose(layer(x), [[-1, 0], [1, 0]])


def test_standardize_computes_in_float32_under_a_mixed_policy():
    layer = layers.Standardize(dtype="mixed_bfloat16")
    # 255 and 254.5 are one number in bfloat16.
    out = layer(np.array([[255.0], [254.5]], "float32"))
    np.testing.assert_allclose(out, [[255.0], [254.5]])


def test_piecewise_linear_encoding_by_hand():
    layer = layers.PiecewiseLinearEmbedding(bins=2, dim=3)
    x = np.array([[0.5], [3.0], [-1.0], [9.0]], "float32")
    layer(x)
    layer.edges.assign([[0.0, 1.0, 5.0]])
    layer.kernel.assign(np.eye(3)[None])  # The output is the code itself: bin 1, bin 2, x.
    expected = [[0.5, 0.0, 0.5], [1.0, 0.5, 3.0], [-1.0, 0.0, -1.0], [1.0, 2.0, 9.0]]
    np.testing.assert_allclose(layer(x), expected, atol=1e-6)


def test_outer_bins_end_after_ten_widths():
    layer = layers.PiecewiseLinearEmbedding(bins=2, dim=3)
    layer(np.zeros((1, 1)))
    layer.edges.assign([[0.0, 1.0, 5.0]])
    layer.kernel.assign(np.eye(3)[None])
    np.testing.assert_allclose(layer(np.array([[-99.0]]))[0, :2], [-10.0, 0.0])
    np.testing.assert_allclose(layer(np.array([[99.0]]))[0, :2], [1.0, 11.0])


def test_edges_are_training_quantiles_and_survive_constant_columns():
    rows = np.stack([rng().normal(size=1000), np.full(1000, 7.0)], 1)
    layer = layers.PiecewiseLinearEmbedding(bins=4)
    layer(rows)
    layer.adapt(rows)
    np.testing.assert_allclose(layer.edges[0], np.quantile(rows[:, 0], [0, 0.25, 0.5, 0.75, 1]))
    assert np.isfinite(layer(rows)).all()


def test_periodic_embedding_by_hand():
    layer = layers.PeriodicEmbedding(frequencies=1, dim=2)
    layer(np.zeros((1, 1)))
    layer.coefficients.assign([[0.25]])
    layer.kernel.assign(np.eye(2)[None])
    # sin and cos of 2 pi 0.25 x at x = 1 are 1 and 0; at x = 2, 0 and -1 (rectified to 0).
    np.testing.assert_allclose(layer(np.array([[1.0], [2.0]])), [[1, 0], [0, 0]], atol=1e-6)


@pytest.mark.parametrize("size", [(7, 9), (64, 33), (512, 512)])
def test_cross_attention_keeps_shapes_and_bounds_its_tokens(size):
    layer = layers.CrossAttention(num_heads=2, grid=16)
    seen = []
    coarse, fine = np.ones((1, 5, 6, 8), "float32"), np.ones((1, *size, 8), "float32")
    layer.build(coarse.shape, fine.shape)
    attend = layer.detail_attention.call

    def count(query, value, **kwargs):
        seen.extend([query.shape[1], value.shape[1]])
        return attend(query, value, **kwargs)

    layer.detail_attention.call = count
    out = layer(coarse, fine)
    assert [o.shape for o in out] == [coarse.shape, fine.shape]
    assert seen and max(seen) <= 256


def test_cross_attention_moves_information_both_ways(value_and_gradient):
    layer = layers.CrossAttention(num_heads=2)
    g, d = rng().normal(size=(1, 2, 2, 8)), rng().normal(size=(1, 4, 4, 6))
    g, d = g.astype("float32"), d.astype("float32")
    layer(g, d)
    _, to_detail = value_and_gradient(lambda x: keras.ops.sum(layer(x, d)[1] ** 2), g)
    _, to_global = value_and_gradient(lambda x: keras.ops.sum(layer(g, x)[0] ** 2), d)
    assert np.abs(to_detail).max() > 1e-3
    assert np.abs(to_global).max() > 1e-3


def test_cross_attention_refuses_channels_that_heads_do_not_divide():
    with pytest.raises(ValueError, match="Expected channels that num_heads=4 divides"):
        layers.CrossAttention()(np.zeros((1, 2, 2, 8)), np.zeros((1, 2, 2, 6)))


@pytest.mark.parametrize(
    "layer, shapes",
    [
        (layers.ConvBlock(4, strides=2), [(None, 5, 5, 3)]),
        (layers.Gate(), [(None, 4), (None, 4)]),
        (layers.CrossAttention(2, grid=4), [(None, 3, 3, 4), (None, 6, 6, 4)]),
        (layers.PiecewiseLinearEmbedding(4, 2), [(None, 3)]),
        (layers.PeriodicEmbedding(4, 2), [(None, 3)]),
        (layers.Standardize(), [(None, 3)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_layers_round_trip_with_their_weights(layer, shapes, tmp_path):
    inputs = [keras.Input(shape[1:]) for shape in shapes]
    model = keras.Model(inputs, layer(*inputs))
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    x = [rng().normal(size=(2, *shape[1:])).astype("float32") for shape in shapes]
    for a, b in zip(keras.tree.flatten(model(x)), keras.tree.flatten(revived(x)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
