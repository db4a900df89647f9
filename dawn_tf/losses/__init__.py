"""Losses for imbalanced classes: `(y_true integers, y_pred logits)`, one value per example.

Labels are `(batch, ...)`, logits `(batch, ..., num_classes)`. Without space, labels `(batch,)`,
the batch takes the place of the pixels. Each class has a stateless function beside it.
"""

from dawn_tf.losses.auxiliary import with_auxiliary
from dawn_tf.losses.class_weights import effective_number_weights, prior_from_counts
from dawn_tf.losses.diverse_experts import DiverseExperts, expert_temperatures
from dawn_tf.losses.focal import Focal, focal
from dawn_tf.losses.hybrid import DAWNLoss
from dawn_tf.losses.label_aware_smoothing import LabelAwareSmoothing, label_aware_smoothing
from dawn_tf.losses.ldam import LDAM, ldam, ldam_margins
from dawn_tf.losses.logit_adjustment import LogitAdjusted, adjust, logit_adjusted
from dawn_tf.losses.lovasz_hinge import LovaszHinge, lovasz_hinge
from dawn_tf.losses.lovasz_softmax import LovaszSoftmax, lovasz_softmax
from dawn_tf.losses.sobel_edge import SobelEdge, sobel_edge
from dawn_tf.losses.soft_dice import SoftDice, soft_dice
from dawn_tf.losses.term_weights import LearnedTermWeights
from dawn_tf.losses.tversky import Tversky, tversky

__all__ = [
    "DAWNLoss",
    "DiverseExperts",
    "Focal",
    "LDAM",
    "LabelAwareSmoothing",
    "LearnedTermWeights",
    "LogitAdjusted",
    "LovaszHinge",
    "LovaszSoftmax",
    "SobelEdge",
    "SoftDice",
    "Tversky",
    "adjust",
    "effective_number_weights",
    "expert_temperatures",
    "focal",
    "label_aware_smoothing",
    "ldam",
    "ldam_margins",
    "logit_adjusted",
    "lovasz_hinge",
    "lovasz_softmax",
    "prior_from_counts",
    "sobel_edge",
    "soft_dice",
    "tversky",
    "with_auxiliary",
]
