import numpy as np
import pytest

from dawn_tf.layers import CosineHead
from dawn_tf.losses import LDAM, Focal, ldam, ldam_margins

COUNTS = [1000, 300, 16, 1]


def test_margins_by_hand():
    # The fourth root of 1 and of 16 is 1 and 2.
    np.testing.assert_allclose(ldam_margins([16, 1, 81], 0.6), [0.3, 0.6, 0.2])


def reference(labels, z, margins, scale, weights):
    """The mean over pixels of -log(e^(s (z_y - m_y)) / (that + sum of the others'))."""
    values = []
    for image, logits in zip(labels, np.asarray(z, "float64"), strict=True):
        losses = []
        for i in np.ndindex(image.shape):
            y = image[i]
            if y != 255:
                own = np.exp(scale * (logits[i][y] - margins[y]))
                others = sum(np.exp(scale * v) for c, v in enumerate(logits[i]) if c != y)
                losses.append(-weights[y] * np.log(own / (own + others)))
        values.append(np.mean(losses) if losses else 0.0)
    return values


@pytest.mark.parametrize("shape", [(6,), (2, 4, 5)], ids=["rows", "masks"])
@pytest.mark.parametrize("scale", [1, 30.0])
def test_matches_the_formula(shape, scale, random_case):
    labels, logits = random_case(shape, scale=0.5, void=0.2)
    weights = [0.5, 1.0, 2.0, 0.0]
    got = ldam(labels, logits, COUNTS, 0.4, scale, weights, ignore_class=255)
    want = reference(labels, logits, ldam_margins(COUNTS, 0.4), scale, weights)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_gradient_matches_differences(random_case, value_and_gradient, numeric_gradient):
    labels, logits = random_case((1, 3, 3), scale=0.5)
    loss = LDAM(COUNTS, scale=3)
    _, gradient = value_and_gradient(lambda z: loss(labels, z), logits)
    margins = ldam_margins(COUNTS)
    want = numeric_gradient(lambda z: reference(labels, z, margins, 3, np.ones(4))[0], logits)
    np.testing.assert_allclose(gradient, want, atol=1e-6)


def test_of_certain_predictions_is_right_to_rounding():
    # The margin magnifies the rounding of p near 1 by e^15, if it is put to p and not to z.
    logits = np.float32([[0.0, 1.0], [0.0, 0.9]])
    want = np.log1p(np.exp(-30 * (np.float64(logits[:, 1]) - 0.5)))
    np.testing.assert_allclose(ldam([1, 1], logits, [10, 1], 0.5), want, atol=1e-7)


def test_equal_counts_are_cross_entropy_with_one_margin(random_case):
    labels, logits = random_case((5,))
    shifted = logits - 0.5 * np.eye(4, dtype="float32")[labels]
    want = Focal(gamma=0).call(labels, 2 * shifted)
    np.testing.assert_allclose(ldam(labels, logits, [7] * 4, scale=2), want, rtol=1e-5)


def test_one_hot_soft_labels_are_the_integers_and_mixtures_share_the_margins(random_case):
    labels, logits = random_case((5,))
    one_hot = np.eye(4, dtype="float32")[labels]
    loss = LDAM(COUNTS, scale=2)
    np.testing.assert_allclose(loss(one_hot, logits), loss(labels, logits), rtol=1e-6)
    mixed = np.float32(0.7 * one_hot + 0.3 * np.roll(one_hot, 1, 0))
    z = 2 * (logits - mixed * ldam_margins(COUNTS)).astype("float32")
    np.testing.assert_allclose(loss(mixed, logits), Focal(gamma=0)(mixed, z), rtol=1e-5)


def test_a_scaled_head_is_the_same_loss(random_case):
    labels, features = random_case((6,))
    head, scaled = CosineHead(4), CosineHead(4, scale=30)
    cosines, _ = head(features), scaled(features)
    scaled.kernel.assign(head.kernel)
    logits = scaled(features)
    np.testing.assert_allclose(
        LDAM(COUNTS, scale=1, max_margin=15)(labels, logits),
        LDAM(COUNTS)(labels, cosines),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    "argument, remedy",
    [
        ({"class_counts": [3, 0]}, "Add examples of class 1"),
        ({"max_margin": 0}, "Use 0.5"),
        ({"scale": -1}, "Use 30"),
        ({"scale": float("inf")}, "Use 30"),
    ],
)
def test_impossible_options_are_refused(argument, remedy):
    argument = {"class_counts": [3, 1], **argument}
    for build in (LDAM, lambda **k: ldam([0], [[0.0, 1.0]], **k)):
        with pytest.raises(ValueError, match=remedy):
            build(**argument)


def test_counts_of_other_classes_are_refused():
    with pytest.raises(ValueError, match="Give a value for every class"):
        LDAM([3, 1, 2])([0], np.zeros((1, 2), "float32"))
