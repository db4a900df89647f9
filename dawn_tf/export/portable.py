"""A trained model as one file for other runtimes: LiteRT, whole numbers in LiteRT, ONNX."""

import dataclasses
import typing

import tensorflow as tf

from dawn_tf.export.card import write_card
from dawn_tf.export.litert import LiteRTFile, quantized, to_litert
from dawn_tf.export.onnx_graph import ONNXFile, to_onnx
from dawn_tf.export.saved_model import network
from dawn_tf.export.version_folder import next_version

# Names of what is computed there, by which the quantizer leaves it in float32.
POST_PROCESSING = "post_processing"
# Also float32: inputs less their mean, the first convolution of images and the embedding of rows'
# numbers, where rounding costs the most.
_FIRST_LAYERS = "standardize|stem|embedding"


@dataclasses.dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        file: Name of the model's file in the version's folder.
        convert: Function from a `tf.function`, its spec of inputs and calibration inputs to bytes.
        open: Function from a path to a callable: inputs `(n, ...)` to outputs by name.
        batch: Examples in a call of the function that is converted; `None` is any number.
        tolerance: Difference of a probability from the network's that is still rounding.
    """

    file: str
    convert: typing.Callable
    open: typing.Callable
    batch: int | None
    tolerance: float


def _int8(function, spec, calibration):
    return quantized(to_litert(function, spec), calibration, f"{_FIRST_LAYERS}|{POST_PROCESSING}")


PORTABLE = {
    "litert": Format("model.tflite", lambda f, spec, _: to_litert(f, spec), LiteRTFile, 1, 1e-3),
    "litert_int8": Format("model.tflite", _int8, LiteRTFile, 1, 1.0),
    "onnx": Format("model.onnx", lambda f, spec, _: to_onnx(f, spec), ONNXFile, None, 1e-3),
}


def export_portable(
    model,
    out_dir,
    name,
    format,
    post_processing,
    check,
    calibration=None,
    extra_outputs=(),
    card=(),
):
    """Writes `<out_dir>/<name>-<format>/<version>/`, whole or not at all.

    The file takes `inputs`, float32 pixels in 0..255 or table rows of the model's shape, of LiteRT
    one at a time, and gives `probabilities`, and `class` or `mask`, and those of `extra_outputs`.
    Calibration, correction for class shares and decision are inside, in float32 in every format.
    Beside it: `class_names.txt`, `model_card.json` and `.md`, `checksums.txt`.

    Args:
        model: A network of `dawn_tf.models`.
        out_dir: Folder of all exported models.
        name: Model name in the folder.
        format: In `PORTABLE`.
        post_processing: A `PostProcessing`.
        check: Function that is given the opened file before it is published, and returns what the
            card says of it, with "largest_difference" from the network's probabilities.
        calibration: Inputs `(n, ...)` whose ranges whole numbers are made to cover, for
            "litert_int8".
        extra_outputs: Of "gate", "global" and "detail", see `dawn_tf.models.decoder_views`.
        card: What else the model card says, by key.

    Returns: The version's path.

    Raises:
        ValueError: for operations that the format lacks, naming them, for extra outputs that the
            model does not have, where the format's package is not installed, or for a file that
            answers something else than the network.
    """
    made = PORTABLE[format]
    function, spec = portable_function(model, post_processing, extra_outputs, made.batch)
    with next_version(f"{out_dir}/{name}-{format}") as place:
        path = place[0]
        file = path / made.file
        file.write_bytes(made.convert(function, spec, calibration))
        names = "".join(f"{class_name}\n" for class_name in post_processing.class_names)
        (path / "class_names.txt").write_text(names)
        opened = made.open(file)
        checked = {
            "name": format,
            "bytes": file.stat().st_size,
            "examples_in_a_call": opened.batch or "any number",
            **check(opened),
        }
        _check_difference(checked["largest_difference"], format)
        write_card(path, {"name": name, **dict(card), "format": checked})
    return place[0]


def _check_difference(difference, format):
    tolerance = PORTABLE[format].tolerance
    if not difference <= tolerance:  # NaN is not.
        raise ValueError(
            f"Expected a {format} file with the network's probabilities, to {tolerance:g}. "
            f"Received: a difference of {difference:.3g}. Export it as saved_model."
        )


def portable_function(model, post_processing, extra_outputs=(), batch=None):
    """`(tf.function, spec of its inputs)`, from inputs to outputs by name, of tensors alone."""
    run = network(model, extra_outputs)

    @tf.function(autograph=False)
    def answer(inputs):
        probabilities, extra = run(inputs)
        with tf.name_scope(POST_PROCESSING):
            return {**post_processing.portable_graph(probabilities), **extra}

    return answer, tf.TensorSpec((batch, *model.input_shape[1:]), tf.float32, name="inputs")
