import types

import numpy as np
import pytest

from dawn_tf import losses
from dawn_tf.training import RECIPES, TrainConfig, make_loss
from dawn_tf.training.fit import build_model, losses_of
from dawn_tf.training.recipes import uses_auxiliary

COUNTS = np.array([900, 90, 10])
PRIOR = COUNTS / COUNTS.sum()


def test_dawn_on_image_classes_is_adjusted_and_has_both_auxiliaries():
    loss, weights = make_loss("dawn", "classification", 3, COUNTS, PRIOR)
    assert weights == {"output": 1.0, "global": 0.5, "detail": 0.5}
    assert isinstance(loss["output"], losses.DAWNLoss)
    np.testing.assert_allclose(loss["output"].prior, PRIOR)
    assert loss["global"].prior is None
    np.testing.assert_allclose(loss["detail"].prior, PRIOR)
    assert uses_auxiliary("dawn", 3) and not uses_auxiliary("dawn", 1)


def test_dawn_adjusts_by_what_is_sampled_not_by_what_is_there():
    sampled = np.full(3, 1 / 3)
    loss, _ = make_loss("dawn", "classification", 3, COUNTS, sampled)
    np.testing.assert_allclose(loss["output"].prior, sampled)
    np.testing.assert_allclose(loss["detail"].prior, sampled)


def test_tau_reaches_every_adjusted_loss():
    for recipe, rank in (("dawn", 3), ("dawn", 1), ("balanced_softmax", 3)):
        loss, _ = make_loss(recipe, "classification", rank, COUNTS, PRIOR, tau=0.5)
        loss = loss["output"] if isinstance(loss, dict) else loss
        assert loss.tau == 0.5
        np.testing.assert_allclose(loss.prior, PRIOR)


def test_dawn_on_masks_leaves_the_fused_output_unadjusted_unless_asked():
    loss, _ = make_loss("dawn", "segmentation", 3, COUNTS, PRIOR)
    assert loss["output"].prior is None
    loss, _ = make_loss("dawn", "segmentation", 3, COUNTS, PRIOR, tau=0.5)
    np.testing.assert_allclose(loss["output"].prior, PRIOR)
    assert loss["output"].tau == 0.5


def test_dawn_on_rows_is_cross_entropy_and_a_little_dice():
    loss, weights = make_loss("dawn", "classification", 1, COUNTS, PRIOR)
    assert weights is None
    y, z = np.array([0, 0, 2]), np.random.default_rng(0).normal(size=(3, 3)).astype("float32")
    expected = losses.LogitAdjusted()(y, z) + 0.01 * losses.SoftDice()(y, z)
    np.testing.assert_allclose(loss(y, z), expected, rtol=1e-5)


def test_paper_is_the_raw_hybrid_on_balanced_batches_with_attention():
    loss, weights = make_loss("paper", "classification", 3, COUNTS, PRIOR)
    assert weights is None and loss.prior is None
    assert RECIPES["paper"].sampling == "balanced" and RECIPES["paper"].cross_attention
    assert loss.class_weights == pytest.approx(losses.effective_number_weights(COUNTS, 0.9999))


def test_cross_entropy_and_balanced_softmax_differ_by_the_log_prior():
    y, z = np.array([0, 1, 2]), np.random.default_rng(0).normal(size=(3, 3)).astype("float32")
    plain, _ = make_loss("cross_entropy", "classification", 3, COUNTS, PRIOR)
    balanced, _ = make_loss("balanced_softmax", "classification", 3, COUNTS, PRIOR)
    np.testing.assert_allclose(balanced(y, z), plain(y, z + np.log(PRIOR)), rtol=1e-5)


def test_defaults_fill_only_what_was_not_given():
    config = TrainConfig(dataset="ham10000", batch_size=7, recipe="paper").resolved()
    assert (config.batch_size, config.image_size, config.sampling) == (7, 96, "balanced")
    assert config.cross_attention and config.task == "classification"
    assert config.resolved() == config


def test_a_data_sets_second_task_has_defaults_of_its_own():
    masks = TrainConfig(dataset="isic2017").resolved()
    labels = TrainConfig(dataset="isic2017", task="classification").resolved()
    assert (masks.task, masks.encoder, masks.monitor) == ("segmentation", "unet", "miou")
    assert (labels.encoder, labels.width, labels.monitor) == ("resnet32", None, "macro_f1")


@pytest.mark.parametrize(
    "values, message",
    [
        ({"epochs": 0}, "Expected epochs >= 1"),
        ({"model": "unet"}, "That one is for the dual decoder"),
    ],
)
def test_configs_that_no_run_can_have_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**values).check()


def test_masks_take_the_lovasz_loss_without_a_sort():
    for options in ({}, {"loss": "hybrid"}):
        loss, _ = make_loss("dawn", "segmentation", 3, COUNTS, PRIOR, **options)
        assert loss["output"].lovasz_method == "binned"
        loss, _ = make_loss("dawn", "classification", 3, COUNTS, PRIOR, **options)
        assert loss["output"].lovasz_method == "exact"
    loss, _ = make_loss("cross_entropy", "segmentation", 3, COUNTS, PRIOR, loss="lovasz")
    assert loss.method == "binned"


@pytest.mark.parametrize(
    "term, weights",
    [
        (None, (0.48, 0.32, 0.20)),
        ("region", (0.0, 0.32 / 0.52, 0.20 / 0.52)),
        ("lovasz", (0.48 / 0.68, 0.0, 0.20 / 0.68)),
        ("edge", (0.6, 0.4, 0.0)),
        ("dice", (0.48, 0.32, 0.20)),
    ],
)
def test_without_a_term_the_others_share_its_weight(term, weights):
    loss, _ = make_loss("paper", "segmentation", 3, COUNTS, PRIOR, without=term)
    np.testing.assert_allclose((loss.w_region, loss.w_lovasz, loss.w_edge), weights, rtol=1e-12)
    assert loss.dice_weight == (term != "dice")


def test_without_the_auxiliaries_the_output_alone_is_trained():
    loss, weights = make_loss("dawn", "classification", 3, COUNTS, PRIOR, auxiliary=False)
    assert weights is None and isinstance(loss, losses.DAWNLoss)


@pytest.mark.parametrize(
    "values, kind",
    [
        ({"model": "resnet32", "loss": "focal"}, losses.Focal),
        ({"model": "ride", "recipe": "cross_entropy"}, dict),
        ({"model": "ride", "loss": "ldam"}, dict),
    ],
)
def test_a_rival_has_one_loss(values, kind):
    """The decoders' losses are DAWN's alone, even where its recipe is left as it is."""
    data = types.SimpleNamespace(
        task="classification", input_shape=(8, 8, 1), class_counts=COUNTS, ignore_class=None
    )
    loss, weights = losses_of(TrainConfig(**values), data, PRIOR)
    assert type(loss) is kind and weights is None
    if kind is dict:
        assert type(loss["experts"].base) is (
            losses.LDAM if "loss" in values else losses.LogitAdjusted
        )
        np.testing.assert_array_equal(loss["experts"].class_counts, COUNTS)


@pytest.mark.parametrize(
    "decoders, without, outputs",
    [("both", None, 4), ("both", "auxiliary", 1), ("global", None, 1), ("detail", None, 1)],
)
def test_ablations_reach_the_network(decoders, without, outputs):
    config = TrainConfig(decoders=decoders, without=without, width=4).resolved()
    data = types.SimpleNamespace(num_classes=3, input_shape=(8, 8, 1), task="classification")
    model = build_model(config, data)
    assert len(model.outputs) == outputs
    layers = {layer.name for layer in model.layers}
    assert ("global_decoder" in layers) == (decoders != "detail")
    assert ("detail_decoder" in layers) == (decoders != "global")


@pytest.mark.parametrize(
    "values",
    [
        {"model": "classifier", "recipe": "cross_entropy", "without": "edge"},
        {"loss": "focal", "without": "edge"},
        {"model": "unet", "recipe": "cross_entropy", "decoders": "global"},
    ],
)
def test_ablations_of_what_is_not_there_are_refused(values):
    with pytest.raises(ValueError, match="ablation"):
        TrainConfig(**values).check()


def test_label_smoothing_reaches_every_output():
    for options in ({}, {"loss": "focal"}):
        loss, _ = make_loss(
            "dawn", "classification", 3, COUNTS, PRIOR, label_smoothing=0.1, **options
        )
        assert {one.label_smoothing for one in loss.values()} == {0.1}
