import keras
import numpy as np
import pytest

from dawn_tf import losses
from dawn_tf.training import TrainConfig, make_loss
from dawn_tf.training.deferred_reweighting import DeferredReweighting
from dawn_tf.training.loss_choices import LOSSES, choose_loss

COUNTS = np.array([900, 90, 10])
PRIOR = COUNTS / COUNTS.sum()
Y = np.array([0, 1, 2, 2, 0, 1])
Z = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
LOG_P = Z - np.log(np.exp(Z).sum(1, keepdims=True))
CE = -LOG_P[np.arange(6), Y]


def value(name, **kwargs):
    return float(choose_loss(name, COUNTS, PRIOR, **kwargs)(Y, Z))


def effective(beta=0.9999):
    weights = (1 - beta) / (1 - beta ** COUNTS.astype("float64"))
    return weights / weights.mean()


def test_cross_entropies_by_hand():
    inverse = 1 / COUNTS / (1 / COUNTS).mean()
    assert value("cross_entropy") == pytest.approx(CE.mean(), rel=1e-5)
    assert value("weighted") == pytest.approx((inverse[Y] * CE).mean(), rel=1e-5)
    assert value("effective_number") == pytest.approx((effective()[Y] * CE).mean(), rel=1e-5)
    smooth = 0.9 * CE - 0.1 * LOG_P.mean(1)
    assert value("cross_entropy", label_smoothing=0.1) == pytest.approx(smooth.mean(), rel=1e-5)
    shifted = Z + np.log(PRIOR)
    balanced = np.log(np.exp(shifted).sum(1)) - shifted[np.arange(6), Y]
    assert value("balanced_softmax") == pytest.approx(balanced.mean(), rel=1e-5)


def test_focal_losses_by_hand():
    focal = (1 - np.exp(-CE)) ** 2 * CE
    assert value("focal") == pytest.approx(focal.mean(), rel=1e-5)
    assert value("class_balanced_focal") == pytest.approx((effective()[Y] * focal).mean(), rel=1e-5)


def test_ldam_on_scaled_cosines_is_that_of_the_paper():
    cosines = np.tanh(Z)
    margin = COUNTS**-0.25 * 0.5 / (COUNTS**-0.25).max()
    scores = 30 * (cosines - np.eye(3)[Y] * margin)
    expected = np.log(np.exp(scores).sum(1)) - scores[np.arange(6), Y]
    loss = choose_loss("ldam", COUNTS, PRIOR)
    assert float(loss(Y, 30 * cosines)) == pytest.approx(expected.mean(), rel=1e-4)


def test_focal_dice_and_hybrids_are_sums_of_their_terms():
    focal, dice = losses.Focal()(Y, Z), losses.SoftDice()(Y, Z)
    assert value("focal_dice") == pytest.approx(float(focal + dice), rel=1e-5)
    weights = effective()
    dice = losses.SoftDice(weights)(Y, Z)
    lovasz = losses.LovaszSoftmax(class_weights=weights)(Y, Z)
    assert value("hybrid") == pytest.approx(float(0.6 * (focal + dice) + 0.4 * lovasz), rel=1e-5)
    adjusted = choose_loss("adjusted_hybrid", COUNTS, PRIOR)
    expected = choose_loss("hybrid", COUNTS, PRIOR)(Y, Z + np.log(PRIOR).astype("float32"))
    assert float(adjusted(Y, Z)) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_every_choice_is_a_loss_of_integers_and_logits(name):
    assert np.isfinite(value(name)) and value(name) >= 0


def test_a_loss_takes_the_place_of_the_recipes():
    loss, weights = make_loss("dawn", "classification", 3, COUNTS, PRIOR, loss="focal")
    assert isinstance(loss["output"], losses.Focal) and weights["output"] == 1.0
    loss, weights = make_loss("cross_entropy", "classification", 3, COUNTS, PRIOR, loss="ldam")
    assert isinstance(loss, losses.LDAM) and weights is None
    TrainConfig(model="resnet32", loss="ldam").check()


def test_deferred_weights_come_with_their_epoch():
    drw = DeferredReweighting(COUNTS, start=2)
    loss = drw.follow(losses.LogitAdjusted())
    for epoch, weights in enumerate([np.ones(3), np.ones(3), effective(), effective()]):
        drw.on_epoch_begin(epoch)
        assert float(loss(Y, Z)) == pytest.approx((weights[Y] * CE).mean(), rel=1e-5)
    soft = np.array([[0.2, 0.3, 0.5]], "float32")
    expected = -(soft * LOG_P[:1]).sum() * (soft * effective()).sum()
    assert float(loss(soft, Z[:1])) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="Expected one label per example"):
        loss(np.zeros((1, 2, 2)), np.zeros((1, 2, 2, 3)))


def test_deferred_weights_act_in_fit():
    x = np.random.default_rng(0).normal(size=(30, 4)).astype("float32")
    y = np.arange(30) % 3
    drw = DeferredReweighting(COUNTS, start=1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    # A rate of 0, so that only the weights change between the epochs.
    model.compile(keras.optimizers.SGD(0.0), drw.follow(losses.LogitAdjusted()))
    history = model.fit(x, y, epochs=2, batch_size=30, verbose=0, callbacks=[drw]).history
    log_p = np.log(np.asarray(keras.ops.softmax(model(x))))
    ce = -log_p[np.arange(30), y]
    expected = [ce.mean(), (effective()[y] * ce).mean()]
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)
