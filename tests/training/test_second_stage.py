import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import f1_score

from dawn_tf import models
from dawn_tf.training.second_stage import (
    learn_weight_scaling,
    normalise_weights,
    retrain_classifier,
)


@pytest.fixture
def trained():
    """A classifier of rows that leans to class 0, and data."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [200, 30, 10])
    x = (rng.normal(size=(240, 4)) + 1.5 * np.eye(3, 4)[y]).astype("float32")
    model = models.build("mlp", 3, (4,), width=8)
    model.adapt(x)
    layer = model.get_layer("logits")
    layer.kernel.assign(layer.kernel * np.array([3.0, 1.0, 0.5]))
    layer.bias.assign([2.0, 0.0, -1.0])
    return model, x, y


def balanced(x, y, size=48):
    rng = np.random.default_rng(1)
    members = [rng.choice(np.flatnonzero(y == c), size // 3) for c in range(3)]
    chosen = np.concatenate(members)
    return tf.data.Dataset.from_tensors((x[chosen], y[chosen])).repeat()


def parts(model):
    layer = model.get_layer("logits")
    last = {id(weight) for weight in layer.weights}
    return [np.asarray(w) for w in model.weights if id(w) not in last], layer


def balanced_loss(model, x, y):
    log_p = np.log(np.asarray(keras.ops.softmax(model(x))) + 1e-9)
    return np.mean([-log_p[y == c, c].mean() for c in range(3)])


def test_only_the_last_layer_is_trained_anew(trained):
    model, x, y = trained
    before, layer = parts(model)
    kernel, loss = np.asarray(layer.kernel), balanced_loss(model, x, y)
    retrain_classifier(model, balanced(x, y), steps=20, epochs=3)
    after, layer = parts(model)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    assert not np.allclose(kernel, layer.kernel)
    assert balanced_loss(model, x, y) < loss
    assert all(one.trainable for one in model.layers)


def test_scaling_multiplies_the_kernel_class_by_class(trained):
    model, x, y = trained
    before, layer = parts(model)
    kernel, loss = np.asarray(layer.kernel), balanced_loss(model, x, y)
    learn_weight_scaling(model, balanced(x, y), steps=20, epochs=3)
    after, layer = parts(model)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    factors = np.asarray(layer.kernel) / kernel
    np.testing.assert_allclose(factors, np.broadcast_to(factors[:1], factors.shape), rtol=1e-5)
    assert not np.allclose(factors, 1.0)
    np.testing.assert_array_equal(layer.bias, 0.0)
    assert balanced_loss(model, x, y) < loss


def test_normalised_weights_by_hand(trained):
    model, x, y = trained
    _, layer = parts(model)
    kernel = np.asarray(layer.kernel, "float64")
    features = np.asarray(keras.Model(model.input, layer.input)(x), "float64")
    norms = np.sqrt((kernel**2).sum(0))
    taus = [0.0, 0.5, 1.0, 1.5]
    scores = [
        f1_score(y, (features @ (kernel / norms**tau)).argmax(1), average="macro") for tau in taus
    ]
    tau = normalise_weights(model, x, y, taus)
    assert tau == taus[int(np.argmax(scores))]
    np.testing.assert_allclose(layer.kernel, kernel / norms**tau, rtol=1e-5)
    np.testing.assert_array_equal(layer.bias, 0.0)


def test_a_network_without_a_last_layer_is_refused():
    model = models.build("dawn", 3, (4,), width=8)
    with pytest.raises(ValueError, match="Expected a classifier with a last dense layer"):
        normalise_weights(model, np.zeros((1, 4)), np.zeros(1, int))
