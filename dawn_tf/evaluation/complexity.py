import contextlib
import io

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def count_flops(model, batch_size=1):
    """Floating-point operations of one inference, counted on the frozen TensorFlow graph.

    TensorFlow's profiler adds up its registered operations (convolutions, matrix products,
    elementwise arithmetic, pooling, ...); a multiply-add counts as 2. Bilinear resizing and
    gathers are not in its list and count 0.

    Args:
        model: A Keras model with fixed input shape.
        batch_size: Examples in the inference.
    """
    spec = tf.TensorSpec((batch_size, *model.input_shape[1:]), tf.float32)
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec)
    graph = convert_variables_to_constants_v2(function).graph
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    with contextlib.redirect_stderr(io.StringIO()):
        profile = profiler.profile(graph, cmd="op", options=options)
    return profile.total_float_ops
