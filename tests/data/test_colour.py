import numpy as np

from dawn_tf.data.colour import colour_terms, recolour

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (2, 5, 6, 3)).astype("uint8")
SATURATION, CONTRAST, BRIGHTNESS = np.array([1.3, 0.4]), np.array([0.5, 1.6]), np.array([20.0, -9])


def changed(images):
    terms = colour_terms(images, SATURATION, CONTRAST, BRIGHTNESS)
    return np.stack(recolour(list(np.moveaxis(images.astype("float32"), -1, 0)), terms), -1)


def test_equals_the_three_formulas_one_after_the_other():
    v, (s, c, b) = (
        IMAGES.astype(float),
        (f[:, None, None, None] for f in (SATURATION, CONTRAST, BRIGHTNESS)),
    )
    grey = (v @ [0.299, 0.587, 0.114])[..., None]
    mean = v.mean(axis=(1, 2, 3), keepdims=True)
    v = grey + s * (v - grey)
    v = mean + c * (v - mean)
    np.testing.assert_allclose(changed(IMAGES), v + b, atol=1e-3)


def test_one_channel_has_no_saturation():
    v, (c, b) = (
        IMAGES[..., :1].astype(float),
        (f[:, None, None, None] for f in (CONTRAST, BRIGHTNESS)),
    )
    mean = v.mean(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(changed(IMAGES[..., :1]), mean + c * (v - mean) + b, atol=1e-3)


def test_the_mean_does_not_depend_on_the_batch():
    images = RNG.integers(0, 256, (7, 64, 48, 3)).astype("uint8")
    one = np.ones(7)
    whole = colour_terms(images, one, 1.5 * one, 0 * one)[2]
    alone = [colour_terms(i[None], one[:1], 1.5 * one[:1], 0 * one[:1])[2][0] for i in images]
    np.testing.assert_array_equal(whole, alone)
