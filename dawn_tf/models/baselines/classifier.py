import keras
from keras import layers

from dawn_tf.layers import Standardize
from dawn_tf.models import encoders
from dawn_tf.models.heads import ClassificationHead
from dawn_tf.models.network import Network, dtype_scope


@keras.saving.register_keras_serializable("dawn_tf")
class Classifier(Network):
    """A plain classifier: encoder, mean over space, one dense layer. ResNet-CE in the paper.

    Args:
        num_classes, input_shape, encoder, width, l2, dtype: As in `DAWN`.

    Output shape: logits, `(batch, num_classes)`.
    """

    def __init__(
        self, num_classes, input_shape, encoder=None, width=None, l2=0.0, dtype=None, **kwargs
    ):
        with dtype_scope(dtype) as policy:
            backbone = encoders.build(encoder, input_shape, width)
            inputs = keras.Input(tuple(input_shape), name="inputs")
            x = encoders.as_pyramid(backbone)(Standardize(name="standardize")(inputs))[-1]
            # The mean commutes with the dense layer; pooling first runs it once per image.
            x = ClassificationHead(name="pool")(x)
            outputs = layers.Dense(num_classes, dtype="float32", name="logits")(x)
        super().__init__(inputs, outputs, **kwargs)
        self._remember(policy, num_classes=num_classes, encoder=encoder, width=width, l2=l2)
