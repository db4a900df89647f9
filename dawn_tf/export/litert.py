"""Models as LiteRT files (`.tflite`), of float32 or of whole numbers, and running them."""

import contextlib
import io
import re
import tempfile
import warnings

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from dawn_tf.export.extras import import_extra

_SIGNATURE = "serving_default"
# What the converter calls the operations that give the signature's outputs.
_OUTPUTS = "PartitionedCall"


def to_litert(function, spec):
    """A `.tflite` file's bytes, with one signature whose inputs and outputs keep their names.

    Args:
        function: `tf.function` from one tensor to a dict of tensors.
        spec: `tf.TensorSpec` of the input, with a name and, as the format wants, a batch size.

    Raises:
        ValueError: for operations that LiteRT lacks, naming them.
    """
    # With variables instead of constants the converter gives files that answer NaN.
    frozen = convert_variables_to_constants_v2(function.get_concrete_function(spec))
    names = sorted(function.get_concrete_function(spec).structured_outputs)

    @tf.function(autograph=False)
    def named(inputs):
        return dict(zip(names, frozen(inputs), strict=True))

    with tempfile.TemporaryDirectory() as folder:
        signatures = {_SIGNATURE: named.get_concrete_function(spec)}
        tf.saved_model.save(tf.Module(), folder, signatures=signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, [_SIGNATURE])
        try:
            return converter.convert()
        except Exception as error:  # The converter's own class is not public.
            raise _lacking(str(error)) from error


def _lacking(message):
    operations = sorted(set(re.findall(r"\btf\.(?!lite)[A-Z]\w*", message)))
    if not operations:
        return ValueError(
            "Expected a network that LiteRT can carry. Received: one that its converter refuses: "
            f"{message.splitlines()[0]} Export it as saved_model."
        )
    return ValueError(
        f"Expected operations that LiteRT has. Received: a network with {', '.join(operations)}. "
        "Export it as saved_model, or train a network without."
    )


def quantized(model, inputs, kept_float):
    """A float `.tflite` file's bytes with weights and activations as int8.

    Activations get the whole range that they have on `inputs`, weights one range a channel. Inputs
    and outputs of the file, softmax, maxima and what is named `kept_float` stay float32: steps of
    1/256, the int8 softmax's, are larger than many a rare class's probability.

    Args:
        model: From `to_litert`.
        inputs: Inputs of every class, `(n, ...)`.
        kept_float: Regular expression, found in the names of what is not quantized.

    Raises:
        ValueError: if the extra `litert` is not installed.
    """
    quantizer = import_extra("ai_edge_quantizer.quantizer", "litert")
    calibrator = import_extra("ai_edge_quantizer.calibrator", "litert")
    qsv_utils = import_extra("ai_edge_quantizer.utils.qsv_utils", "litert")
    names = import_extra("ai_edge_quantizer.qtyping", "litert").TFLOperationName
    recipe = import_extra("ai_edge_quantizer.recipe_manager", "litert").RecipeManager()
    recipe.add_static_config(".*", names.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
    for regex, operation in (
        (".*", names.INPUT),
        (".*", names.OUTPUT),
        (".*", names.SOFTMAX),
        (".*", names.MAXIMUM),  # Quantizer 0.10 fails on one with a constant of lower rank.
        (f"{kept_float}|{_OUTPUTS}", names.ALL_SUPPORTED),
    ):
        recipe.add_quantization_config(regex, operation, algorithm_key="no_quantize")
    examples = [{"inputs": np.float32(x)[None]} for x in inputs]
    # Progress bars, and a warning that calibration takes memory.
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The quantizer's own choice is a moving average, which cuts off what few examples reach.
        ranges = calibrator.Calibrator(bytearray(model), qsv_update_func=qsv_utils.min_max_update)
        ranges.calibrate({_SIGNATURE: examples}, recipe)
        work = quantizer.Quantizer(bytearray(model), recipe.get_quantization_recipe())
        result = work.quantize(ranges.get_model_qsvs(), enable_progress_report=False)
    return bytes(result.quantized_model)


class LiteRTFile:
    """An opened `.tflite` file: call it with inputs `(n, ...)` for outputs by name.

    Args:
        path: The file.

    Attributes:
        batch: Examples in a call of the file: 1.

    Raises:
        ValueError: if the extra `litert` is not installed.
    """

    batch = 1

    def __init__(self, path):
        interpreter = import_extra("ai_edge_litert.interpreter", "litert")
        self._interpreter = interpreter.Interpreter(model_path=str(path))
        self._run = self._interpreter.get_signature_runner(_SIGNATURE)

    def __call__(self, inputs):
        answers = [self._run(inputs=np.float32(x)[None]) for x in inputs]
        return {name: np.concatenate([a[name] for a in answers]) for name in answers[0]}
