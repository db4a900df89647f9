import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.data.augmentation import Augmenter, probabilities

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (8, 20, 24, 3)).astype("uint8")
MASKS = RNG.integers(0, 3, (8, 20, 24)).astype("uint8")
LABELS = RNG.integers(0, 2, 8)
NUMBERS = np.arange(8)
STILL = {"rotation": 0, "scale": 0, "elastic": 0, "jitter": 0, "flip_left_right": False}


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
    assert images.dtype == np.uint8 and masks.dtype == np.uint8
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(masks, MASKS)


@pytest.mark.parametrize("axis, name", [(1, "flip_up_down"), (2, "flip_left_right")])
def test_flips_equal_numpy(axis, name):
    images, masks = augment(**{**STILL, name: True})
    np.testing.assert_array_equal(images, np.flip(IMAGES, axis))
    np.testing.assert_array_equal(masks, np.flip(MASKS, axis))


def test_scale_stays_within_its_factors():
    # A disc of radius 20 in 81x81 covers 20^2 * pi pixels; the share grows with the factor squared.
    n = 200
    rows, columns = np.mgrid[:81, :81] - 40
    disc = np.broadcast_to((rows**2 + columns**2 <= 20**2).astype("uint8"), (n, 81, 81))
    _, masks = augment(
        np.zeros((n, 81, 81, 1), "uint8"),
        disc,
        np.zeros(n, int),
        np.arange(n),
        **{**STILL, "scale": 0.5},
    )
    factors = np.sqrt(masks.sum(axis=(1, 2)) / disc[0].sum())
    assert 0.65 < factors.min() < 0.69 and 1.45 < factors.max() < 1.52
    assert abs(np.log(factors).mean()) < 0.06


def test_shift_is_the_crop_of_a_padded_image():
    n, pad = 300, 4
    image = RNG.integers(1, 256, (12, 10, 3)).astype("uint8")
    mask = RNG.integers(0, 3, (12, 10)).astype("uint8")
    arguments = {**STILL, "shift": pad, "fill": "zero", "ignore_class": 9, "p_head": 0, "p_tail": 0}
    images, masks = augment(
        np.stack([image] * n), np.stack([mask] * n), np.zeros(n, int), np.arange(n), **arguments
    )
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)))
    padded_mask = np.pad(mask, pad, constant_values=9)
    crops = {
        padded[r : r + 12, c : c + 10].tobytes(): padded_mask[r : r + 12, c : c + 10]
        for r in range(9)
        for c in range(9)
    }
    found = [shifted.tobytes() for shifted in images]
    # 81 crops, each as likely: of 300 draws 2 are expected never to be seen.
    assert set(found) <= set(crops) and len(set(found)) > 70
    for key, shifted in zip(found, masks, strict=True):
        np.testing.assert_array_equal(shifted, crops[key])


def test_shift_goes_on_with_the_mirror_image():
    images, _ = augment(**{**STILL, "shift": 2})
    for before, after in zip(IMAGES, images, strict=True):
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)), mode="reflect")
        assert any(
            np.array_equal(after, padded[r : r + 20, c : c + 24])
            for r in range(5)
            for c in range(5)
        )


def test_rotation_stays_within_the_angle():
    # A dot 8 pixels right of the middle of 21x21 moves along the circle.
    images = np.zeros((64, 21, 21, 1), "uint8")
    images[:, 10, 18] = 255
    turned, _ = augment(images, None, np.zeros(64, int), np.arange(64), **{**STILL, "rotation": 15})
    rows, columns = np.mgrid[:21, :21] - 10
    turned = turned.astype("float64")
    weight = turned[..., 0].sum(axis=(1, 2))
    angle = np.arctan2(
        (turned[..., 0] * rows).sum(axis=(1, 2)) / weight,
        (turned[..., 0] * columns).sum(axis=(1, 2)) / weight,
    )
    assert 12 < np.degrees(angle).max() < 16 and -16 < np.degrees(angle).min() < -12


def test_elastic_bends_smoothly_within_its_bound():
    column = np.broadcast_to(
        np.arange(100, dtype="uint8")[None, None, :, None] * 2, (8, 100, 100, 1)
    )
    bent, _ = augment(column, None, **{**STILL, "elastic": 0.05})
    shift = (bent.astype("float64") - column)[:, 20:80, 20:80, 0] / 2
    # Bicubic surfaces overshoot their control points a little.
    assert 1 < np.abs(shift).max() < 1.3 * 5
    assert np.abs(np.diff(shift, axis=1)).max() <= 0.5
    assert shift.std(axis=(1, 2)).min() > 0.1


@pytest.mark.parametrize("axis", [0, 1], ids=["rows", "columns"])
def test_image_and_mask_move_together(axis):
    # An image that is linear in space shows exactly where each pixel comes from.
    ramp = np.broadcast_to(np.mgrid[:40, :50][axis], (8, 40, 50)).astype("uint8")
    images, masks = augment(
        5 * ramp[..., None], ramp, jitter=0, rotation=90, scale=0.5, shift=3, elastic=0.1
    )
    # Nearest is half a pixel off at most; values are rounded.
    assert np.abs(images[..., 0] / 5 - masks).max() <= 0.5 + 0.1 + 1e-6
    assert (np.abs(masks - ramp.astype(float)).mean(axis=(1, 2)) > 1).all()


def test_masks_get_no_new_label():
    masks = np.where(MASKS == 1, 7, MASKS).astype("uint8")
    _, bent = augment(masks=masks, rotation=45, scale=1.0, shift=5)
    assert set(np.unique(bent)) <= {0, 2, 7}
    _, bent = augment(masks=masks, rotation=45, scale=1.0, shift=5, ignore_class=255)
    assert set(np.unique(bent)) == {0, 2, 7, 255}


def test_brightness_of_an_even_grey():
    # Contrast and saturation leave it; brightness shifts it by up to 0.1 * 255.
    images = np.full((200, 4, 4, 3), 100, "uint8")
    changed, _ = augment(
        images, None, np.zeros(200, int), np.arange(200), **{**STILL, "jitter": 0.1}
    )
    shift = changed[:, 0, 0, 0].astype(int) - 100
    assert 24 <= shift.max() <= 26 and -26 <= shift.min() <= -24
    np.testing.assert_array_equal(np.ptp(changed, axis=(1, 2, 3)), 0)


def test_an_example_does_not_depend_on_its_batch():
    images, masks = augment()
    again, mask = augment(IMAGES[3:6], MASKS[3:6], LABELS[3:6], NUMBERS[3:6])
    np.testing.assert_array_equal(again, images[3:6])
    np.testing.assert_array_equal(mask, masks[3:6])
    for other, _ in (augment(numbers=NUMBERS + 8), augment(seed=1)):
        assert np.abs(other.astype(int) - images).max() > 1


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
    with pytest.raises(ValueError, match=r"Expected a fill among .*fill='grey'"):
        Augmenter([1, 2], fill="grey")
    with pytest.raises(ValueError, match="Train rows without an augmenter"):
        Augmenter([1, 2])(tf.zeros((4, 30)), None, np.zeros(4, int), np.arange(4))
    with pytest.raises(ValueError, match=r"masks.dtype=int32. Cast them with tf\.cast"):
        augment(masks=MASKS.astype("int32"))
    with pytest.raises(ValueError, match="Name one, or use fill='reflect'"):
        augment(fill="zero")
