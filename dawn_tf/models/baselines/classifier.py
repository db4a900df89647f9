import keras
from keras import layers

from dawn_tf.layers import ConvBlock, CosineHead, Standardize
from dawn_tf.models import encoders
from dawn_tf.models.heads import ClassificationHead, linear_head
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
        head: "linear", or "cosine" for a `CosineHead` of scale 30, which `LDAM` is made for; of
            classification only.
        hidden: Channels of a hidden layer between encoder and head, 3x3 with batch normalisation
            (rows: dense), ReLU; `None` for none. A control with more parameters.

    Output shape: logits, `(batch, num_classes)` or `(batch, height, width, num_classes)`.
    """

    def __init__(
        self,
        num_classes,
        input_shape,
        task="classification",
        encoder=None,
        width=None,
        head="linear",
        hidden=None,
        l2=0.0,
        dtype=None,
        **kwargs,
    ):
        with dtype_scope(dtype) as policy:
            backbone = encoders.build(encoder, input_shape, width)
            inputs = keras.Input(tuple(input_shape), name="inputs")
            x = encoders.as_pyramid(backbone)(Standardize(name="standardize")(inputs))[-1]
            if hidden:
                dense = layers.Dense(hidden, activation="relu", name="hidden")
                x = (dense if len(x.shape) == 2 else ConvBlock(hidden, name="hidden"))(x)
            if head == "cosine" and task == "classification":
                x = ClassificationHead(name="pool")(x)
                outputs = CosineHead(num_classes, scale=30.0, dtype="float32", name="logits")(x)
            elif head == "linear":
                outputs = linear_head(x, num_classes, task, input_shape)
            else:
                raise ValueError(
                    'Expected head "linear", or "cosine" for classification. Received: '
                    f"head={head!r} with task={task!r}. Use the linear one."
                )
        super().__init__(inputs, outputs, **kwargs)
        self._remember(
            policy,
            num_classes=num_classes,
            task=task,
            encoder=encoder,
            width=width,
            head=head,
            hidden=hidden,
            l2=l2,
        )
