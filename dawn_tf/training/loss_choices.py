"""Losses by name: what `--loss` takes."""

import numpy as np

from dawn_tf import losses

# The size of the cosines of a `CosineHead`; LDAM's `scale` in the paper's code.
COSINE_SCALE = 30.0


def inverse_frequency_weights(counts):
    """`1 / n` scaled to mean 1, float64 `(num_classes,)`."""
    weights = 1.0 / np.asarray(counts, "float64")
    return weights / weights.mean()


def _cross_entropy(counts, prior, **options):
    return losses.LogitAdjusted(**options)


def _weighted(counts, prior, **options):
    return losses.LogitAdjusted(class_weights=inverse_frequency_weights(counts), **options)


def _effective_number(counts, prior, **options):
    weights = losses.effective_number_weights(counts)
    return losses.LogitAdjusted(class_weights=weights, **options)


def _focal(counts, prior, **options):
    return losses.Focal(**options)


def _class_balanced_focal(counts, prior, **options):
    return losses.Focal(alpha=losses.effective_number_weights(counts), **options)


def _balanced_softmax(counts, prior, **options):
    return losses.LogitAdjusted(prior=prior, **options)


def _ldam(counts, prior, **options):
    # The head has the scale, so that its outputs are logits that a softmax takes as they are.
    margin = 0.5 * COSINE_SCALE
    return losses.LDAM(counts, max_margin=margin, scale=1.0, **options)


def _label_aware_smoothing(counts, prior, **options):
    return losses.LabelAwareSmoothing(counts, **options)


def _dice(counts, prior, **options):
    return losses.SoftDice(**options)


def _tversky(counts, prior, **options):
    return losses.Tversky(alpha=0.3, beta=0.7, **options)


def _focal_tversky(counts, prior, **options):
    return losses.Tversky(alpha=0.3, beta=0.7, gamma=4 / 3, **options)


def _lovasz(counts, prior, **options):
    return losses.LovaszSoftmax(**options)


def _focal_dice(counts, prior, **options):
    return losses.DAWNLoss(w_region=1.0, w_lovasz=0.0, w_edge=0.0, **options)


def _hybrid(counts, prior, **options):
    return losses.DAWNLoss.from_class_counts(counts, prior=None, **options)


def _adjusted_hybrid(counts, prior, **options):
    return losses.DAWNLoss.from_class_counts(counts, prior=prior, **options)


LOSSES = {
    "cross_entropy": _cross_entropy,
    "weighted": _weighted,
    "effective_number": _effective_number,
    "focal": _focal,
    "class_balanced_focal": _class_balanced_focal,
    "balanced_softmax": _balanced_softmax,
    "ldam": _ldam,
    "label_aware_smoothing": _label_aware_smoothing,
    "dice": _dice,
    "tversky": _tversky,
    "focal_tversky": _focal_tversky,
    "lovasz": _lovasz,
    "focal_dice": _focal_dice,
    "hybrid": _hybrid,
    "adjusted_hybrid": _adjusted_hybrid,
}


# Where a loss has a Lovász term: what its method is called.
_LOVASZ_METHOD = {
    "lovasz": "method",
    "hybrid": "lovasz_method",
    "adjusted_hybrid": "lovasz_method",
}


def choose_loss(
    name,
    class_counts,
    prior,
    ignore_class=None,
    label_smoothing=0.0,
    lovasz_method="exact",
):
    """The loss of that name.

    Args:
        name: Among `LOSSES`.
        class_counts: Examples (pixels) of each class in the training part.
        prior: Class shares of the distribution that is actually sampled.
        ignore_class, label_smoothing: As in the losses.
        lovasz_method: "exact" or "binned", as in `LovaszSoftmax`.
    """
    options = {"ignore_class": ignore_class, "label_smoothing": label_smoothing}
    if name in _LOVASZ_METHOD:
        options[_LOVASZ_METHOD[name]] = lovasz_method
    return LOSSES[name](class_counts, prior, **options)
