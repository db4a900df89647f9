"""Losses for imbalanced classes: `(y_true integers, y_pred logits)`, one value per example.

Labels are `(batch, ...)`, logits `(batch, ..., num_classes)`. Without space, labels `(batch,)`,
the batch takes the place of the pixels. Each class has a stateless function beside it.
"""

from dawn_tf.losses.auxiliary import with_auxiliary
from dawn_tf.losses.class_weights import effective_number_weights, prior_from_counts
from dawn_tf.losses.focal import Focal, focal
from dawn_tf.losses.hybrid import DAWNLoss
from dawn_tf.losses.logit_adjustment import LogitAdjusted, adjust, logit_adjusted
from dawn_tf.losses.lovasz_softmax import LovaszSoftmax, lovasz_softmax
from dawn_tf.losses.sobel_edge import SobelEdge, sobel_edge
from dawn_tf.losses.soft_dice import SoftDice, soft_dice

__all__ = [
    "DAWNLoss",
    "Focal",
    "LogitAdjusted",
    "LovaszSoftmax",
    "SobelEdge",
    "SoftDice",
    "adjust",
    "effective_number_weights",
    "focal",
    "logit_adjusted",
    "lovasz_softmax",
    "prior_from_counts",
    "sobel_edge",
    "soft_dice",
    "with_auxiliary",
]
