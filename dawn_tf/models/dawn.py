import keras
from keras import layers

from dawn_tf.layers import CrossAttention, Gate, Standardize
from dawn_tf.models import encoders
from dawn_tf.models.detail_decoder import DetailDecoder
from dawn_tf.models.global_decoder import GlobalDecoder
from dawn_tf.models.heads import ClassificationHead, SegmentationHead
from dawn_tf.models.network import Network, dtype_scope
from dawn_tf.ops.resize import resize

_FUSIONS = ("gate", "sum", "concat")


@keras.saving.register_keras_serializable("dawn_tf")
class DAWN(Network):
    """The dual-decoder attention network (DAWN, Figure 2) for masks, images and table rows.

    ```
    X -> encoder -> S_1..S_k, F -> global decoder (F)          -> Z_g -+
                               \\-> detail decoder (F, S_1..S_k) -> Z_d -+-> gate -> Z -> head
                                     (cross-attention between both)
    ```

    Inputs are raw: pixels in 0..255, table columns in their own units. The model standardises
    them with statistics that `adapt` takes from the training part.

    Args:
        num_classes: Number of classes, at least 2.
        input_shape: `(height, width, channels)` or `(features,)`; sizes need not divide by
            anything.
        task: "segmentation" (a class per pixel) or "classification" (of an image or a row).
        encoder: See `dawn_tf.models.encoders.build`: "unet", "resnet32", "resnet50", "mit_b0" to
            "mit_b5", "tabular", a `keras.Model` with `pyramid_outputs`, or `None` for the one
            that fits `input_shape`.
        width: Channels of the encoder's first level; `None` for its default.
        cross_attention: Whether the decoders exchange information by attention (`CrossAttention`,
            at most 16x16 tokens a side). The paper has it; no run here showed a gain from it yet.
        fusion: "gate" (the paper's), "sum" (the mean of both) or "concat" (1x1 convolution of
            both): ablations.
        global_only, detail_only: Ablations with one decoder.
        detail_refinement: See `DetailDecoder`.
        activation: "softmax" for probabilities; `None` for logits, which the losses take.
        aux_outputs: Return a dict: "output", "global" (Z_g), "detail" (Z_d), each shaped like the
            output, and "gate" on its own grid. For auxiliary losses and for looking inside.
        l2: Factor of the paper's `||theta||^2` over all kernels (its lambda 2). Decoupled weight
            decay in the optimizer is the recommended form.
        dtype: Policy of all layers, such as "mixed_bfloat16"; outputs are float32 always.

    Output shape: logits, `(batch, height, width, num_classes)` or `(batch, num_classes)`.

    Raises:
        ValueError: for contradicting arguments or an input the encoder can't take.
    """

    def __init__(
        self,
        num_classes,
        input_shape,
        task="segmentation",
        encoder=None,
        width=None,
        cross_attention=True,
        fusion="gate",
        global_only=False,
        detail_only=False,
        detail_refinement=False,
        activation=None,
        aux_outputs=False,
        l2=0.0,
        dtype=None,
        **kwargs,
    ):
        input_shape = tuple(input_shape)
        both = not (global_only or detail_only)
        _check(num_classes, input_shape, task, fusion, activation)
        if (global_only and detail_only) or (aux_outputs and not both):
            raise ValueError(
                "Expected at most one of global_only, detail_only, aux_outputs. "
                f"Received: {global_only=}, {detail_only=}, {aux_outputs=}."
            )
        with dtype_scope(dtype) as policy:
            # === Layers ===
            backbone = encoders.build(encoder, input_shape, width)
            inputs = keras.Input(input_shape, name="inputs")
            pyramid = encoders.as_pyramid(backbone)(Standardize(name="standardize")(inputs))
            segments = task == "segmentation"
            attends = cross_attention and both
            filters = max(32, min(256, pyramid[-1].shape[-1] // 2))
            # Masks need the finest level. One label per image does not: there the second
            # coarsest is kept, at a fraction of the cost.
            level = 0 if segments else max(0, len(pyramid) - 2)
            # The paper's Conv1x1 gives class logits directly, unless something follows it.
            detail_gives_features = attends or detail_refinement
            detail_filters = filters if detail_gives_features else num_classes
            upsamplings = min(2, len(pyramid) - 1) if segments else 0
            head = SegmentationHead(input_shape[:2]) if segments else ClassificationHead()

            # === Functional Model ===
            if not detail_only:
                z_global = GlobalDecoder(filters, upsamplings, name="global_decoder")(pyramid[-1])
            if not global_only:
                z_detail = DetailDecoder(
                    detail_filters, level, detail_refinement, name="detail_decoder"
                )(pyramid)
            if attends:
                z_global, z_detail = CrossAttention(name="cross_attention")(z_global, z_detail)
            if not detail_only:
                z_global = layers.Dense(num_classes, name="global_logits")(z_global)
                if both and len(z_global.shape) == 4:
                    z_global = resize(z_global, z_detail.shape[1:3])
            if detail_gives_features and not global_only:
                z_detail = layers.Dense(num_classes, name="detail_logits")(z_detail)
            if both:
                z, gate = _fuse(fusion, z_global, z_detail, num_classes)
            else:
                z = z_global if global_only else z_detail
            output = head(z)
            if activation:
                output = layers.Softmax(dtype="float32", name="probabilities")(output)
            outputs = output
            if aux_outputs:
                outputs = {"output": output, "global": head(z_global), "detail": head(z_detail)}
                if gate is not None:
                    outputs["gate"] = layers.Activation("linear", dtype="float32", name="gate_map")(
                        gate
                    )
        super().__init__(inputs, outputs, **kwargs)

        # === Config ===
        self.gives_probabilities = activation == "softmax"
        self._remember(
            policy,
            num_classes=num_classes,
            task=task,
            encoder=encoder,
            width=width,
            cross_attention=cross_attention,
            fusion=fusion,
            global_only=global_only,
            detail_only=detail_only,
            detail_refinement=detail_refinement,
            activation=activation,
            aux_outputs=aux_outputs,
            l2=l2,
        )


def _fuse(fusion, z_global, z_detail, num_classes):
    """`(Z, gate)`; the gate is `None` for the ablations that have none."""
    if fusion == "gate":
        return Gate(name="gate")(z_global, z_detail)
    if fusion == "sum":
        return layers.Average(name="fusion")([z_global, z_detail]), None
    joined = layers.Concatenate(name="join")([z_global, z_detail])
    return layers.Dense(num_classes, name="fusion")(joined), None


def _check(num_classes, input_shape, task, fusion, activation):
    if num_classes < 2:
        raise ValueError(
            f"Expected num_classes >= 2. Received: num_classes={num_classes}. "
            "Two classes are two logits here, never one."
        )
    if task not in ("segmentation", "classification"):
        raise ValueError(
            f'Expected task "segmentation" or "classification". Received: task={task!r}.'
        )
    if task == "segmentation" and len(input_shape) != 3:
        raise ValueError(
            "Expected input_shape=(height, width, channels) for segmentation. "
            f'Received: input_shape={input_shape}. Rows have task="classification".'
        )
    if fusion not in _FUSIONS:
        raise ValueError(f"Expected fusion to be one of {_FUSIONS}. Received: fusion={fusion!r}.")
    if activation not in (None, "softmax"):
        raise ValueError(
            f'Expected activation None or "softmax". Received: activation={activation!r}.'
        )
