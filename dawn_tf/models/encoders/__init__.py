"""Encoders: an input becomes a pyramid of features, `encoder.pyramid_outputs`."""

import keras

from dawn_tf.models.encoders.hub import PREFIX as _HUB
from dawn_tf.models.encoders.hub import build_preset
from dawn_tf.models.encoders.mit import NAMES as _MIT_NAMES
from dawn_tf.models.encoders.mit import build_mit
from dawn_tf.models.encoders.resnet import ResNet32Encoder, ResNet50Encoder
from dawn_tf.models.encoders.tabular import TabularEncoder
from dawn_tf.models.encoders.unet import UNetEncoder

_ENCODERS = {
    "unet": UNetEncoder,
    "resnet32": ResNet32Encoder,
    "resnet50": ResNet50Encoder,
    "tabular": TabularEncoder,
}

__all__ = [
    "ResNet32Encoder",
    "ResNet50Encoder",
    "TabularEncoder",
    "UNetEncoder",
    "as_pyramid",
    "build",
    "names",
]


def names():
    """Names that `DAWN(encoder=...)` takes."""
    return sorted([*_ENCODERS, *_MIT_NAMES])


def build(encoder, input_shape, width=None):
    """Gives a model with `pyramid_outputs`.

    Args:
        encoder: A name of `names()`; `None` for the one that fits the input (rows: "tabular";
            images up to 48 pixels: "resnet32"; larger ones: "unet"); "mit_b0" to "mit_b5" need
            the extra `hub`; "hub:PRESET" is a keras-hub preset with its pretrained weights, by
            name or folder; or any `keras.Model` with `pyramid_outputs`, such as a keras-hub
            backbone, which is used as it is.
        input_shape: `(height, width, channels)` or `(features,)`.
        width: Channels of the first level; `None` for the encoder's own default.

    Raises:
        ValueError: for an unknown name, an input the encoder can't take, or unfixed sizes.
    """
    input_shape = tuple(input_shape)
    if len(input_shape) not in (1, 3) or None in input_shape:
        raise ValueError(
            "Expected input_shape=(height, width, channels) or (features,), all fixed. "
            f"Received: input_shape={input_shape}. Resize the images to one size."
        )
    if isinstance(encoder, keras.Model):
        return _check_pyramid(encoder, input_shape)
    if isinstance(encoder, str) and encoder.startswith(_HUB):
        return _check_pyramid(build_preset(encoder, input_shape), input_shape)
    if encoder is None:
        small = len(input_shape) == 3 and max(input_shape[:2]) <= 48
        encoder = "tabular" if len(input_shape) == 1 else "resnet32" if small else "unet"
    if encoder not in names():
        raise ValueError(
            f"Expected encoder to be one of {names()} or a keras.Model with `pyramid_outputs`. "
            f"Received: encoder={encoder!r}. Every keras-hub backbone is such a model."
        )
    if (encoder == "tabular") != (len(input_shape) == 1):
        raise ValueError(
            'Expected encoder="tabular" for rows and an image encoder for images. '
            f"Received: encoder={encoder!r}, input_shape={input_shape}."
        )
    if encoder == "resnet50" and min(input_shape[:2]) < 32:
        raise ValueError(
            "Expected images of at least 32 pixels a side for resnet50. "
            f"Received: input_shape={input_shape}. Enlarge them, or use resnet32."
        )
    if width is not None and (encoder == "resnet50" or encoder in _MIT_NAMES):
        raise ValueError(
            f"Expected no width for {encoder}, which has one size. Received: width={width}. "
            "Choose unet, resnet32 or tabular for a size of your own."
        )
    if encoder in _MIT_NAMES:
        return build_mit(encoder, input_shape)
    if width is None:
        return _ENCODERS[encoder](input_shape, name="encoder")
    return _ENCODERS[encoder](input_shape, width=width, name="encoder")


def _check_pyramid(encoder, input_shape):
    if not getattr(encoder, "pyramid_outputs", None):
        raise ValueError(
            "Expected an encoder with `pyramid_outputs`, a dict of feature maps by level. "
            f"Received: {type(encoder).__name__} without one. Every keras-hub backbone has it."
        )
    expected = tuple(encoder.input_shape[1:])
    if len(expected) != len(input_shape) or any(
        e not in (None, s) for e, s in zip(expected, input_shape, strict=True)
    ):
        raise ValueError(
            f"Expected inputs of shape {expected}, the encoder's own. "
            f"Received: input_shape={input_shape}."
        )
    return encoder


def as_pyramid(encoder):
    """The encoder with its levels as outputs, finest first."""
    levels = sorted(encoder.pyramid_outputs.items(), key=lambda item: int(item[0][1:]))
    return keras.Model(encoder.input, [tensor for _, tensor in levels], name="pyramid")
