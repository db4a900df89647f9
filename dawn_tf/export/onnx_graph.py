"""Models as ONNX files, and running them in ONNX Runtime."""

import numpy as np

from dawn_tf.export.extras import import_extra

_OPSET = 18


def to_onnx(function, spec):
    """An `.onnx` file's bytes, whose inputs and outputs keep their names.

    Args:
        function: `tf.function` from one tensor to a dict of tensors.
        spec: `tf.TensorSpec` of the input, with a name.

    Raises:
        ValueError: for operations that ONNX lacks, naming them, or if the extra `onnx` is not
            installed.
    """
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

    Raises:
        ValueError: if the extra `onnx` is not installed.
    """

    def __init__(self, path):
        runtime = import_extra("onnxruntime", "onnx")
        self._session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self._names = [output.name for output in self._session.get_outputs()]

    def __call__(self, inputs):
        answers = self._session.run(self._names, {"inputs": np.float32(inputs)})
        return dict(zip(self._names, answers, strict=True))
