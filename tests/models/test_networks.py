"""Sizes against the figures their papers give, and what all networks share."""

import functools

import keras
import numpy as np
import pytest

import dawn_tf
from dawn_tf import models

# Millions of parameters as published, or of the reference implementation named.
PUBLISHED = [
    # He et al. 2016, table 6.
    ("resnet32", (32, 32, 3), 10, 0.464),
    # keras.applications' own figure for the convolutional part, and the head.
    ("resnet50", (224, 224, 3), 10, 23.59 + 0.02),
    # Ronneberger et al. 2015.
    ("unet", (224, 224, 3), 2, 31.0),
    # Zhou et al. 2018, table 2, without deep supervision.
    ("unet_plus_plus", (96, 96, 3), 2, 9.04),
    # LeeJunHyun/Image_Segmentation, AttU_Net: 34,878,573.
    ("attention_unet", (96, 96, 3), 1 + 1, 34.88),
    # keras-hub, DeepLabV3+ on ResNet-50 with pyramid pooling on P4: 31,590,272.
    ("deeplab_v3_plus", (64, 64, 3), 7, 31.6),
    # Sun et al. 2019, table 2.
    pytest.param("hrnet_w48", (64, 64, 3), 19, 65.8, marks=pytest.mark.slow),
    # keras-hub, SegFormer-B3 with 7 classes: 47,229,383.
    pytest.param("segformer_b3", (64, 64, 3), 7, 47.2, marks=pytest.mark.slow),
    # Chen et al. 2021 (TransUNet), R50-ViT-B/16 at 224x224; the reference code's 105.28 M.
    pytest.param("transunet", (224, 224, 3), 9, 105.28, marks=pytest.mark.slow),
    # Cao et al. 2021 (Swin-Unet), the reference code's 27.17 M.
    pytest.param("swin_unet", (224, 224, 3), 9, 27.17, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("name, shape, classes, millions", PUBLISHED)
def test_parameter_counts_are_the_published_ones(name, shape, classes, millions):
    task = "classification" if name.startswith("resnet") else "segmentation"
    model = models.build(name, classes, shape, task=task)
    assert model.count_params() == pytest.approx(millions * 1e6, rel=0.02)


def test_dawn_costs_at_most_a_tenth_more_parameters_than_unet_on_its_encoder():
    unet = models.build("unet", 2, (224, 224, 3), task="segmentation")
    dawn = models.build("dawn", 2, (224, 224, 3), task="segmentation", encoder="unet")
    assert dawn.count_params() <= 1.10 * unet.count_params()


# Each network as small as it goes, on sides that nothing divides where it takes those.
TINY = {
    "attention_unet": ((21, 14, 3), {"width": 4}),
    "classifier": ((12, 12, 3), {"width": 4}),
    "deeplab_v3_plus": ((32, 48, 3), {"encoder": "unet", "width": 4}),
    "hrnet_w48": ((37, 30, 3), {"width": 2}),
    "mlp": ((5,), {"width": 4}),
    "resnet32": ((12, 12, 3), {"width": 4}),
    "resnet50": ((32, 33, 3), {}),
    "ride": ((12, 12, 3), {"encoder": "unet", "width": 2, "experts": 2}),
    "segformer_b3": ((64, 64, 3), {"encoder": "mit_b0"}),
    "swin_unet": ((45, 30, 3), {"width": 24, "window": 3}),
    "transunet": ((37, 30, 3), {"width": 4, "depth": 1}),
    "unet": ((21, 14, 3), {"width": 4}),
    "unet_plus_plus": ((21, 14, 3), {"width": 4}),
}
LARGE = ("hrnet_w48", "resnet50", "segformer_b3")
NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in sorted(TINY)
]


def test_every_rival_is_tested():
    assert set(TINY) == set(models.names()) - {"dawn"}


@pytest.mark.parametrize("name", NAMES)
def test_rivals_save_and_reload(name, tmp_path):
    shape, kwargs = TINY[name]
    task = "classification" if name in ("mlp", "ride") else "segmentation"
    model = models.build(name, 3, shape, task=task, **kwargs)
    assert model.output_shape == (None, *(shape[:2] if task == "segmentation" else ()), 3)
    x = np.random.default_rng(0).uniform(0, 255, (2, *shape)).astype("float32")
    model.adapt(x)
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(revived(x), model(x), atol=1e-5)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(clone(x), model(x), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_rivals_classify_too(name):
    shape, kwargs = TINY[name]
    model = models.build(name, 4, shape, task="classification", **kwargs)
    assert model.output_shape == (None, 4)


def test_a_plain_head_gives_masks_of_its_coarsest_level():
    model = models.build("resnet32", 3, (16, 24, 3), task="segmentation", width=4)
    x = np.random.default_rng(0).uniform(0, 255, (1, 16, 24, 3)).astype("float32")
    model.adapt(x)
    z = np.asarray(model(x))
    assert z.shape == (1, 16, 24, 3)
    # 1/4 of the size, interpolated: the mean over space is kept where borders are replicated.
    coarse = keras.Model(model.input, model.get_layer("logits").output)(x)
    assert coarse.shape == (1, 4, 6, 3)
    mean = np.asarray(coarse).mean((1, 2))
    np.testing.assert_allclose(z.mean((1, 2)), mean, rtol=1e-5, atol=1e-5)


def test_a_preset_of_keras_hub_is_an_encoder(tmp_path):
    import keras_hub

    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 8],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
    )
    backbone.save_to_preset(tmp_path / "preset")
    model = models.build("unet", 3, (32, 32, 3), "segmentation", encoder=f"hub:{tmp_path}/preset")
    ours = [w for w in model.get_weights() if w.shape == (7, 7, 3, 64)]
    kernel = [w for w in backbone.get_weights() if w.shape == (7, 7, 3, 64)]
    np.testing.assert_array_equal(ours, kernel)
    with pytest.raises(ValueError, match="Expected a keras-hub preset that can be loaded"):
        models.build("unet", 3, (32, 32, 3), "segmentation", encoder=f"hub:{tmp_path}/nothing")


@pytest.mark.parametrize(
    "name, task, message",
    [
        ("resnet_32", "classification", "Expected one of"),
        ("unet", "detection", 'Expected task "segmentation" or "classification"'),
        ("deeplab_v3_plus", "segmentation", "Expected sides that 16 divides"),
    ],
)
def test_unfit_names_are_refused(name, task, message):
    with pytest.raises(ValueError, match=message):
        models.build(name, 2, (33, 33, 3), task=task)


def test_arguments_a_network_has_no_use_for_are_refused():
    with pytest.raises(ValueError, match="Expected arguments that 'hrnet_w48' takes"):
        models.build("hrnet_w48", 2, (32, 32, 3), encoder="unet")
    with pytest.raises(ValueError, match="Expected images for 'unet'"):
        models.build("unet", 2, (5,), task="segmentation")


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


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(TINY) - {"mlp", "ride"}))
def test_steps_on_a_real_batch_lower_the_loss(name, data_dir):
    data = camvid(data_dir)
    shape, kwargs = TINY[name]
    shape = (64, 64, 3)
    keras.utils.set_random_seed(0)
    model = models.build(name, data.num_classes, shape, task="segmentation", **kwargs)
    x, y = (np.asarray(part[:4]) for part in (data.parts["train"].x, data.parts["train"].y))
    model.adapt(x)
    loss = dawn_tf.losses.LogitAdjusted(ignore_class=data.ignore_class)
    model.compile(keras.optimizers.AdamW(1e-3), loss)
    # The first look has the weights before the step that it returns the loss of.
    before, *_, after = (float(model.train_on_batch(x.astype("float32"), y)) for _ in range(6))
    assert after < before


@functools.cache
def camvid(data_dir):
    return dawn_tf.data.load("camvid", data_dir, image_size=(64, 64))
