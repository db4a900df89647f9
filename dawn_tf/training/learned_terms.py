"""Term weights of the hybrid loss that are learned in a run: `--learned_term_weights`."""

from dawn_tf.losses import DAWNLoss, LearnedTermWeights
from dawn_tf.losses.hybrid import rescale_without_edge


def learn_terms(model, loss, loss_weights, task):
    """`(model, loss, loss_weights)` for `compile`, of the network in a `LearnedTermWeights`.

    Args:
        model: Network.
        loss, loss_weights: As of `recipes.make_loss`, the output's a `DAWNLoss`.
        task: "classification", whose labels have no edges, or "segmentation".

    Raises:
        ValueError: If the loss is no `DAWNLoss` of two terms or more.
    """
    several = isinstance(loss, dict)
    hybrid = loss["output"] if several else loss
    if task == "classification" and isinstance(hybrid, DAWNLoss):
        region, lovasz, edge = rescale_without_edge(hybrid.w_region, hybrid.w_lovasz)
        weights = {"w_region": region, "w_lovasz": lovasz, "w_edge": edge}
        hybrid = DAWNLoss.from_config({**hybrid.get_config(), **weights})
    if not isinstance(hybrid, DAWNLoss) or 1.0 in (hybrid.w_region, hybrid.w_lovasz, hybrid.w_edge):
        raise ValueError(
            "Expected a hybrid loss of two terms or more, whose weights can be learned. Received: "
            f"{type(hybrid).__name__}. Use --loss hybrid, or leave --learned_term_weights out."
        )
    if not several:
        return LearnedTermWeights(model, hybrid), None, None
    others = {name: one for name, one in loss.items() if name != "output"}
    return (
        LearnedTermWeights(model, hybrid, output="output"),
        others,
        {name: loss_weights[name] for name in others},
    )


def plain_network(model):
    """The network itself, without what learned the weights of its terms."""
    return model.network if isinstance(model, LearnedTermWeights) else model
