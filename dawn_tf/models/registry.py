"""Networks by name: what `--model` and `dawn_tf.models.build` take."""

import functools
import inspect

from dawn_tf.models import baselines
from dawn_tf.models.dawn import DAWN

_NETWORKS = {
    "dawn": DAWN,
    "attention_unet": baselines.AttentionUNet,
    "classifier": baselines.Classifier,
    "deeplab_v3_plus": baselines.DeepLabV3Plus,
    "hrnet_w48": baselines.HRNet,
    "mlp": functools.partial(baselines.Classifier, encoder="tabular"),
    "resnet32": functools.partial(baselines.Classifier, encoder="resnet32"),
    "resnet50": functools.partial(baselines.Classifier, encoder="resnet50"),
    "ride": baselines.MultiExpert,
    "segformer_b3": baselines.SegFormer,
    "swin_unet": baselines.SwinUNet,
    "transunet": baselines.TransUNet,
    "unet": baselines.UNet,
    "unet_plus_plus": baselines.UNetPlusPlus,
}

# Those whose encoder is free; the others are known by the one they have.
ON_ANY_ENCODER = ("dawn", "attention_unet", "classifier", "ride", "unet", "unet_plus_plus")
FOR_ROWS = ("dawn", "classifier", "mlp", "ride")


def names():
    """Names of all networks, DAWN first."""
    return list(_NETWORKS)


def build(name, num_classes, input_shape, task="classification", **kwargs):
    """Builds a network by name.

    Args:
        name: One of `names()`. "classifier" is the plain head on any `encoder=`; "resnet32",
            "resnet50" and "mlp" are the same on their own.
        num_classes, input_shape: As in `DAWN`.
        task: "classification" or "segmentation".
        **kwargs: Further arguments of the network; those that are `None` are left to it.

    Raises:
        ValueError: for an unknown name, or arguments the network does not take.
    """
    if name not in names():
        raise ValueError(f"Expected one of {names()}. Received: name={name!r}.")
    if task not in ("classification", "segmentation"):
        raise ValueError(
            f'Expected task "segmentation" or "classification". Received: task={task!r}.'
        )
    if len(input_shape) == 1 and name not in FOR_ROWS:
        raise ValueError(
            f"Expected images for {name!r}. Received: input_shape={tuple(input_shape)}, a row. "
            f"Use one of {', '.join(FOR_ROWS)}."
        )
    given = {key: value for key, value in kwargs.items() if value is not None}
    network = _NETWORKS[name]
    taken = set(inspect.signature(network).parameters) - set(getattr(network, "keywords", ()))
    strange = sorted(set(given) - taken)
    if strange:
        raise ValueError(
            f"Expected arguments that {name!r} takes. Received: {', '.join(strange)}. Leave out "
            "what it has no use for."
        )
    return network(num_classes, tuple(input_shape), task=task, **given)
