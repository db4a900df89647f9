import keras

from dawn_tf.layers import Standardize
from dawn_tf.models import encoders
from dawn_tf.models.encoders.hub import keras_hub_for
from dawn_tf.models.heads import linear_head
from dawn_tf.models.network import Network, dtype_scope


@keras.saving.register_keras_serializable("dawn_tf")
class SegFormer(Network):
    """SegFormer as keras-hub builds it: a mix transformer and an all-MLP decoder at 1/4.

    The decoder has 256 channels on MiT-B0 and B1, 768 on the larger ones.
    After [Xie et al., 2021](https://arxiv.org/abs/2105.15203); 47.2 M parameters on MiT-B3.

    Args:
        num_classes, input_shape, task, l2, dtype: As in `DAWN`. Square, sides that 32 divides.
        encoder: "mit_b0" to "mit_b5", or a `keras_hub.models.MiTBackbone`.

    Output shape: logits, `(batch, height, width, num_classes)` or `(batch, num_classes)`.

    Raises:
        ValueError: without keras-hub (extra `hub`), or for another encoder.
    """

    def __init__(
        self,
        num_classes,
        input_shape,
        task="segmentation",
        encoder="mit_b3",
        l2=0.0,
        dtype=None,
        **kwargs,
    ):
        keras_hub = keras_hub_for("SegFormer")
        with dtype_scope(dtype) as policy:
            backbone = encoders.build(encoder, input_shape)
            if not isinstance(backbone, keras_hub.models.MiTBackbone):
                raise ValueError(
                    f"Expected a mix transformer for SegFormer. Received: encoder={encoder!r}. "
                    'Use "mit_b0" to "mit_b5".'
                )
            inputs = keras.Input(tuple(input_shape), name="inputs")
            small = sum(backbone.layerwise_depths) <= 8
            x = keras_hub.models.SegFormerBackbone(
                backbone, projection_filters=256 if small else 768, name="segformer"
            )(Standardize(name="standardize")(inputs))
            outputs = linear_head(x, num_classes, task, input_shape)
        super().__init__(inputs, outputs, **kwargs)
        self._remember(policy, num_classes=num_classes, task=task, encoder=encoder, l2=l2)
