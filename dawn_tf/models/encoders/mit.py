"""Mix transformer (MiT) encoders of SegFormer, from keras-hub."""

from dawn_tf.models.encoders.hub import keras_hub_for

# Channels and blocks of the four stages, after
# [Xie et al., 2021](https://arxiv.org/abs/2105.15203), table 6.
_SIZES = {
    "mit_b0": ((32, 64, 160, 256), (2, 2, 2, 2)),
    "mit_b1": ((64, 128, 320, 512), (2, 2, 2, 2)),
    "mit_b2": ((64, 128, 320, 512), (3, 4, 6, 3)),
    "mit_b3": ((64, 128, 320, 512), (3, 4, 18, 3)),
    "mit_b4": ((64, 128, 320, 512), (3, 8, 27, 3)),
    "mit_b5": ((64, 128, 320, 512), (3, 6, 40, 3)),
}
NAMES = tuple(_SIZES)


def build_mit(name, input_shape):
    """A `keras_hub.models.MiTBackbone` with random weights.

    `pyramid_outputs`: "P1" (1/4) .. "P4" (1/32), as keras-hub numbers the stages.

    Args:
        name: One of `NAMES`.
        input_shape: `(height, width, channels)`, square, a multiple of 32.

    Raises:
        ValueError: without keras-hub, or for another shape.
    """
    keras_hub = keras_hub_for(name)
    height, width = input_shape[:2]
    if height != width or height % 32:
        side = -(-max(height, width) // 32) * 32
        # keras-hub takes the square root of the number of tokens for the side.
        raise ValueError(
            f"Expected square images with sides that 32 divides for {name}. "
            f"Received: input_shape={input_shape}. Resize the images to ({side}, {side})."
        )
    channels, depths = _SIZES[name]
    return keras_hub.models.MiTBackbone(
        num_layers=4,
        layerwise_num_heads=[1, 2, 5, 8],
        layerwise_sr_ratios=[8, 4, 2, 1],
        layerwise_patch_sizes=[7, 3, 3, 3],
        layerwise_strides=[4, 2, 2, 2],
        max_drop_path_rate=0.1,
        hidden_dims=list(channels),
        layerwise_depths=list(depths),
        image_shape=tuple(input_shape),
        name="encoder",
    )
