import keras
import numpy as np
import pytest
from keras import ops

from dawn_tf.models import DetailDecoder, GlobalDecoder
from dawn_tf.ops.resize import pool_to_grid, resize

SHAPES = [(2, 13, 10, 4), (2, 7, 5, 6), (2, 4, 3, 8)]


def pyramid():
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype("float32") for shape in SHAPES]


def as_the_paper_writes_it(decoder, levels):
    """`Conv1x1(Concat(Up(S_1), ..., Up(F)))` with the decoder's own weights, finest size."""
    size = levels[0].shape[1:3]
    stacked = ops.concatenate([resize(level, size) for level in levels], axis=-1)
    kernel = ops.concatenate([p.kernel for p in decoder.projections], axis=0)
    bias = decoder.projections[0].bias
    return ops.conv(stacked, kernel[None, None], padding="valid") + bias


def test_summed_projections_equal_the_papers_concatenation(value_and_gradient):
    levels, decoder = pyramid(), DetailDecoder(3)
    decoder(levels)
    decoder.projections[0].bias.assign([0.1, -0.2, 0.3])
    np.testing.assert_allclose(decoder(levels), as_the_paper_writes_it(decoder, levels), atol=1e-5)
    for i in range(len(levels)):

        def loss(x, form, i=i):
            return ops.sum(ops.sin(form([*levels[:i], x, *levels[i + 1 :]])))

        def paper(x):
            return as_the_paper_writes_it(decoder, x)

        _, ours = value_and_gradient(lambda x, f=loss: f(x, decoder), levels[i])
        _, theirs = value_and_gradient(lambda x, f=loss: f(x, paper), levels[i])
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_weight_gradients_equal_the_papers_concatenation(value_and_gradient):
    levels, decoder = pyramid(), DetailDecoder(3)
    decoder(levels)
    target = decoder.projections[1]
    kernels = [ops.convert_to_tensor(p.kernel) for p in decoder.projections]

    def project_first(kernel):
        size = levels[0].shape[1:3]
        ks = [kernels[0], kernel, kernels[2]]
        return ops.sum(ops.sin(sum(resize(x @ k, size) for x, k in zip(levels, ks, strict=True))))

    def concatenate_first(kernel):
        size = levels[0].shape[1:3]
        x = ops.concatenate([resize(level, size) for level in levels], axis=-1)
        return ops.sum(ops.sin(x @ ops.concatenate([kernels[0], kernel, kernels[2]], axis=0)))

    start = np.asarray(target.kernel)
    value_a, gradient_a = value_and_gradient(project_first, start)
    value_b, gradient_b = value_and_gradient(concatenate_first, start)
    np.testing.assert_allclose(value_a, value_b, rtol=1e-5)
    np.testing.assert_allclose(gradient_a, gradient_b, atol=1e-5 * np.abs(gradient_b).max())


def test_finer_levels_are_averaged_down_to_the_chosen_one():
    levels = [np.zeros((1, 4, 4, 1), "float32"), np.zeros((1, 2, 2, 1), "float32")]
    levels[0][0, :2, :2, 0] = [[1, 2], [3, 4]]
    decoder = DetailDecoder(1, level=1)
    decoder(levels)
    decoder.projections[0].kernel.assign([[2.0]])
    np.testing.assert_allclose(decoder(levels)[0, :, :, 0], [[5, 0], [0, 0]])


def test_table_levels_are_projected_and_summed():
    levels = [np.ones((2, 3), "float32"), np.full((2, 3), 2.0, "float32")]
    decoder = DetailDecoder(1, level=0)
    decoder(levels)
    for projection in decoder.projections:
        projection.kernel.assign(np.ones((3, 1)))
    np.testing.assert_allclose(decoder(levels), [[9], [9]])


def test_refinement_adds_a_spatial_convolution():
    levels, plain = pyramid(), DetailDecoder(3)
    refined = DetailDecoder(3, refinement=True)
    assert refined(levels).shape == plain(levels).shape
    assert refined.count_params() > plain.count_params()


@pytest.mark.parametrize("upsamplings, expected", [(0, (2, 4, 3, 16)), (2, (2, 16, 12, 4))])
def test_global_decoder_sees_only_the_deepest_level(upsamplings, expected):
    decoder = GlobalDecoder(16, upsamplings)
    out = decoder(pyramid()[-1])
    assert out.shape == expected == decoder.compute_output_shape(SHAPES[-1])


def test_every_place_of_the_global_decoder_sees_the_whole_image(value_and_gradient):
    decoder = GlobalDecoder(4)
    x = np.random.default_rng(0).normal(size=(1, 9, 9, 2)).astype("float32")
    decoder(x)
    decoder.context.kernel.assign(np.ones((4, 4)))
    _, gradient = value_and_gradient(lambda x: ops.sum(decoder(x)[:, 0, 0]), x)
    assert np.abs(gradient[0, 8, 8]).max() > 1e-4


def test_resize_commutes_with_one_by_one_convolution():
    x = pyramid()[1]
    kernel = np.random.default_rng(1).normal(size=(6, 2)).astype("float32")
    np.testing.assert_allclose(
        resize(x @ kernel + 1, (13, 10)), resize(x, (13, 10)) @ kernel + 1, atol=1e-5
    )


@pytest.mark.parametrize("side", [3, 16, 17, 100])
def test_pooling_never_leaves_more_than_the_grid(side):
    x = np.ones((1, side, side, 1), "float32")
    pooled = pool_to_grid(x, 16)
    assert pooled.shape[1] <= 16
    np.testing.assert_allclose(pooled, 1.0)  # Padding does not count into the mean.


def test_decoders_round_trip():
    for layer in (DetailDecoder(3, 1, True), GlobalDecoder(8, 1)):
        revived = keras.layers.deserialize(keras.layers.serialize(layer))
        assert revived.get_config() == layer.get_config()
