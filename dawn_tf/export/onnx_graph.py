"""Models as ONNX files, and running them in ONNX Runtime."""

import numpy as np
import tensorflow as tf

from dawn_tf.export.extras import import_extra

_OPSET = 18
_PROVIDERS = ["CPUExecutionProvider"]


def to_onnx(function, spec):
    """An `.onnx` file's bytes, whose inputs and outputs keep their names.

    The file takes any number of examples where ONNX Runtime runs it so, else one at a time: of
    some networks, such as the MiT encoders' attention, tf2onnx 1.17 translates only the latter.

    Args:
        function: `tf.function` from one tensor to a dict of tensors.
        spec: `tf.TensorSpec` of the input, with a name and any number of examples.

    Raises:
        ValueError: for operations that ONNX lacks, naming them, or if the extra `onnx` is not
            installed.
    """
    model = _converted(function, spec)
    if _runs(model, spec):
        return model
    # Anew, as the function would answer this spec with the graph that it has.
    anew = tf.function(function.python_function, autograph=False)
    return _converted(anew, tf.TensorSpec((1, *spec.shape[1:]), spec.dtype, spec.name))


def _converted(function, spec):
    tf2onnx = import_extra("tf2onnx", "onnx")
    onnx = import_extra("onnx", "onnx")
    model, _ = tf2onnx.convert.from_function(function, [spec], opset=_OPSET)
    # What tf2onnx cannot translate it leaves in the graph, under TensorFlow's name.
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    lacking = sorted({node.op_type for node in _nodes(model.graph)} - known)
    if lacking:
        raise ValueError(
            f"Expected operations that ONNX has. Received: a network with {', '.join(lacking)}. "
            "Export it as saved_model, or train a network without."
        )
    return model.SerializeToString()


def _runs(model, spec):
    """Whether it takes one example and several: a wrong shape may fit some number by chance."""
    runtime = import_extra("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    session = runtime.InferenceSession(model, options, providers=_PROVIDERS)
    try:
        for n in (1, 3):
            session.run(None, {spec.name: np.zeros((n, *spec.shape[1:]), "float32")})
    except Exception:  # ONNX Runtime's errors have no class in common.
        return False
    return True


def _nodes(graph):
    """Every node, also those of the bodies of loops and branches."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                yield from _nodes(body)


class ONNXFile:
    """An opened `.onnx` file: call it with inputs `(n, ...)` for outputs by name.

    Args:
        path: The file.

    Attributes:
        batch: Examples in a call of the file; `None` is any number.

    Raises:
        ValueError: if the extra `onnx` is not installed.
    """

    def __init__(self, path):
        runtime = import_extra("onnxruntime", "onnx")
        self._session = runtime.InferenceSession(str(path), providers=_PROVIDERS)
        self._names = [output.name for output in self._session.get_outputs()]
        self.batch = 1 if self._session.get_inputs()[0].shape[0] == 1 else None

    def __call__(self, inputs):
        parts = [inputs] if self.batch is None else [x[None] for x in inputs]
        answers = [self._session.run(self._names, {"inputs": np.float32(x)}) for x in parts]
        joined = map(np.concatenate, zip(*answers, strict=True))
        return dict(zip(self._names, joined, strict=True))
