"""The numbers that `compile`, `fit` and `evaluate` give are those of the losses called by hand."""

import keras
import numpy as np
import pytest

from dawn_tf import losses
from dawn_tf.losses import DAWNLoss, Focal, effective_number_weights

WEIGHTS = [0.5, 1.0, 2.0, 0.1]
SHAPE = (4, 5, 6)


def evaluated(loss, labels, logits, sample_weight=None):
    """`evaluate` of a model whose logits are its inputs."""
    x = keras.Input(logits.shape[1:])
    model = keras.Model(x, keras.layers.Activation("linear")(x))
    model.compile(loss=loss)
    return model.evaluate(
        logits, labels, batch_size=len(labels), sample_weight=sample_weight, verbose=0
    )


def soft_labels(labels):
    """As of CutMix and MixUp: a third of them mixed with those of another image."""
    one_hot = np.eye(4, dtype="float32")[labels]
    share = np.where(np.arange(labels.shape[2]) < 2, 0.3, 0.0)[:, None].astype("float32")
    return (1 - share) * one_hot + share * np.roll(one_hot, 1, axis=0)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum"])
@pytest.mark.parametrize("soft", [False, True], ids=["integers", "soft"])
def test_sample_weights_smoothing_and_soft_labels_through_evaluate(reduction, soft, random_case):
    labels, logits = random_case(SHAPE)
    labels = soft_labels(labels) if soft else labels
    weights = np.float32([0, 1, 3, 0.5])
    loss = DAWNLoss(class_weights=WEIGHTS, label_smoothing=0.1, reduction=reduction)
    each = np.asarray(loss.call(labels, logits))
    want = (each * weights).sum() / (4 if reduction != "sum" else 1)
    np.testing.assert_allclose(evaluated(loss, labels, logits, weights), want, rtol=1e-5)


def test_class_weights_of_dense_targets_through_fit(random_case):
    """One step of gradient descent on the logits themselves; Keras's `class_weight` fails here."""
    labels, _ = random_case((1, 3, 4))
    x = keras.Input((3, 4, 48))
    head = keras.layers.Dense(4, use_bias=False, kernel_initializer="zeros")
    model = keras.Model(x, head(x))
    model.compile(keras.optimizers.SGD(1.0), Focal(gamma=0, alpha=WEIGHTS))
    # Every pixel has a weight vector of its own, so the step is minus the gradient of its logits.
    pixels = np.eye(12, 48, dtype="float32").reshape(1, 3, 4, 48)
    model.fit(pixels, labels, epochs=1, verbose=0)
    step = head.get_weights()[0][:12].reshape(1, 3, 4, 4)
    want = np.array(WEIGHTS)[labels][..., None] * (np.eye(4)[labels] - 0.25) / 12
    np.testing.assert_allclose(step, want, atol=1e-6)


def test_soft_labels_of_a_mixture_are_the_mixed_cross_entropy(random_case):
    labels, logits = random_case((6,))
    other = np.roll(labels, 1)
    mixed = np.float32(0.7 * np.eye(4)[labels] + 0.3 * np.eye(4)[other])
    loss = Focal(gamma=0, alpha=WEIGHTS)
    want = 0.7 * float(loss(labels, logits)) + 0.3 * float(loss(other, logits))
    np.testing.assert_allclose(evaluated(loss, mixed, logits), want, rtol=1e-5)


def test_label_smoothing_is_keras(random_case):
    labels, logits = random_case((6,))
    one_hot = np.eye(4, dtype="float32")[labels]
    want = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
    got = evaluated(Focal(gamma=0, label_smoothing=0.2), labels, logits)
    np.testing.assert_allclose(got, want(one_hot, logits), rtol=1e-5)


def test_mixed_precision_trains_on_the_same_numbers(random_case):
    labels, logits = random_case(SHAPE)
    x = keras.Input(logits.shape[1:])
    outputs = keras.layers.Activation("linear", dtype="mixed_bfloat16")(x)
    model = keras.Model(x, outputs)
    model.compile(loss=DAWNLoss())
    rounded = keras.ops.cast(keras.ops.cast(logits, "bfloat16"), "float32")
    got = model.evaluate(logits, labels, batch_size=4, verbose=0)
    np.testing.assert_allclose(got, DAWNLoss()(labels, rounded), rtol=1e-5)


def test_known_losses_are_these_classes(random_case, softmax):
    """Weighted cross-entropy, class-balanced focal and focal-Dice, by their papers' formulas."""
    labels, logits = random_case((3, 5))
    p = np.take_along_axis(softmax(logits), labels[..., None], -1)[..., 0]
    counts, beta = np.array([900, 90, 9, 1]), 0.99
    # Cui et al., 2019: weights (1 - beta) / (1 - beta^n), scaled to sum to the number of classes.
    balanced = (1 - beta) / (1 - beta**counts)
    balanced = balanced * 4 / balanced.sum()
    inverse = counts.sum() / (4 * counts)

    weighted = Focal(gamma=0, alpha=inverse)(labels, logits)
    np.testing.assert_allclose(weighted, (inverse[labels] * -np.log(p)).mean(), rtol=1e-5)
    class_balanced = Focal(2.0, effective_number_weights(counts, beta))(labels, logits)
    want = (balanced[labels] * (1 - p) ** 2 * -np.log(p)).mean()
    np.testing.assert_allclose(class_balanced, want, rtol=1e-5)

    labels, logits = random_case((3, 4, 5))
    focal_dice = DAWNLoss(w_region=1, w_lovasz=0, w_edge=0, dice_weight=0.5)(labels, logits)
    want = losses.Focal()(labels, logits) + 0.5 * losses.SoftDice()(labels, logits)
    np.testing.assert_allclose(focal_dice, want, rtol=1e-5)
