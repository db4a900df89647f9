import numpy as np
import pytest

from dawn_tf.losses import Focal, LabelAwareSmoothing, label_aware_smoothing
from dawn_tf.losses.label_aware_smoothing import class_smoothing

COUNTS = [100, 50, 25, 10]


def test_smoothing_by_hand():
    # Halfway between the counts: sin(pi / 4), 1/2 and 1 - cos(pi / 4) of the way.
    halfway = {"concave": np.sqrt(0.5), "linear": 0.5, "convex": 1 - np.sqrt(0.5)}
    for shape, share in halfway.items():
        got = class_smoothing([30, 10, 20], 0.4, 0.1, shape)
        np.testing.assert_allclose(got, [0.4, 0.1, 0.1 + 0.3 * share])
    np.testing.assert_allclose(class_smoothing([5, 5], 0.4, 0.1), [0.1, 0.1])


@pytest.mark.parametrize("shape", ["concave", "linear", "convex"])
def test_matches_the_formula(shape, random_case, softmax):
    labels, logits = random_case((2, 3, 4), void=0.2)
    p, e = softmax(logits), class_smoothing(COUNTS, 0.4, 0.1, shape)
    want = []
    for image, q in zip(labels, p, strict=True):
        losses = []
        for i in np.ndindex(image.shape):
            y = image[i]
            if y != 255:
                truth = np.full(4, e[y] / 3)
                truth[y] = 1 - e[y]
                losses.append(-(truth * np.log(q[i])).sum())
        want.append(np.mean(losses))
    got = label_aware_smoothing(labels, logits, COUNTS, 0.4, 0.1, shape, ignore_class=255)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_soft_labels_are_mixtures(random_case):
    labels, logits = random_case((5,))
    other = np.roll(labels, 1)
    loss = LabelAwareSmoothing(COUNTS, 0.4, 0.1, reduction=None)
    soft = np.float32(0.7 * np.eye(4)[labels] + 0.3 * np.eye(4)[other])
    want = 0.7 * np.asarray(loss(labels, logits)) + 0.3 * np.asarray(loss(other, logits))
    np.testing.assert_allclose(loss(soft, logits), want, rtol=1e-5)


def test_limits_are_cross_entropy_and_keras_label_smoothing(random_case):
    labels, logits = random_case((2, 3, 4))
    plain = LabelAwareSmoothing(COUNTS, 0.0, 0.0)(labels, logits)
    np.testing.assert_allclose(plain, Focal(gamma=0)(labels, logits), rtol=1e-6)
    # Keras gives the label's own class its share too: e of 4 classes is 3/4 of its smoothing.
    equal = LabelAwareSmoothing([9] * 4, 0.075, 0.075)(labels, logits)
    smoothed = Focal(gamma=0, label_smoothing=0.1)(labels, logits)
    np.testing.assert_allclose(equal, smoothed, rtol=1e-5)


@pytest.mark.parametrize(
    "argument, remedy",
    [
        ({"class_counts": [3, 0]}, "Add examples of class 1"),
        ({"smooth_head": 1.0}, "Use 0.3 and 0"),
        ({"smooth_tail": 0.5}, "Use 0.3 and 0"),
        ({"shape": "sine"}, 'Use "concave"'),
    ],
)
def test_impossible_options_are_refused(argument, remedy):
    argument = {"class_counts": [3, 1], **argument}
    for build in (LabelAwareSmoothing, lambda **k: label_aware_smoothing([0], [[0.0, 1.0]], **k)):
        with pytest.raises(ValueError, match=remedy):
            build(**argument)
