import keras

from dawn_tf.layers import Standardize
from dawn_tf.models import encoders
from dawn_tf.models.encoders.hub import keras_hub_for
from dawn_tf.models.heads import linear_head
from dawn_tf.models.network import Network, dtype_scope


@keras.saving.register_keras_serializable("dawn_tf")
class DeepLabV3Plus(Network):
    """DeepLabV3+ as keras-hub builds it, with atrous pyramid pooling at 1/16 of the size.

    Dilations 6, 12 and 18; the decoder joins the level at 1/4, projected to 48 channels.
    After [Chen et al., 2018](https://arxiv.org/abs/1802.02611); 31.6 M parameters on ResNet-50.

    Args:
        num_classes, input_shape, task, l2, dtype: As in `DAWN`. Sides that 16 divides.
        encoder: "resnet50", "unet", or a `keras.Model` whose `pyramid_outputs` have "P2" (1/4)
            and "P4" (1/16).
        width: As in `DAWN`.

    Output shape: logits, `(batch, height, width, num_classes)` or `(batch, num_classes)`.

    Raises:
        ValueError: without keras-hub (extra `hub`), or for an encoder or sides that don't fit.
    """

    def __init__(
        self,
        num_classes,
        input_shape,
        task="segmentation",
        encoder="resnet50",
        width=None,
        l2=0.0,
        dtype=None,
        **kwargs,
    ):
        keras_hub = keras_hub_for("DeepLabV3+")
        if input_shape[0] % 16 or input_shape[1] % 16:
            raise ValueError(
                "Expected sides that 16 divides for DeepLabV3+. Received: "
                f"input_shape={tuple(input_shape)}. Resize the images."
            )
        with dtype_scope(dtype) as policy:
            backbone = encoders.build(encoder, input_shape, width)
            if not {"P2", "P4"} <= set(backbone.pyramid_outputs):
                raise ValueError(
                    "Expected an encoder with levels P2 (1/4) and P4 (1/16) for DeepLabV3+. "
                    f"Received: encoder={encoder!r} with {sorted(backbone.pyramid_outputs)}. "
                    "Use resnet50 or unet."
                )
            inputs = keras.Input(tuple(input_shape), name="inputs")
            x = keras_hub.models.DeepLabV3Backbone(
                backbone,
                spatial_pyramid_pooling_key="P4",
                upsampling_size=4,
                dilation_rates=[6, 12, 18],
                low_level_feature_key="P2",
                projection_filters=48,
                image_shape=tuple(input_shape),
                name="deeplab",
            )(Standardize(name="standardize")(inputs))
            outputs = linear_head(x, num_classes, task, input_shape)
        super().__init__(inputs, outputs, **kwargs)
        self._remember(
            policy, num_classes=num_classes, task=task, encoder=encoder, width=width, l2=l2
        )
