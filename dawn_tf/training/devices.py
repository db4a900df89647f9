"""Several devices of one machine, which hold the same weights and share each batch."""

import contextlib

import keras
import tensorflow as tf


def make_strategy(number):
    """`tf.distribute` strategy over so many devices: GPUs, or without any the CPU in parts.

    Parts of a CPU make nothing faster; they show what several GPUs would compute. They are made
    before TensorFlow has used the CPU, so this comes first in a process.

    Raises: `ValueError` if there are fewer devices.
    """
    if number == 1:
        return tf.distribute.get_strategy()
    gpus = tf.config.list_physical_devices("GPU")
    kind = "GPU" if gpus else "CPU"
    if not gpus:
        _divide_cpu(number)
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    if len(names) < number:
        raise ValueError(
            f"Expected {number} devices. Received: {len(names)} of kind {kind}. Give --devices "
            f"{len(names)}, or start a new process."
        )
    return tf.distribute.MirroredStrategy(names[:number])


def _divide_cpu(number):
    (cpu,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration()] * number
    with contextlib.suppress(RuntimeError):  # In use already; the caller counts the parts.
        tf.config.set_logical_device_configuration(cpu, parts)


@contextlib.contextmanager
def as_one_batch(model, strategy):
    """While it trains, the batch normalisation of `model` sees the batch of all devices."""
    of_batch = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for layer in of_batch:
        layer.synchronized = strategy.num_replicas_in_sync > 1
    try:
        yield
    finally:
        for layer in of_batch:
            layer.synchronized = False  # Saved so, it would load on TensorFlow alone.


class Predictor:
    """What `evaluate` asks of a model, on one device of a strategy.

    `predict_on_batch` of the model itself would predict the batch once on each.
    """

    def __init__(self, model):
        self.predict = tf.function(lambda x: model(x, training=False), reduce_retracing=True)

    def predict_on_batch(self, x):
        return tf.nest.map_structure(lambda y: y.numpy(), self.predict(x))
