import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.data.copy_paste import CopyPaste
from dawn_tf.data.sampling import ClassAwareSampler

RNG = np.random.default_rng(0)
COUNTS, VOID = [800, 150, 40, 10], 255
N = 400
SAMPLER = ClassAwareSampler([0, 1, 2, 3], "balanced")
IMAGES = RNG.integers(0, 256, (2, N, 4, 5, 3)).astype("uint8")
MASKS = RNG.choice([0, 1, 2, 3, VOID], (2, N, 4, 5)).astype("uint8")


def paste(masks=MASKS, numbers=None, **arguments):
    numbers = tf.range(masks.shape[1], dtype=tf.int64) if numbers is None else numbers
    mixing = CopyPaste(SAMPLER, COUNTS, **arguments)
    images = IMAGES[:, : masks.shape[1]]
    args = map(tf.constant, (images[0], masks[0], images[1], masks[1]))
    return [v.numpy() for v in mixing(*args, numbers)]


def test_pastes_whole_regions_of_rare_classes_alone():
    images, masks = paste(p_tail=1.0)
    # log(800 / 150) / log(800 / 10) = 0.38 is below a half.
    expected = [0, 0, np.log(800 / 40) / np.log(800 / 10), 1]
    np.testing.assert_allclose(CopyPaste(SAMPLER, COUNTS, 1.0).probabilities, expected)
    pasted = (images != IMAGES[0]).any(-1)
    for c in (0, 1, VOID):
        assert not pasted[MASKS[1] == c].any()
    for c, p in zip((2, 3), expected[2:], strict=True):
        # All of a class or none of it.
        where = [pasted[i][MASKS[1, i] == c] for i in range(N) if (MASKS[1, i] == c).any()]
        assert all(w.all() or not w.any() for w in where)
        assert abs(np.mean([w.all() for w in where]) - p) < 4 * np.sqrt(p * (1 - p) / N) + 1e-9
    np.testing.assert_array_equal(images, np.where(pasted[..., None], IMAGES[1], IMAGES[0]))
    np.testing.assert_array_equal(masks, np.where(pasted, MASKS[1], MASKS[0]))
    assert images.dtype == masks.dtype == np.uint8


def test_void_that_is_a_class_number_is_never_pasted():
    images, _ = paste(p_tail=1.0, ignore_class=3)
    assert not (images != IMAGES[0]).any(-1)[MASKS[1] == 3].any()


def test_an_example_does_not_depend_on_its_batch():
    images, masks = paste()
    again = CopyPaste(SAMPLER, COUNTS)
    args = (tf.constant(v[i, 5:9]) for i in (0, 1) for v in (IMAGES, MASKS))
    part = again(*args, tf.range(5, 9, dtype=tf.int64))
    np.testing.assert_array_equal(part[0], images[5:9])
    np.testing.assert_array_equal(part[1], masks[5:9])


def test_prior_is_the_share_of_pixels():
    masks = MASKS % 4  # Void becomes class 3.
    prior, partner = (np.bincount(m.ravel(), minlength=4) / m.size for m in masks)
    _, pasted = paste(masks, p_tail=0.8)
    realised = np.bincount(pasted.ravel(), minlength=4) / pasted.size
    np.testing.assert_allclose(
        CopyPaste(SAMPLER, COUNTS, 0.8).prior(prior, partner), realised, atol=0.02
    )


def test_error_says_how_to_mend():
    labels = tf.zeros(N, tf.int32)
    with pytest.raises(ValueError, match="Use BalancedMixUp for classification"):
        CopyPaste(SAMPLER, COUNTS)(IMAGES[0], labels, IMAGES[1], labels, tf.range(N))
