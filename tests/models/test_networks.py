"""Sizes against the figures their papers give, and what all networks share."""

import keras
import numpy as np
import pytest

import dawn_tf
from dawn_tf import models


@pytest.mark.parametrize(
    "name, shape, classes, millions",
    [
        # He et al. 2016, table 6: 0.46 M. Ronneberger et al. 2015: 31.0 M.
        # ResNet-50: 23.56 M for its convolutional part (keras.applications' own figure).
        ("resnet32", (32, 32, 3), 10, 0.464),
        ("unet", (224, 224, 3), 2, 31.0),
        ("resnet50", (224, 224, 3), 10, 23.59 + 0.02),
    ],
)
def test_parameter_counts_are_the_published_ones(name, shape, classes, millions):
    task = "segmentation" if name == "unet" else "classification"
    model = models.build(name, classes, shape, task=task)
    assert model.count_params() == pytest.approx(millions * 1e6, rel=0.02)


def test_dawn_costs_at_most_a_tenth_more_parameters_than_unet_on_its_encoder():
    unet = models.build("unet", 2, (224, 224, 3), task="segmentation")
    dawn = models.build("dawn", 2, (224, 224, 3), task="segmentation", encoder="unet")
    assert dawn.count_params() <= 1.10 * unet.count_params()


@pytest.mark.parametrize(
    "name, shape, task",
    [
        ("classifier", (12, 12, 3), "classification"),
        ("mlp", (5,), "classification"),
        ("resnet32", (12, 12, 3), "classification"),
        ("unet", (21, 14, 3), "segmentation"),
    ],
)
def test_rivals_save_and_reload(name, shape, task, tmp_path):
    model = models.build(name, 3, shape, task=task, width=4)
    x = np.random.default_rng(0).uniform(0, 255, (2, *shape)).astype("float32")
    model.adapt(x)
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(revived(x), model(x), atol=1e-5)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(clone(x), model(x), atol=1e-5)


def test_every_name_builds():
    for name in models.names():
        shape = (6,) if name == "mlp" else (32, 32, 3)
        task = "segmentation" if name == "unet" else "classification"
        assert models.build(name, 2, shape, task=task).output_shape[-1] == 2


@pytest.mark.parametrize(
    "name, task, message",
    [
        ("resnet_32", "classification", "Expected one of"),
        ("unet", "classification", "Expected task='segmentation' for 'unet'"),
        ("resnet32", "segmentation", "Expected task='classification' for 'resnet32'"),
    ],
)
def test_unfit_names_are_refused(name, task, message):
    with pytest.raises(ValueError, match=message):
        models.build(name, 2, (32, 32, 3), task=task)


def test_averaged_networks_give_the_mean_of_probabilities(tmp_path):
    members = [dawn_tf.DAWN(3, (5,), task="classification", aux_outputs=i > 0) for i in range(2)]
    model = models.AveragedNetworks(members)
    x = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    logits = [np.asarray(members[0](x)), np.asarray(members[1](x)["output"])]
    p = [np.exp(z) / np.exp(z).sum(-1, keepdims=True) for z in logits]
    np.testing.assert_allclose(model(x), (p[0] + p[1]) / 2, atol=1e-5)
    model.save(tmp_path / "mean.keras")
    np.testing.assert_allclose(
        keras.models.load_model(tmp_path / "mean.keras")(x), model(x), atol=1e-6
    )
