"""Networks by name: what `--model` and `dawn_tf.models.build` take."""

from dawn_tf.models.baselines import Classifier, UNet
from dawn_tf.models.dawn import DAWN

_CLASSIFIERS = {"resnet32": "resnet32", "resnet50": "resnet50", "mlp": "tabular"}


def names():
    """Names of all networks, DAWN first."""
    return ["dawn", *sorted([*_CLASSIFIERS, "classifier", "unet"])]


def build(name, num_classes, input_shape, task="classification", **kwargs):
    """Builds a network by name.

    Args:
        name: One of `names()`. "classifier" is the plain head on any `encoder=`, and "resnet32",
            "resnet50" and "mlp" are the same with their own; "unet" takes any `encoder=` too.
        num_classes, input_shape: As in `DAWN`.
        task: "classification" or "segmentation".
        **kwargs: Further arguments of the network.

    Raises:
        ValueError: for an unknown name, or a task the network is not for.
    """
    if name not in names():
        raise ValueError(f"Expected one of {names()}. Received: name={name!r}.")
    if name == "dawn":
        return DAWN(num_classes, input_shape, task=task, **kwargs)
    own_task = "segmentation" if name == "unet" else "classification"
    if task != own_task:
        raise ValueError(f"Expected task={own_task!r} for {name!r}. Received: task={task!r}.")
    if name == "unet":
        return UNet(num_classes, input_shape, **kwargs)
    if name in _CLASSIFIERS:
        kwargs = {**kwargs, "encoder": _CLASSIFIERS[name]}
    return Classifier(num_classes, input_shape, **kwargs)
