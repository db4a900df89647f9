import numpy as np
import pytest

from dawn_tf.losses import DAWNLoss, LogitAdjusted, with_auxiliary
from dawn_tf.training.scheduled_prior import ScheduledPrior

PRIORS = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])


def test_the_loss_has_the_prior_of_its_epoch():
    callback = ScheduledPrior(lambda epoch: PRIORS[epoch])
    given = LogitAdjusted(prior=PRIORS[0], tau=0.7)
    loss = callback.follow(given)
    y = np.array([0, 1, 1])
    z = np.random.default_rng(0).normal(size=(3, 2)).astype("float32")
    for epoch, prior in enumerate(PRIORS):
        callback.on_epoch_begin(epoch)
        shifted = z + 0.7 * np.log(prior)
        p = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
        assert float(loss(y, z)) == pytest.approx(-np.log(p[range(3), y]).mean(), rel=1e-5)
    assert given.prior == PRIORS[0].tolist()


def test_losses_without_a_prior_stay_as_they_are():
    callback = ScheduledPrior(lambda epoch: PRIORS[epoch])
    plain = DAWNLoss()
    assert callback.follow(plain) is plain
    losses, _ = with_auxiliary(DAWNLoss(prior=PRIORS[0]), prior=PRIORS[0])
    followed = callback.follow(losses)
    assert followed["global"] is losses["global"]
    assert followed["output"] is not losses["output"]
    assert followed["detail"] is not losses["detail"]
