import contextlib
import io
import pathlib
import resource
import statistics
import sys
import time

import numpy as np
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


def measure(build, batch_sizes=(1, 16), rounds=11):
    """Size, work, speed and memory of one network; for a process of its own.

    Args:
        build: Function of no arguments giving the Keras model.
        batch_sizes: Batches whose inference is timed, smallest first.
        rounds: Timed inferences of each; the first two besides trace and warm up.

    Returns: dict with `parameters`, `flops` (of one example, see `count_flops`), `latency_ms`
        (median by batch size, of a `tf.function` of inference) and `peak_memory_mb`: by how much
        building and running it raised the process's largest resident memory.
    """
    before = peak_memory_mb()
    model = build()
    function = tf.function(lambda x: model(x, training=False))
    latency = {}
    for size in batch_sizes:
        shape = (size, *model.input_shape[1:])
        x = tf.constant(np.random.default_rng(0).uniform(0, 255, shape), tf.float32)
        seconds = []
        for _ in range(rounds + 2):
            start = time.perf_counter()
            tf.nest.map_structure(lambda z: z.numpy(), function(x))
            seconds.append(time.perf_counter() - start)
        latency[size] = 1000 * statistics.median(seconds[2:])
    peak = peak_memory_mb() - before
    return {
        "parameters": model.count_params(),
        "flops": count_flops(model),
        "latency_ms": latency,
        "peak_memory_mb": peak,
    }


def peak_memory_mb():
    """Largest resident memory this process has had, in 10^6 bytes."""
    if sys.platform == "linux":
        # Not getrusage: there a process starts with the peak of the one it was forked from.
        for line in pathlib.Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    # Kilobytes on BSD, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
