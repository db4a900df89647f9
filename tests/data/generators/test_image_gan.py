import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from dawn_tf.data import DataError, load
from dawn_tf.data.generators import ImageGAN, make_examples
from dawn_tf.data.generators.image_gan import build_critic, build_generator


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (32, 20, 3), (5, 7, 2)])
def test_images_of_any_size_up_to_32(shape):
    generator, critic = build_generator(3, shape, 4), build_critic(3, shape, 4)
    z, y = np.zeros((2, 64), "float32"), np.array([0, 2], "int32")
    images = np.asarray(generator([z, y]))
    assert images.shape == (2, *shape) and np.abs(images).max() <= 1
    assert critic([images, y]).shape == (2,)


def test_the_score_is_linear_in_the_embedding_of_the_class():
    critic = build_critic(3, (8, 8, 1), 4)
    (table,) = [w for w in critic.trainable_weights if tuple(w.shape) == (3, 8)]
    direction = np.random.default_rng(0).normal(size=8)
    table.assign(np.outer([0, 1, 3], direction))
    x = np.random.default_rng(1).uniform(-1, 1, (5, 8, 8, 1)).astype("float32")
    none, once, thrice = (np.asarray(critic([x, np.full(5, c, "int32")])) for c in range(3))
    assert np.abs(once - none).min() > 1e-4
    np.testing.assert_allclose(thrice - none, 3 * (once - none), rtol=1e-3)


def test_makes_what_the_classes_lack_and_the_seed_decides(digits):
    x, y = make_examples(digits, "gan", seed=1, steps=2)
    np.testing.assert_array_equal(
        np.bincount(y, minlength=10), digits.class_counts.max() - digits.class_counts
    )
    assert x.shape == (len(y), 8, 8, 1) and x.dtype == np.uint8 and np.ptp(x) > 100
    again, _ = make_examples(digits, "gan", seed=1, steps=2)
    np.testing.assert_array_equal(x, again)


def test_large_images_and_rows_are_refused(digits):
    import dataclasses

    train = digits.parts["train"]
    for x, remedy in (
        (np.zeros((len(train), 33, 8, 1), "uint8"), "Use --image_size 32"),
        (np.zeros((len(train), 4), "float32"), "--oversampling ctgan"),
    ):
        parts = {**digits.parts, "train": dataclasses.replace(train, x=x)}
        with pytest.raises(DataError, match=remedy):
            make_examples(dataclasses.replace(digits, parts=parts), "gan")


@pytest.mark.slow
def test_who_learns_from_made_digits_knows_real_ones(digits):
    """Train on synthetic, test on real: far above chance, which is 0.1."""
    train, test = digits.parts["train"], digits.parts["test"]
    gan = ImageGAN(10, (8, 8, 1), width=16).fit(train.x, train.y, steps=1500)
    y = np.repeat(np.arange(10), 100)
    x = gan.sample(y).reshape(len(y), -1) / 255
    classifier = LogisticRegression(max_iter=500).fit(x, y)
    assert classifier.score(test.x.reshape(len(test), -1) / 255, test.y) > 0.45
