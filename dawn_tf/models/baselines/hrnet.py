import keras
from keras import layers

from dawn_tf.layers import ConvBlock, Standardize
from dawn_tf.models.encoders.resnet import basic_block
from dawn_tf.models.heads import linear_head
from dawn_tf.models.network import Network, dtype_scope
from dawn_tf.ops.resize import resize

# Modules of each stage; stage s has s branches, the coarsest at 1 / 2^(s + 1).
_MODULES = {2: 1, 3: 4, 4: 3}
_BLOCKS = 4


@keras.saving.register_keras_serializable("dawn_tf")
class HRNet(Network):
    """HRNetV2: branches of several resolutions side by side, fused again and again.

    A stem of stride 4, then stages of 2, 3 and 4 branches (1/4 to 1/32) with `width`, `2 width`,
    ... channels; all branches, interpolated to 1/4, are joined for the head.
    After [Sun et al., 2019](https://arxiv.org/abs/1904.04514); 65.8 M parameters at width 48
    ("hrnet_w48").

    Args:
        num_classes, input_shape, task, l2, dtype: As in `DAWN`.
        width: Channels of the finest branch.

    Output shape: logits, `(batch, height, width, num_classes)` or `(batch, num_classes)`.
    """

    def __init__(
        self,
        num_classes,
        input_shape,
        task="segmentation",
        width=48,
        l2=0.0,
        dtype=None,
        **kwargs,
    ):
        with dtype_scope(dtype) as policy:
            inputs = keras.Input(tuple(input_shape), name="inputs")
            x = Standardize(name="standardize")(inputs)
            for i in range(2):
                x = ConvBlock(64, strides=2, name=f"stem_{i}")(x)
            for i in range(_BLOCKS):
                x = _bottleneck(x, 64, name=f"stage_1_block_{i}")
            branches = [x]
            for stage, modules in _MODULES.items():
                branches = _transition(branches, width, stage)
                for module in range(modules):
                    name = f"stage_{stage}_module_{module}"
                    branches = _fuse(_convolve(branches, name), name)
            size = branches[0].shape[1:3]
            x = layers.Concatenate(name="join")([resize(branch, size) for branch in branches])
            x = ConvBlock(x.shape[-1], 1, name="mix")(x)
            outputs = linear_head(x, num_classes, task, input_shape)
        super().__init__(inputs, outputs, **kwargs)
        self._remember(policy, num_classes=num_classes, task=task, width=width, l2=l2)


def _bottleneck(x, filters, name):
    shortcut = x
    if x.shape[-1] != 4 * filters:
        shortcut = ConvBlock(4 * filters, 1, activation=False, name=f"{name}_shortcut")(x)
    x = ConvBlock(filters, 1, name=f"{name}_a")(x)
    x = ConvBlock(filters, name=f"{name}_b")(x)
    x = ConvBlock(4 * filters, 1, activation=False, name=f"{name}_c")(x)
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))


def _transition(branches, width, stage):
    """One branch more, at half the coarsest resolution, and `width * 2^i` channels each."""
    out = []
    for i in range(stage):
        name, filters = f"transition_{stage}_{i}", width * 2**i
        if i == len(branches):
            out.append(ConvBlock(filters, strides=2, name=name)(branches[-1]))
        elif branches[i].shape[-1] != filters:
            out.append(ConvBlock(filters, name=name)(branches[i]))
        else:
            out.append(branches[i])
    return out


def _convolve(branches, name):
    out = []
    for i, x in enumerate(branches):
        for block in range(_BLOCKS):
            x = basic_block(x, x.shape[-1], 1, f"{name}_branch_{i}_block_{block}")
        out.append(x)
    return out


def _fuse(branches, name):
    """Every branch becomes the sum of all, brought to its resolution and channels."""
    out = []
    for i, target in enumerate(branches):
        terms = []
        for j, x in enumerate(branches):
            step = f"{name}_from_{j}_to_{i}"
            if j > i:
                x = ConvBlock(target.shape[-1], 1, activation=False, name=step)(x)
                x = resize(x, target.shape[1:3])
            for k in range(j, i):
                # The channels change with the last halving, and only there the ReLU is left out.
                last = k == i - 1
                filters = target.shape[-1] if last else branches[j].shape[-1]
                x = ConvBlock(filters, strides=2, activation=not last, name=f"{step}_{k}")(x)
            terms.append(x)
        x = layers.Add(name=f"{name}_fuse_{i}")(terms)
        out.append(layers.ReLU(name=f"{name}_out_{i}")(x))
    return out
