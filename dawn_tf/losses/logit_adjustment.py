import keras
import numpy as np
from keras import ops

from dawn_tf.losses import per_class
from dawn_tf.losses.base import PerExampleLoss
from dawn_tf.losses.focal import focal_term
from dawn_tf.losses.inputs import prepare


@keras.saving.register_keras_serializable("dawn_tf")
class LogitAdjusted(PerExampleLoss):
    """Cross-entropy on `logits + tau * log(prior)`: logits then aim at balanced accuracy.

    For training only; predict with the plain logits. `tau=1` is the balanced softmax. Without a
    prior it is plain cross-entropy. The mean is over the pixels that are not void, and is not
    divided by the class weights.
    After [Menon et al., 2021](https://arxiv.org/abs/2007.07314), Eq. 10, and
    [Ren et al., 2020](https://arxiv.org/abs/2007.10740), Eq. 4.

    Args:
        prior: Share (or count) of each class in the distribution that is actually sampled, all
            above 0; or `None`.
        tau: Strength of the adjustment, at least 0.
        ignore_class: Label of void pixels, or `None`.
        class_weights: One factor per class on its cross-entropy, or `None` for 1.
        label_smoothing: Share of each label given to all classes alike, in `[0, 1)`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: Integer labels, `(batch, ...)`, or distributions, `(batch, ..., num_classes)`.
        y_pred: Logits, `(batch, ..., num_classes)`.

    Raises:
        ValueError: If a prior is 0, or `tau` or a class weight is below 0.
    """

    def __init__(
        self,
        prior=None,
        tau=1.0,
        ignore_class=None,
        class_weights=None,
        label_smoothing=0.0,
        **kwargs,
    ):
        super().__init__(ignore_class, label_smoothing, **kwargs)
        self.prior = check_prior(prior)
        self.tau = check_tau(tau)
        self.class_weights = per_class.to_list(class_weights, "class_weights")

    def values(self, y_true, y_pred):
        return logit_adjusted(
            y_true,
            y_pred,
            self.prior,
            self.tau,
            self.ignore_class,
            self.class_weights,
            self.label_smoothing,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "prior": self.prior,
            "tau": self.tau,
            "class_weights": self.class_weights,
        }


def logit_adjusted(
    y_true,
    y_pred,
    prior=None,
    tau=1.0,
    ignore_class=None,
    class_weights=None,
    label_smoothing=0.0,
):
    """The value of `LogitAdjusted` for each example, `(batch,)`."""
    inputs = prepare(y_true, adjust(y_pred, prior, tau), ignore_class, label_smoothing)
    class_weights = per_class.to_list(class_weights, "class_weights")
    return focal_term(inputs, gamma=0.0, alpha=class_weights) + inputs.poison


def adjust(logits, prior=None, tau=1.0):
    """`logits + tau * log(prior)` along the last axis; the logits themselves without a prior.

    Args:
        logits: `(..., num_classes)`.
        prior: Share (or count) of each class, all above 0; scaled to sum 1. Or `None`.
        tau: Strength of the adjustment, at least 0.

    Raises:
        ValueError: If a prior is 0, `tau` below 0, or the number of classes differs.
    """
    prior, tau = check_prior(prior), check_tau(tau)
    if prior is None:
        return logits
    shift = tau * np.log(np.divide(prior, np.sum(prior)))
    logits = ops.cast(logits, "float32")
    return logits + per_class.to_tensor(shift, logits.shape[-1], "prior")


def check_prior(prior):
    """`prior` as a list of floats (`None` stays); `ValueError` naming a class of prior 0."""
    prior = per_class.to_list(prior, "prior")
    if prior is not None and 0.0 in prior:
        missing = prior.index(0.0)
        raise ValueError(
            f"Expected a prior above 0 for every class. Received: prior[{missing}]=0. Drop class "
            f"{missing}, or count it as once seen."
        )
    return prior


def check_tau(tau):
    """`tau` as a float; `ValueError` if it is negative or not finite."""
    if not 0.0 <= tau < float("inf"):
        raise ValueError(f"Expected tau >= 0. Received: tau={tau}. Use 1 for balanced accuracy.")
    return float(tau)
