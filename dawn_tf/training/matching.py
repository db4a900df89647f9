"""The control that keeps DAWN honest: a plain network with as many parameters."""

import bisect
import functools
import math

from dawn_tf import models
from dawn_tf.models import encoders
from dawn_tf.training.recipes import RECIPES

# How a network grows without its encoder, by a whole number.
_GROWN = {
    "classifier": lambda size: {"hidden": size},
    "mlp": lambda size: {"hidden": size},
    "unet": lambda size: {"decoder_scale": size / 64},
}
MATCHED = tuple(_GROWN)


@functools.cache
def matching_arguments(name, recipe, num_classes, input_shape, task, encoder, width):
    """Arguments for `models.build` that give a plain network DAWN's size.

    Args:
        name: One of `MATCHED`: a classifier grows by a hidden layer, a U-Net's decoder by a scale.
        recipe: "dawn" or "paper": whose DAWN, without or with cross-attention.
        num_classes, input_shape, task, encoder, width: Of both networks.

    Raises:
        ValueError: where no size is within 2 % of DAWN's trainable parameters.
    """
    backbone = encoders.build(encoder, input_shape, width)

    def count(of, **kwargs):
        network = models.build(of, num_classes, input_shape, task, encoder=backbone, **kwargs)
        return sum(math.prod(weight.shape) for weight in network.trainable_weights)

    @functools.cache
    def sized(size):
        return count("classifier" if name == "mlp" else name, **_GROWN[name](size))

    target = count("dawn", cross_attention=RECIPES[recipe].cross_attention)
    most = 1
    while sized(most) < target:
        most *= 2
    above = 1 + bisect.bisect_left(range(1, most), target, key=sized)
    size = min((max(1, above - 1), above), key=lambda size: abs(sized(size) - target))
    if abs(sized(size) / target - 1) > 0.02:
        raise ValueError(
            f"Expected a size of {name} within 2 % of DAWN's {target} parameters. Received: "
            f"{sized(size)} as the nearest. Choose another width."
        )
    return _GROWN[name](size)
