import numpy as np
import pytest

from dawn_tf.losses import SoftDice, Tversky, tversky

WEIGHTS = [1.0, 0.5, 3.0, 0.2]


def reference(labels, p, alpha, beta, gamma, weights):
    """The weighted mean of `(1 - TI)**(1 / gamma)` over classes present, from TP, FP and FN."""
    labels, p = labels.reshape(-1), p.reshape(-1, p.shape[-1])
    labels, p = labels[labels != 255], p[labels != 255]
    total = weight = 0.0
    for c in np.unique(labels):
        y = labels == c
        tp, fp, fn = p[y, c].sum(), p[~y, c].sum(), (1 - p[y, c]).sum()
        total += weights[c] * (1 - tp / (tp + alpha * fp + beta * fn)) ** (1 / gamma)
        weight += weights[c]
    return total / weight if weight else 0.0


@pytest.mark.parametrize("alpha, beta, gamma", [(0.3, 0.7, 1), (0.7, 0.3, 4 / 3), (0, 2, 3)])
@pytest.mark.parametrize("shape", [(3, 5), (2, 4, 5), (2, 2, 2, 3)])
def test_matches_the_formula_per_image(shape, alpha, beta, gamma, random_case, softmax):
    labels, logits = random_case(shape, void=0.2)
    labels[0][labels[0] == 2] = 1  # A class is absent.
    p = softmax(logits)
    want = [reference(y, q, alpha, beta, gamma, WEIGHTS) for y, q in zip(labels, p, strict=True)]
    got = tversky(labels, logits, alpha, beta, gamma, WEIGHTS, ignore_class=255)
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize("gamma", [1, 4 / 3])
@pytest.mark.parametrize("shape", [(8,), (3, 4, 5)], ids=["rows", "masks"])
def test_values_average_to_the_loss_of_the_batch(shape, gamma, random_case, softmax):
    labels, logits = random_case(shape, void=0.2)
    labels[labels == 2] = 255
    each = tversky(labels, logits, 0.2, 0.6, gamma, WEIGHTS, per_image=False, ignore_class=255)
    want = reference(labels, softmax(logits), 0.2, 0.6, gamma, WEIGHTS)
    np.testing.assert_allclose(np.mean(np.asarray(each)), want, rtol=1e-5)


def test_halves_are_dice(random_case):
    labels, logits = random_case((3, 4, 5), void=0.2)
    options = {"class_weights": WEIGHTS, "ignore_class": 255, "label_smoothing": 0.1}
    for per_image in (True, False):
        dice = SoftDice(per_image=per_image, **options).call(labels, logits)
        halves = Tversky(0.5, 0.5, per_image=per_image, **options).call(labels, logits)
        np.testing.assert_allclose(halves, dice, rtol=1e-5)


def test_of_certain_predictions_is_by_hand():
    # Class 0: 2 right, 1 missed, none false. Class 1: 1 right, 1 false.
    labels, predicted = np.array([[0, 0, 0, 1]]), np.array([[0, 0, 1, 1]])
    got = tversky(labels, np.float32(1e4 * np.eye(2)[predicted]), alpha=0.3, beta=0.7, gamma=2)
    want = (np.sqrt(1 - 2 / 2.7) + np.sqrt(1 - 1 / 1.3)) / 2
    np.testing.assert_allclose(got, [want], rtol=1e-6)


def test_soft_labels_of_the_prediction_itself_score_0(softmax, random_case):
    _, logits = random_case((2, 3, 3))
    p = softmax(logits).astype("float32")
    for gamma, tolerance in ((1, 1e-6), (3, 1e-2)):  # A cube root of rounding.
        np.testing.assert_allclose(tversky(p, logits, gamma=gamma), 0, atol=tolerance)


@pytest.mark.parametrize("gamma", [1, 4 / 3, 3])
def test_gradient_matches_differences(
    gamma, random_case, softmax, value_and_gradient, numeric_gradient
):
    labels, logits = random_case((1, 3, 3))
    loss = Tversky(0.3, 0.7, gamma, WEIGHTS)
    _, gradient = value_and_gradient(lambda z: loss(labels, z), logits)
    want = numeric_gradient(
        lambda z: reference(labels, softmax(z), 0.3, 0.7, gamma, WEIGHTS), logits
    )
    np.testing.assert_allclose(gradient, want, atol=1e-6)


@pytest.mark.parametrize(
    "argument, remedy",
    [
        ({"alpha": -0.1}, "Use 0.5 and 0.5 for Dice"),
        ({"beta": 0}, "Use 0.5 and 0.5 for Dice"),
        ({"gamma": 0.75}, "the power is 1 / gamma"),
        ({"gamma": float("inf")}, "the power is 1 / gamma"),
    ],
)
def test_impossible_options_are_refused(argument, remedy):
    for build in (Tversky, lambda **k: tversky([0], [[0.0, 1.0]], **k)):
        with pytest.raises(ValueError, match=remedy):
            build(**argument)
