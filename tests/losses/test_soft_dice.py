import numpy as np
import pytest
from sklearn.metrics import f1_score

from dawn_tf.losses import SoftDice, soft_dice


def reference(labels, p, weights):
    """One minus the weighted mean Dice of the classes present, in loops over the pixels given."""
    total = weight = 0.0
    for c in range(p.shape[-1]):
        overlap = size = present = 0
        for i in np.ndindex(labels.shape):
            if labels[i] != 255:
                y = float(labels[i] == c)
                present = present or y
                overlap += p[i][c] * y
                size += p[i][c] + y
        if present:
            total += weights[c] * (1 - 2 * overlap / size)
            weight += weights[c]
    return total / weight if weight else 0.0


WEIGHTS = [1.0, 0.5, 3.0, 0.2]


@pytest.mark.parametrize("shape", [(3, 5), (2, 4, 5), (2, 2, 2, 3)])
def test_matches_the_formula_per_image(shape, random_case, softmax):
    labels, logits = random_case(shape, void=0.2)
    labels[0][labels[0] == 2] = 1  # A class is absent.
    p = softmax(logits)
    want = [reference(y, q, WEIGHTS) for y, q in zip(labels, p, strict=True)]
    np.testing.assert_allclose(soft_dice(labels, logits, WEIGHTS, True, 255), want, rtol=1e-5)


@pytest.mark.parametrize("shape", [(8,), (3, 4, 5)], ids=["rows", "masks"])
def test_values_average_to_the_dice_of_the_batch(shape, random_case, softmax):
    labels, logits = random_case(shape, void=0.2)
    labels[labels == 2] = 255
    each = np.asarray(soft_dice(labels, logits, WEIGHTS, per_image=False, ignore_class=255))
    want = reference(labels, softmax(logits), WEIGHTS)
    np.testing.assert_allclose(each.mean(), want, rtol=1e-5)


def test_soft_labels_are_compared_by_their_distance(random_case, softmax):
    _, logits = random_case((2, 4, 5))
    p, y = softmax(logits), softmax(-2 * logits)
    distance, size = np.abs(y - p).sum((1, 2)), (y + p).sum((1, 2))
    got = soft_dice(y.astype("float32"), logits, WEIGHTS)
    want = np.average(distance / size, axis=1, weights=WEIGHTS)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_shares_are_those_of_the_examples(softmax):
    labels, logits = np.array([0, 0, 1]), np.float32([[2, 0], [0, 1], [0, 3]])
    p = softmax(logits)
    size = p.sum(0) + [2, 1]
    part = np.abs(np.eye(2)[labels] - p) / size
    want = 3 * part.mean(1)
    np.testing.assert_allclose(soft_dice(labels, logits), want, rtol=1e-5)


def test_of_certain_predictions_is_one_minus_f1(random_case):
    labels, logits = random_case((1, 8, 8))
    predicted = logits.argmax(-1)
    got = soft_dice(labels, np.float32(1e4 * np.eye(4)[predicted]))
    want = 1 - f1_score(labels.ravel(), predicted.ravel(), average="macro")
    np.testing.assert_allclose(got, [want], rtol=1e-6)


def test_gradient_matches_differences(random_case, softmax, value_and_gradient, numeric_gradient):
    labels, logits = random_case((1, 3, 3))
    _, gradient = value_and_gradient(lambda z: SoftDice(WEIGHTS)(labels, z), logits)
    want = numeric_gradient(lambda z: reference(labels, softmax(z), WEIGHTS), logits)
    np.testing.assert_allclose(gradient, want, atol=1e-6)
