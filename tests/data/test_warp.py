import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.data.warp import affine_grid, bend_rows, pack, resample, unpack

RNG = np.random.default_rng(0)


def at_grid(images, masks, row, column, **arguments):
    """Images and masks at one list of places, as if it were a grid of one row."""
    channels, has_masks = images.shape[-1], masks is not None
    grid = tf.constant([[row]], tf.float32), tf.constant([[column]], tf.float32)
    words = resample(pack(images, masks), grid, channels, has_masks, **arguments)
    return [None if v is None else v.numpy()[0, 0] for v in unpack(words, channels, has_masks)]


def test_values_by_hand():
    image = np.array([[[[0], [10]], [[20], [30]]]], "uint8")
    mask = np.array([[[0, 1], [2, 3]]], "uint8")
    # Middle of the rows, a quarter along: (0 + 20) / 2 + 10 / 4 = 12.5, rounded up; then 0.75 of a
    # row above the image, mirrored: 10 + 0.75 * 20.
    places = [0.5, -0.75], [0.25, 1.0]
    values, labels = at_grid(image, mask, *places)
    np.testing.assert_array_equal(values[:, 0], [13, 25])
    np.testing.assert_array_equal(labels[1], 3)
    values, labels = at_grid(image, mask, *places, fill="zero", ignore_class=9)
    np.testing.assert_array_equal(values[:, 0], [13, 0])
    np.testing.assert_array_equal(labels[1], 9)
    _, labels = at_grid(image, mask, [0.6, 0.4, 1.4], [0.4, 0.6, 1.6], ignore_class=9)
    np.testing.assert_array_equal(labels, [2, 1, 9])
    # Further out than the image is large: its edge.
    values, _ = at_grid(image, mask, [-9], [0])
    np.testing.assert_array_equal(values[0], image[0, 0, 0])


@pytest.mark.parametrize("has_masks", [True, False])
@pytest.mark.parametrize("channels", [1, 3, 4, 6])
def test_any_number_of_channels(channels, has_masks):
    images = RNG.integers(0, 256, (2, 5, 7, channels)).astype("uint8")
    masks = RNG.integers(0, 256, (2, 5, 7)).astype("uint8") if has_masks else None
    still = tf.tile([[[1.0, 0, 0], [0, 1.0, 0]]], (2, 1, 1))
    grid = affine_grid(still, 5, 7)
    words = resample(pack(images, masks), grid, channels, has_masks)
    same_images, same_masks = unpack(words, channels, has_masks)
    np.testing.assert_array_equal(same_images, images)
    if has_masks:
        np.testing.assert_array_equal(same_masks, masks)
    else:
        assert same_masks is None


def test_colours_change_between_interpolation_and_rounding():
    image = np.array([[[[0], [10]]]], "uint8")
    values, _ = at_grid(image, None, [0, 0], [0.5, 0.25], recolour=lambda c: [c[0] * 10 - 30])
    np.testing.assert_array_equal(values[:, 0], [20, 0])


def test_affine_grid_counts_from_the_middle():
    # 3x5: a quarter turn about (1, 2), moved by one row.
    turn = tf.constant([[[0.0, 1, 1], [-1, 0, 0]]])
    row, column = affine_grid(turn, 3, 5)
    np.testing.assert_array_equal(row[0], [[0, 1, 2, 3, 4]] * 3)
    np.testing.assert_array_equal(column[0].numpy().T, [[3, 2, 1]] * 5)


def test_bend_is_a_bicubic_surface():
    control = RNG.normal(size=(2, 4, 4, 2)).astype("float32")
    still = tf.tile([[[1.0, 0, 0], [0, 1.0, 0]]], (2, 1, 1))
    straight, bent = (affine_grid(still, 9, 13, b) for b in (None, bend_rows(control, 9, 13)))
    expected = tf.image.resize(control, (9, 13), method="bicubic").numpy()
    np.testing.assert_allclose(bent[0] - straight[0], 9 * expected[..., 0], atol=1e-4)
    np.testing.assert_allclose(bent[1] - straight[1], 13 * expected[..., 1], atol=1e-4)
