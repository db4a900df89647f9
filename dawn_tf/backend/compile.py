"""Compiling a loss by XLA where the backend would run it operation by operation.

TensorFlow is imported on that backend only: Keras can compile a whole training step
(`jit_compile`), which on a CPU slows convolutions, but not a part of it.
"""

import keras
from keras import ops

from dawn_tf.ops.lovasz import flat_order


def call_compiled(function, labels, logits, independent, sort_keys=None):
    """`function(labels, logits)`, compiled for a TensorFlow graph; as it is anywhere else.

    JAX compiles the step around it, and in eager mode compiling would cost more than it saves. So
    it would without space, where there is little to compute, and for a size in space that is not
    known before the graph runs: each would be compiled anew.

    Args:
        function: Gives one value per example, `(batch,)`, and is differentiable in the logits.
        labels, logits: Tensors of any shapes with the batch first.
        independent: Whether each value depends on its own example only. The gradient then comes
            with the value, else from a second pass.
        sort_keys: Gives rows of keys from labels and logits, whose `flat_order` the function
            takes as its third argument, or `None`. The sort itself is left to TensorFlow, which
            is several times faster at it than XLA.
    """
    if keras.backend.backend() != "tensorflow" or len(logits.shape) < 3:
        return function(labels, logits)
    import tensorflow as tf

    labels, logits = ops.convert_to_tensor(labels), ops.convert_to_tensor(logits)
    if tf.executing_eagerly() or None in (*labels.shape[1:], *logits.shape[1:]):
        return function(labels, logits)

    def differentiate(upstream, labels, logits, *order):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            values = function(labels, logits, *order)
        return values, tape.gradient(values, logits, upstream)

    def compiled(f):
        return tf.function(f, jit_compile=True, autograph=False)

    # Float32 before the gradient is scaled: in half precision it would vanish.
    logits = tf.cast(logits, "float32")
    keys = sort_keys and compiled(sort_keys)(labels, tf.stop_gradient(logits))
    order = () if keys is None else (flat_order(keys),)

    @tf.custom_gradient
    def run(logits):
        if not independent:
            values = compiled(function)(labels, logits, *order)
            second = compiled(differentiate)
            return values, lambda upstream: second(upstream, labels, logits, *order)[1]
        ones = tf.ones(tf.shape(logits)[:1])
        values, gradient = compiled(differentiate)(ones, labels, logits, *order)
        per_example = (-1, *[1] * (len(logits.shape) - 1))
        return values, lambda upstream: gradient * tf.reshape(upstream, per_example)

    return run(logits)
