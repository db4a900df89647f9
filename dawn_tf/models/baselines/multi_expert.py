import keras
from keras import layers, ops

from dawn_tf.layers import CosineHead, Standardize
from dawn_tf.models import encoders
from dawn_tf.models.heads import ClassificationHead
from dawn_tf.models.network import Network, dtype_scope


@keras.saving.register_keras_serializable("dawn_tf")
class MultiExpert(Network):
    """Several experts on shared early layers: RIDE without its routing.

    The encoder's levels but the last `own_levels` are shared; each expert has those of its own and
    a head. The logits are the mean of the experts' logits. Made for the loss `DiverseExperts`.
    After [Wang et al., 2021](https://arxiv.org/abs/2010.01809), section 3. Two parts of the paper
    are left out: the second stage, which saves time by asking easy examples of fewer experts, and
    the thinner experts; `width` sets the channels of all levels.

    ```python
    model = MultiExpert(10, (32, 32, 3), head="cosine", aux_outputs=True)
    base = LDAM(counts, scale=1, max_margin=15)  # The cosine head has the scale.
    model.compile("adamw", loss={"experts": DiverseExperts(base, counts)})
    ```

    Args:
        num_classes, input_shape, encoder, width, l2, dtype: As in `DAWN`. A pretrained encoder
            gives every expert its own copy of the last levels, all from the same weights.
        task: "classification"; there are no masks.
        experts: Number of experts, at least 2.
        own_levels: How many levels of the encoder each expert has to itself, at least 1 and fewer
            than there are.
        head: "linear", or "cosine" for a `CosineHead` of scale 30.
        aux_outputs: Whether to give the experts' logits too.

    Output shape: logits `(batch, num_classes)`; with `aux_outputs` a dict of that as "output" and
        "experts", `(batch, experts, num_classes)`.

    Raises:
        ValueError: For masks, and if an argument is none of the above.
    """

    def __init__(
        self,
        num_classes,
        input_shape,
        task="classification",
        encoder=None,
        width=None,
        experts=3,
        own_levels=2,
        head="linear",
        aux_outputs=False,
        l2=0.0,
        dtype=None,
        **kwargs,
    ):
        if task != "classification":
            raise ValueError(
                f'Expected task="classification" for experts. Received: task={task!r}. Use a '
                "network for masks, such as unet, and AveragedNetworks (--networks) of several."
            )
        if experts < 2 or head not in ("linear", "cosine"):
            raise ValueError(
                'Expected experts >= 2 and head "linear" or "cosine". Received: '
                f"experts={experts}, head={head!r}. Use Classifier for one expert."
            )
        with dtype_scope(dtype) as policy:
            inputs = keras.Input(tuple(input_shape), name="inputs")
            shared, stages = split(encoder, input_shape, width, experts, own_levels)
            x = shared(Standardize(name="standardize")(inputs))
            z = []
            for i, stage in enumerate(stages):
                features = ClassificationHead(name=f"pool_{i}")(stage(x))
                z.append(_head(head, num_classes, f"logits_{i}")(features))
            z = ops.stack(z, axis=1)
            mean = ops.mean(z, axis=1)
        outputs = {"output": mean, "experts": z} if aux_outputs else mean
        super().__init__(inputs, outputs, **kwargs)
        self._remember(
            policy,
            num_classes=num_classes,
            task=task,
            encoder=encoder,
            width=width,
            experts=experts,
            own_levels=own_levels,
            head=head,
            aux_outputs=aux_outputs,
            l2=l2,
        )


def _head(head, num_classes, name):
    if head == "cosine":
        return CosineHead(num_classes, scale=30.0, dtype="float32", name=name)
    return layers.Dense(num_classes, dtype="float32", name=name)


def split(encoder, input_shape, width, experts, own_levels):
    """`(shared, stages)`: an encoder's early levels, and its last ones once for each expert.

    Raises:
        ValueError: If the encoder has too few levels, or the last ones need more than the level
            before them.
    """
    backbones = [_backbone(encoder, input_shape, width) for _ in range(experts)]
    pyramids = [encoders.as_pyramid(backbone).outputs for backbone in backbones]
    num_levels = len(pyramids[0])
    if not 1 <= own_levels < num_levels:
        raise ValueError(
            f"Expected own_levels between 1 and {num_levels - 1}, as the encoder has "
            f"{num_levels} levels. Received: own_levels={own_levels}."
        )
    border = num_levels - own_levels - 1
    try:
        stages = [
            keras.Model(levels[border], levels[-1], name=f"expert_{i}")
            for i, levels in enumerate(pyramids)
        ]
    except ValueError as error:
        raise ValueError(
            "Expected an encoder whose last levels need nothing but the level before them. "
            f"Received: encoder={encoder!r}. Try other own_levels, or --networks."
        ) from error
    return keras.Model(backbones[0].input, pyramids[0][border], name="shared"), stages


def _backbone(encoder, input_shape, width):
    """A new encoder; of one that is given, a copy with its weights."""
    backbone = encoders.build(encoder, input_shape, width)
    if backbone is not encoder:
        return backbone
    copy = type(encoder).from_config(encoder.get_config())
    copy.set_weights(encoder.get_weights())
    return copy
