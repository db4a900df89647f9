import keras
from keras import layers

from dawn_tf.models.dawn import DAWN
from dawn_tf.models.heads import ClassificationHead, SegmentationHead

VIEWS = ("gate", "global", "detail")


def decoder_views(model):
    """A model that gives, beside the output, what its decoders hold; weights are shared.

    Args:
        model: A `DAWN` with both decoders and a gate, or `AveragedNetworks` of such; of several
            networks views are means.

    Returns: a `keras.Model` with the outputs
    - "output": the model's own;
    - "global", "detail": logits of either decoder, shaped like the output;
    - "gate": in 0..1 on the decoders' grid, `(batch, rows, columns, num_classes)`; 1 trusts the
      detail decoder;
    - "global_map", "detail_map": logits of either decoder on that grid.
      Of rows all three are `(batch, num_classes)`.

    Raises:
        ValueError: for a model without a gate.
    """
    networks = getattr(model, "networks", [model])
    if not has_views(model):
        raise ValueError(
            "Expected a DAWN with both decoders and a gate, which has something to show beside its "
            f"output. Received: {', '.join(type(network).__name__ for network in networks)} "
            "without. Leave the extra outputs out."
        )
    inputs = keras.Input(model.input_shape[1:], name="inputs")
    views = [_open(network)(inputs) for network in networks]
    outputs = {
        name: layers.Average(name=name)([v[name] for v in views]) if len(views) > 1 else value
        for name, value in views[0].items()
    }
    output = model(inputs)
    outputs["output"] = output["output"] if isinstance(output, dict) else output
    return keras.Model(inputs, outputs)


def has_views(model):
    """Whether `decoder_views` takes this model."""
    networks = getattr(model, "networks", [model])
    return all(isinstance(network, DAWN) and _has_gate(network) for network in networks)


def _has_gate(network):
    return any(layer.name == "gate" for layer in network.layers)


def _open(network):
    gate = network.get_layer("gate")
    head = next(
        layer
        for layer in network.layers
        if isinstance(layer, ClassificationHead | SegmentationHead)
    )
    z_global, z_detail = gate.input
    outputs = {"global": head(z_global), "detail": head(z_detail)}
    as_float = layers.Activation("linear", dtype="float32", name="as_float")
    maps = {"gate": gate.output[1], "global_map": z_global, "detail_map": z_detail}
    return keras.Model(network.input, outputs | {name: as_float(m) for name, m in maps.items()})
