"""keras-hub, which brings the mix transformers, SegFormer, DeepLabV3+ and pretrained weights."""

PREFIX = "hub:"


def keras_hub_for(what):
    """The module `keras_hub`; `ValueError` saying that `what` needs it."""
    try:
        import keras_hub
    except ImportError as error:
        raise ValueError(
            f"Expected keras-hub, which has {what}. Received: an installation without it. "
            "Run `pip install 'dawn_tf[hub]'`."
        ) from error
    return keras_hub


def build_preset(encoder, input_shape):
    """The backbone of a keras-hub preset, with its pretrained weights.

    Args:
        encoder: "hub:" and a preset's name ("hub:resnet_50_imagenet", fetched on first use) or
            the folder of one that was saved ("hub:./my_preset").
        input_shape: `(height, width, channels)`.

    Raises:
        ValueError: without keras-hub, or for a preset that can't be loaded.
    """
    keras_hub = keras_hub_for(f"encoder={encoder!r}")
    preset = encoder.removeprefix(PREFIX)
    try:
        return keras_hub.models.Backbone.from_preset(
            preset, image_shape=tuple(input_shape), name="encoder"
        )
    except (ValueError, OSError, FileNotFoundError) as error:
        raise ValueError(
            f"Expected a keras-hub preset that can be loaded. Received: encoder={encoder!r}, "
            f"refused with: {str(error).splitlines()[0]} Check its name, or give the folder of a "
            "saved one."
        ) from error
