import keras
import numpy as np
import pytest

import dawn_tf
from dawn_tf import losses
from dawn_tf.training import TrainConfig, make_loss
from dawn_tf.training.learned_terms import learn_terms, plain_network

COUNTS = np.array([90, 9, 1])
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 0])
IMAGES = np.random.default_rng(0).uniform(0, 255, (8, 8, 8, 1)).astype("float32")


@pytest.fixture(scope="module")
def network():
    model = dawn_tf.DAWN(3, (8, 8, 1), "classification", encoder="unet", width=2, aux_outputs=True)
    model.adapt(IMAGES)
    return model


def test_starts_as_the_recipes_loss_of_all_outputs(network):
    loss, weights = make_loss("dawn", "classification", 3, COUNTS, COUNTS / 100)
    outputs = network(IMAGES)
    want = sum(w * float(loss[name](LABELS, outputs[name])) for name, w in weights.items())
    model, others, weights = learn_terms(network, loss, weights, "classification")
    model.compile("sgd", others, weights)
    got = model.evaluate(IMAGES, LABELS, verbose=0, return_dict=True)["loss"]
    assert got == pytest.approx(want, rel=1e-4)
    # Labels without space have no edges: the paper's 0.48 and 0.32 become 0.6 and 0.4.
    learned = model.term_weights
    np.testing.assert_allclose(list(learned.values()), [0.6, 0.4, 0], rtol=1e-6)
    assert plain_network(model) is network and plain_network(network) is network


def test_of_masks_all_three_terms_are_learned():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    loss, _ = make_loss("paper", "segmentation", 3, COUNTS, COUNTS / 100)
    model, others, weights = learn_terms(model, loss, None, "segmentation")
    assert others is None and weights is None
    learned = model.term_weights
    np.testing.assert_allclose(list(learned.values()), [0.48, 0.32, 0.2], rtol=1e-6)


def test_a_loss_of_one_term_has_no_weights_to_learn(network):
    for loss in (losses.Focal(), losses.DAWNLoss(w_region=1.0, w_lovasz=0.0, w_edge=0.0)):
        with pytest.raises(ValueError, match="leave --learned_term_weights out"):
            learn_terms(network, loss, None, "classification")


@pytest.mark.parametrize(
    "values",
    [{"loss": "focal"}, {"model": "unet", "recipe": "cross_entropy"}, {"schedule": "deferred"}],
)
def test_a_config_without_the_hybrid_loss_is_refused(values):
    with pytest.raises(ValueError, match="Use --loss hybrid"):
        TrainConfig(learned_term_weights=True, **values).check()
    TrainConfig(learned_term_weights=True, model="unet", loss="hybrid").check()
