import keras
from keras import layers

from dawn_tf.layers import Standardize
from dawn_tf.models import encoders
from dawn_tf.models.baselines.unet import double_conv, transposed_up
from dawn_tf.models.heads import linear_head
from dawn_tf.models.network import Network, dtype_scope


@keras.saving.register_keras_serializable("dawn_tf")
class UNetPlusPlus(Network):
    """UNet++ on any encoder: nested decoders, each node fed by all nodes before it on its level.

    `X[i, j] = conv(concat(X[i, 0], ..., X[i, j-1], up(X[i+1, j-1])))`, with `X[i, 0]` the levels
    of the encoder; the output is read from `X[0, L]`.
    After [Zhou et al., 2018](https://arxiv.org/abs/1807.10165), without deep supervision; their
    9.04 M parameters (table 2) are those of the encoder "unet" at width 32, the default.

    Args:
        num_classes, input_shape, task, encoder, width, l2, dtype: As in `DAWN`.

    Output shape: logits, `(batch, height, width, num_classes)` or `(batch, num_classes)`.
    """

    def __init__(
        self,
        num_classes,
        input_shape,
        task="segmentation",
        encoder="unet",
        width=None,
        l2=0.0,
        dtype=None,
        **kwargs,
    ):
        if width is None and encoder == "unet":
            width = 32
        with dtype_scope(dtype) as policy:
            backbone = encoders.build(encoder, input_shape, width)
            inputs = keras.Input(tuple(input_shape), name="inputs")
            levels = encoders.as_pyramid(backbone)(Standardize(name="standardize")(inputs))
            rows = [[level] for level in levels]
            for column in range(1, len(levels)):
                for level in range(len(levels) - column):
                    row, below = rows[level], rows[level + 1][column - 1]
                    name = f"{level}_{column}"
                    up = transposed_up(below, row[0], row[0].shape[-1], name=f"up_{name}")
                    x = layers.Concatenate(name=f"skip_{name}")([*row, up])
                    row.append(double_conv(x, row[0].shape[-1], name=f"node_{name}"))
            outputs = linear_head(rows[0][-1], num_classes, task, input_shape)
        super().__init__(inputs, outputs, **kwargs)
        self._remember(
            policy, num_classes=num_classes, task=task, encoder=encoder, width=width, l2=l2
        )
