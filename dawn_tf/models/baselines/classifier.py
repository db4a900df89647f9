import keras

from dawn_tf.layers import Standardize
from dawn_tf.models import encoders
from dawn_tf.models.heads import linear_head
from dawn_tf.models.network import Network, dtype_scope


@keras.saving.register_keras_serializable("dawn_tf")
class Classifier(Network):
    """A plain head: encoder, one dense layer, mean over space. ResNet-CE in the paper.

    For masks the dense layer is applied at each place of the coarsest level and its logits are
    interpolated to the input's size: FCN-32s,
    [Long et al., 2015](https://arxiv.org/abs/1411.4038), on any encoder.

    Args:
        num_classes, input_shape, encoder, width, l2, dtype: As in `DAWN`.
        task: "classification" or "segmentation".

    Output shape: logits, `(batch, num_classes)` or `(batch, height, width, num_classes)`.
    """

    def __init__(
        self,
        num_classes,
        input_shape,
        task="classification",
        encoder=None,
        width=None,
        l2=0.0,
        dtype=None,
        **kwargs,
    ):
        with dtype_scope(dtype) as policy:
            backbone = encoders.build(encoder, input_shape, width)
            inputs = keras.Input(tuple(input_shape), name="inputs")
            x = encoders.as_pyramid(backbone)(Standardize(name="standardize")(inputs))[-1]
            outputs = linear_head(x, num_classes, task, input_shape)
        super().__init__(inputs, outputs, **kwargs)
        self._remember(
            policy, num_classes=num_classes, task=task, encoder=encoder, width=width, l2=l2
        )
