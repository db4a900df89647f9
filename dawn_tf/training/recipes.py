"""Named recipes: model, loss and sampling that belong together."""

import dataclasses

import numpy as np

from dawn_tf.losses import DAWNLoss, LogitAdjusted, with_auxiliary
from dawn_tf.training.loss_choices import choose_loss

# Of the paper's total loss: its alpha, beta and gamma.
PAPER_WEIGHTS = {"region": 0.48, "lovasz": 0.32, "edge": 0.20}
# What an ablation can leave out of the loss; "auxiliary" are the losses on Z_g and Z_d.
TERMS = (*PAPER_WEIGHTS, "dice", "auxiliary")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a recipe sets; see `RECIPES`."""

    summary: str
    sampling: str = "instance"
    hybrid: bool = False
    prior_adjusted: bool = False
    cross_attention: bool = False
    auxiliary: bool = False


RECIPES = {
    "dawn": Recipe(
        "The default, what the evidence supports: the hybrid loss on prior-adjusted logits, "
        "cross-entropy on the global decoder and balanced softmax on the detail decoder, every "
        "example equally often, no cross-attention (no run has shown a gain from it).",
        hybrid=True,
        prior_adjusted=True,
        auxiliary=True,
    ),
    "paper": Recipe(
        "The paper taken literally: the hybrid loss on raw logits of the fused output alone, "
        "class-balanced sampling from the first step, cross-attention.",
        sampling="balanced",
        hybrid=True,
        cross_attention=True,
    ),
    "cross_entropy": Recipe("Plain cross-entropy, every example equally often."),
    "balanced_softmax": Recipe(
        "Cross-entropy on prior-adjusted logits (logit adjustment).", prior_adjusted=True
    ),
}


def make_loss(
    recipe,
    task,
    input_rank,
    class_counts,
    prior,
    tau=None,
    ignore_class=None,
    loss=None,
    label_smoothing=0.0,
    without=None,
    auxiliary=None,
):
    """Gives `(loss, loss_weights)` for `compile`.

    Args:
        recipe: Name in `RECIPES`.
        task: "classification" or "segmentation".
        input_rank: 1 for table rows, 3 for images.
        class_counts: Examples (pixels) of each class in the training part.
        prior: Class shares of the distribution that is actually sampled.
        tau: Strength of the prior adjustment. `None` is 1 for image classes, and 0 for masks and
            rows: adjusted logits aim at balanced recall, while overlap (Dice, IoU) and
            average precision are what those are judged by.
        ignore_class: Label of void pixels.
        loss: Name in `loss_choices.LOSSES` for the output, in place of the recipe's.
        label_smoothing: Of all these losses.
        without: Term in `TERMS` that is left out, the others' weights rescaled to sum 1: an
            ablation of the recipes "dawn" and "paper".
        auxiliary: Whether the decoders' own outputs are trained too; `None` for the recipe's word.

    Rows under "dawn" take cross-entropy with 0.01 Dice: at 0.17 % prevalence the mean
    cross-entropy is about 0.003, beside which full-weight overlap terms would be all of the loss.
    """
    chosen = RECIPES[recipe]
    if auxiliary is None:
        auxiliary = uses_auxiliary(recipe, input_rank)
    is_image_class = task == "classification" and input_rank == 3
    tau = (1.0 if is_image_class else 0.0) if tau is None else tau
    sampled = np.asarray(prior, "float64")
    # Within 1/1024 of the exact value, and the sort of a mask is most of the loss's time.
    lovasz_method = "binned" if task == "segmentation" else "exact"
    adjustment = (
        {"prior": sampled, "tau": tau} if chosen.prior_adjusted and tau else {"prior": None}
    )
    if loss is not None:
        output = choose_loss(
            loss, class_counts, sampled, ignore_class, label_smoothing, lovasz_method
        )
        if not auxiliary:
            return output, None
        return with_auxiliary(output, sampled, 0.5, ignore_class, label_smoothing)
    adjustment["label_smoothing"] = label_smoothing
    if not chosen.hybrid:
        return LogitAdjusted(ignore_class=ignore_class, **adjustment), None
    if recipe == "dawn" and input_rank == 1:
        only_region = {"w_region": 1.0, "w_lovasz": 0.0, "w_edge": 0.0}
        return DAWNLoss(focal_gamma=0.0, dice_weight=0.01, **only_region, **adjustment), None
    loss = DAWNLoss.from_class_counts(
        class_counts,
        ignore_class=ignore_class,
        lovasz_method=lovasz_method,
        **_weights_without(without),
        **adjustment,
    )
    if not auxiliary:
        return loss, None
    # The detail decoder takes the minority's part even where the fused output is not adjusted.
    return with_auxiliary(loss, sampled, 0.5, ignore_class, label_smoothing)


def _weights_without(term):
    """Arguments of `DAWNLoss` that leave `term` out."""
    if term == "dice":
        return {"dice_weight": 0.0}
    kept = {f"w_{name}": weight for name, weight in PAPER_WEIGHTS.items() if name != term}
    total = sum(kept.values())
    dropped = {f"w_{term}": 0.0} if term in PAPER_WEIGHTS else {}
    return dropped | {name: weight / total for name, weight in kept.items()}


def uses_auxiliary(recipe, input_rank):
    """Whether the model must give its decoders' outputs too."""
    return RECIPES[recipe].auxiliary and input_rank == 3
