import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.data.augmentation import Augmenter, interpolate, look_up, probabilities

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (8, 20, 24, 3)).astype("uint8")
MASKS = RNG.integers(0, 3, (8, 20, 24)).astype("int32")
LABELS = RNG.integers(0, 2, 8)
NUMBERS = np.arange(8)
STILL = {"rotation": 0, "elastic": 0, "jitter": 0, "flip_left_right": False}


def augment(images=IMAGES, masks=MASKS, labels=LABELS, numbers=NUMBERS, **arguments):
    augmenter = Augmenter([100, 10], **{"p_head": 1, "p_tail": 1, **arguments})
    images, masks = augmenter(
        tf.constant(images), None if masks is None else tf.constant(masks), labels, numbers
    )
    return images.numpy(), None if masks is None else masks.numpy()


def test_probability_grows_as_the_class_gets_rarer():
    # log(1000 / 100) / log(1000 / 10) = 1 / 2.
    np.testing.assert_allclose(probabilities([1000, 100, 10], 0.5, 0.9), [0.5, 0.7, 0.9])
    np.testing.assert_allclose(probabilities([10, 0, 1000], 0.2, 1.0), [1.0, 1.0, 0.2])
    np.testing.assert_allclose(probabilities([5, 5], 0.5, 0.9), [0.5, 0.5])


def test_changes_happen_with_that_probability():
    n = 4000
    images = np.tile(np.array([[[[0], [255]]]], "uint8"), (n, 1, 1, 1))
    labels = np.arange(n) % 2
    arguments = {**STILL, "flip_left_right": True, "p_head": 0.3, "p_tail": 0.8}
    flipped = augment(images, None, labels, np.arange(n), **arguments)[0][:, 0, 0, 0] == 255
    for label, p in ((0, 0.3), (1, 0.8)):
        assert abs(flipped[labels == label].mean() - p) < 5 * np.sqrt(p * (1 - p) / (n / 2))


def test_probability_zero_is_the_identity():
    images, masks = augment(p_head=0, p_tail=0)
    assert images.dtype == np.float32 and masks.dtype == np.int32
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(masks, MASKS)


@pytest.mark.parametrize("axis, name", [(1, "flip_up_down"), (2, "flip_left_right")])
def test_flips_equal_numpy(axis, name):
    images, masks = augment(**{**STILL, name: True})
    np.testing.assert_array_equal(images, np.flip(IMAGES, axis))
    np.testing.assert_array_equal(masks, np.flip(MASKS, axis))


def test_rotation_stays_within_the_angle():
    # A dot 8 pixels right of the middle of 21x21 moves along the circle.
    images = np.zeros((64, 21, 21, 1), "uint8")
    images[:, 10, 18] = 255
    turned, _ = augment(images, None, np.zeros(64, int), np.arange(64), **{**STILL, "rotation": 15})
    rows, columns = np.mgrid[:21, :21] - 10
    weight = turned[..., 0].sum(axis=(1, 2))
    angle = np.arctan2(
        (turned[..., 0] * rows).sum(axis=(1, 2)) / weight,
        (turned[..., 0] * columns).sum(axis=(1, 2)) / weight,
    )
    assert 12 < np.degrees(angle).max() < 16 and -16 < np.degrees(angle).min() < -12


def test_elastic_bends_smoothly_within_its_bound():
    column = np.broadcast_to(np.arange(100, dtype="uint8")[None, None, :, None], (8, 100, 100, 1))
    bent, _ = augment(column, None, **{**STILL, "elastic": 0.05})
    shift = (bent - column)[:, 20:80, 20:80, 0]
    # Bicubic surfaces overshoot their control points a little.
    assert 1 < np.abs(shift).max() < 1.3 * 5
    assert np.abs(np.diff(shift, axis=1)).max() < 0.5
    assert shift.std(axis=(1, 2)).min() > 0.1


@pytest.mark.parametrize("axis", [0, 1], ids=["rows", "columns"])
def test_image_and_mask_move_together(axis):
    # An image that is linear in space shows exactly where each pixel comes from.
    ramp = np.broadcast_to(np.mgrid[:40, :50][axis], (8, 40, 50)).astype("int32")
    images, masks = augment(
        ramp[..., None].astype("uint8"), ramp, jitter=0, rotation=90, elastic=0.1
    )
    assert np.abs(images[..., 0] - masks).max() <= 0.5 + 1e-4
    assert (np.abs(masks - ramp).mean(axis=(1, 2)) > 1).all()


def test_masks_get_no_new_label():
    masks = np.where(MASKS == 1, 7, MASKS)
    _, bent = augment(masks=masks, rotation=45)
    assert set(np.unique(bent)) <= {0, 2, 7}
    _, bent = augment(masks=masks, rotation=45, ignore_class=255)
    assert set(np.unique(bent)) == {0, 2, 7, 255}


def test_grid_by_hand():
    image = np.array([[[[0.0], [10.0]], [[20.0], [30.0]]]], "float32")
    row, column = tf.constant([[[0.5, -3.0]]]), tf.constant([[[0.25, 1.0]]])
    # Middle of the rows, a quarter along: (0 + 20) / 2 + 10 / 4; above the image: its edge.
    np.testing.assert_allclose(interpolate(image, (row, column))[0, 0, :, 0], [12.5, 10])
    mask = np.array([[[0, 1], [2, 3]]])
    row, column = tf.constant([[[0.6, -0.6]]]), tf.constant([[[0.4, 1.0]]])
    np.testing.assert_array_equal(look_up(mask, (row, column))[0, 0], [2, 1])
    np.testing.assert_array_equal(look_up(mask, (row, column), 9)[0, 0], [2, 9])


def test_colours_follow_their_formulas():
    images = np.full((200, 4, 4, 3), 100, "uint8")
    # Grey and even: contrast and saturation leave it, brightness shifts by up to 0.1 * 255.
    changed, _ = augment(
        images, None, np.zeros(200, int), np.arange(200), **{**STILL, "jitter": 0.1}
    )
    shift = changed[:, 0, 0, 0] - 100
    assert 24 < shift.max() <= 25.5 and -25.5 <= shift.min() < -24
    np.testing.assert_allclose(np.ptp(changed, axis=(1, 2, 3)), 0, atol=1e-4)
    changed, _ = augment(**{**STILL, "jitter": 1.0})
    assert changed.min() >= 0 and changed.max() <= 255


def test_an_example_does_not_depend_on_its_batch():
    images, masks = augment()
    again, mask = augment(IMAGES[3:6], MASKS[3:6], LABELS[3:6], NUMBERS[3:6])
    np.testing.assert_array_equal(again, images[3:6])
    np.testing.assert_array_equal(mask, masks[3:6])
    assert np.abs(augment(numbers=NUMBERS + 8)[0] - images).max() > 1
    assert np.abs(augment(seed=1)[0] - images).max() > 1


@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_in_tf_data(channels):
    images = IMAGES[..., :channels]
    augmenter = Augmenter([100, 10])
    data = tf.data.Dataset.from_tensors((images, MASKS, LABELS, NUMBERS))
    inside = next(iter(data.map(lambda x, m, y, n: augmenter(x, m, y, n))))
    outside = augmenter(tf.constant(images), tf.constant(MASKS), LABELS, NUMBERS)
    np.testing.assert_array_equal(inside[0], outside[0])
    np.testing.assert_array_equal(inside[1], outside[1])


def test_errors_say_how_to_mend():
    with pytest.raises(ValueError, match=r"Expected p_tail in 0\.\.1.*p_tail=2"):
        Augmenter([1, 2], p_tail=2)
    with pytest.raises(ValueError, match="Train rows without an augmenter"):
        Augmenter([1, 2])(tf.zeros((4, 30)), None, np.zeros(4, int), np.arange(4))
