"""Two-stage (decoupled) training: features first, then the last layer for balanced classes.

After [Kang et al., 2020](https://arxiv.org/abs/1910.09217), section 4. All three act on the
dense layer "logits" of a classifier and leave its features as they are.
"""

import keras
import numpy as np

from dawn_tf.calibration.decision import macro_f1
from dawn_tf.losses import LogitAdjusted

METHODS = ("none", "crt", "lws", "tau_norm")
_TAUS = tuple(i / 10 for i in range(0, 21))


def logits_layer(model):
    """The last layer of a classifier; `ValueError` for a model without one."""
    names = [layer.name for layer in model.layers]
    if "logits" not in names or not isinstance(model.get_layer("logits"), keras.layers.Dense):
        raise ValueError(
            "Expected a classifier with a last dense layer for two-stage training. Received: "
            f"{type(model).__name__}. Use --model classifier, resnet32, resnet50 or mlp."
        )
    return model.get_layer("logits")


def retrain_classifier(model, batches, steps, epochs, learning_rate=0.1, seed=0):
    """cRT: the last layer drawn anew and trained alone, on class-balanced batches.

    SGD with momentum 0.9 and a cosine to 0, as in the paper. Changes `model` in place.

    Args:
        model: A classifier; all layers but "logits" are held, batch statistics too.
        batches: Endless class-balanced `(x, y)` batches.
        steps, epochs: Length of the second stage.
        learning_rate: Peak of the schedule.
        seed: Of the new weights.
    """
    layer = logits_layer(model)
    fresh = keras.initializers.GlorotUniform(seed=seed)
    layer.kernel.assign(fresh(layer.kernel.shape))
    layer.bias.assign(np.zeros(layer.bias.shape))
    _fit_alone(model, model, {layer.name}, batches, steps, epochs, learning_rate)


def learn_weight_scaling(model, batches, steps, epochs, learning_rate=0.1):
    """LWS: a factor for each class's logits learned on class-balanced batches.

    `z_c = f_c * w_c^T x`; the bias is dropped, as in the paper. Changes `model` in place: the
    factors end up in the kernel. Arguments as in `retrain_classifier`.
    """
    layer = logits_layer(model)
    layer.bias.assign(np.zeros(layer.bias.shape))
    scale = _Scale(name="scale")
    scaled = keras.Model(model.input, scale(model.output))
    _fit_alone(model, scaled, {scale.name}, batches, steps, epochs, learning_rate)
    layer.kernel.assign(layer.kernel * scale.factors)


def normalise_weights(model, x, y, taus=_TAUS):
    """tau-normalisation: `w_c / ||w_c||^tau`, tau of highest macro-F1 on validation.

    The bias is dropped, as in the paper's code. Changes `model` in place and returns tau.

    Args:
        model: A classifier.
        x, y: Validation inputs and labels.
        taus: The values tried; of equally good ones the first is taken.
    """
    layer = logits_layer(model)
    features = keras.Model(model.input, layer.input).predict(x, verbose=0)
    kernel = np.asarray(layer.kernel, "float64")
    norms = np.linalg.norm(kernel, axis=0)
    scores = [macro_f1(y, (features @ (kernel / norms**tau)).argmax(1), len(norms)) for tau in taus]
    tau = taus[int(np.argmax(scores))]
    layer.kernel.assign(kernel / norms**tau)
    layer.bias.assign(np.zeros(layer.bias.shape))
    return tau


@keras.saving.register_keras_serializable("dawn_tf")
class _Scale(keras.layers.Layer):
    """One factor per class, from 1."""

    def build(self, input_shape):
        self.factors = self.add_weight(shape=(input_shape[-1],), initializer="ones")

    def call(self, z):
        return z * self.factors


def _fit_alone(model, trained, names, batches, steps, epochs, learning_rate):
    """Fits the layers `names` of `trained`, every other layer held."""
    before = [(layer, layer.trainable) for layer in trained.layers]
    for layer, _ in before:
        layer.trainable = layer.name in names
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps * epochs)
    trained.compile(keras.optimizers.SGD(rate, momentum=0.9), LogitAdjusted())
    trained.fit(batches, steps_per_epoch=steps, epochs=epochs, verbose=0, shuffle=False)
    for layer, trainable in before:
        layer.trainable = trainable
