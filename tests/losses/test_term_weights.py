import keras
import numpy as np
import pytest
from scipy.optimize import brentq

from dawn_tf import losses
from dawn_tf.losses import DAWNLoss, LearnedTermWeights

NAMES = ["w_region", "w_lovasz", "w_edge"]
INITIAL = np.array([0.48, 0.32, 0.20])


def network(trainable=True):
    """Logits that start as the inputs themselves."""
    x = keras.Input((5, 6, 4))
    layer = keras.layers.Dense(4, use_bias=False, kernel_initializer="identity")
    layer.trainable = trainable
    return keras.Model(x, layer(x))


def term_values(labels, logits):
    region = losses.Focal()(labels, logits) + losses.SoftDice()(labels, logits)
    lovasz, edge = losses.LovaszSoftmax()(labels, logits), losses.SobelEdge()(labels, logits)
    return np.array([float(region), float(lovasz), float(edge)])


def weights_of(model):
    return np.array([model.term_weights[name] for name in NAMES])


def test_starts_as_the_loss_itself(random_case):
    labels, logits = random_case((3, 5, 6))
    model = LearnedTermWeights(network(), DAWNLoss())
    model.compile("sgd")
    np.testing.assert_allclose(weights_of(model), INITIAL, rtol=1e-6)
    np.testing.assert_allclose(
        model.evaluate(logits, labels, verbose=0), DAWNLoss()(labels, logits), rtol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.3, 3.0])
def test_weights_find_the_optimum_and_sum_to_1(strength, random_case):
    labels, logits = random_case((3, 5, 6))
    model = LearnedTermWeights(network(trainable=False), DAWNLoss(), strength=strength)
    model.compile(keras.optimizers.Adam(0.05))
    steps = 300
    x, y = np.tile(logits, (steps, 1, 1, 1)), np.tile(labels, (steps, 1, 1))
    model.fit(x, y, batch_size=3, shuffle=False, verbose=0)
    got, terms = weights_of(model), term_values(labels, logits)

    def excess(m):
        return (strength * INITIAL / (terms + m)).sum() - 1

    m = brentq(excess, -terms.min() + 1e-9, 100)
    np.testing.assert_allclose(got, strength * INITIAL / (terms + m), atol=1e-4)
    np.testing.assert_allclose(got.sum(), 1, rtol=1e-6)
    divergence = (INITIAL * np.log(INITIAL / got)).sum()
    np.testing.assert_allclose(
        model.evaluate(logits, labels, verbose=0),
        (got * terms).sum() + strength * divergence,
        rtol=1e-5,
    )


@pytest.mark.slow
def test_network_and_weights_train_together(random_case):
    labels, noise = random_case((8, 5, 6), scale=0.3)
    logits = np.float32(noise + np.eye(4)[labels])
    inner = network()
    model = LearnedTermWeights(inner, DAWNLoss())
    model.compile(keras.optimizers.Adam(0.2))
    history = model.fit(logits, labels, epochs=10, batch_size=8, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    assert (np.diag(inner.get_weights()[0]) > 1.5).all()
    assert np.abs(weights_of(model) - INITIAL).max() > 0.01
    np.testing.assert_array_equal(
        model.predict(logits, verbose=0), inner.predict(logits, verbose=0)
    )


def test_terms_of_weight_0_stay_out_and_sample_weights_count(random_case):
    labels, logits = random_case((3, 5, 6))
    loss = DAWNLoss(w_region=0.6, w_lovasz=0.4, w_edge=0)
    model = LearnedTermWeights(network(), loss)
    model.compile("sgd")
    assert model.term_logits.shape == (2,)
    assert model.term_weights["w_edge"] == 0
    weights = np.float32([0, 1, 3])
    np.testing.assert_allclose(
        model.evaluate(logits, labels, sample_weight=weights, verbose=0),
        loss(labels, logits, sample_weight=weights),
        rtol=1e-5,
    )


def test_one_output_of_several(random_case):
    labels, logits = random_case((3, 5, 6))
    x = keras.Input((5, 6, 4))
    outputs = {"output": keras.layers.Activation("linear")(x), "global": 0.5 * x, "gate": x}
    model = LearnedTermWeights(keras.Model(x, outputs), DAWNLoss(), output="output")
    extra = losses.Focal(gamma=0)
    model.compile("sgd", loss={"global": extra}, loss_weights={"global": 0.5})
    want = float(DAWNLoss()(labels, logits)) + 0.5 * float(extra(labels, 0.5 * logits))
    # One label serves every output, as in the networks here.
    for y in ({"output": labels, "global": labels}, labels):
        got = model.evaluate(logits, y, verbose=0)
        np.testing.assert_allclose(got if np.isscalar(got) else got[0], want, rtol=1e-5)


@pytest.mark.slow
def test_is_saved_and_loaded_with_its_weights(tmp_path, random_case):
    labels, logits = random_case((3, 5, 6))
    model = LearnedTermWeights(network(), DAWNLoss(edge_norm="l2"), strength=2.0)
    model.compile(keras.optimizers.Adam(0.1))
    model.fit(logits, labels, epochs=5, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.strength == 2.0
    assert loaded.hybrid_loss.get_config() == model.hybrid_loss.get_config()
    np.testing.assert_allclose(weights_of(loaded), weights_of(model), rtol=1e-6)
    np.testing.assert_allclose(
        loaded.evaluate(logits, labels, verbose=0),
        model.evaluate(logits, labels, verbose=0),
        rtol=1e-6,
    )


@pytest.mark.parametrize("strength", [0, -1, float("nan"), float("inf")])
def test_impossible_strength_is_refused(strength):
    with pytest.raises(ValueError, match="plain DAWNLoss for weights that stay"):
        LearnedTermWeights(network(), DAWNLoss(), strength=strength)
