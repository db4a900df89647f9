import keras
import numpy as np
import pytest

import dawn_tf
from dawn_tf import models
from dawn_tf.layers import PiecewiseLinearEmbedding

# One small network per task, with every output.
TASKS = {
    "segmentation": {"input_shape": (20, 17, 3), "task": "segmentation", "width": 4},
    "image": {"input_shape": (12, 12, 1), "task": "classification", "width": 4},
    "rows": {"input_shape": (6,), "task": "classification", "width": 16},
}


def build(task, **kwargs):
    return dawn_tf.DAWN(3, **{**TASKS[task], **kwargs})


def inputs(model, batch=2):
    shape = (batch, *model.input_shape[1:])
    return np.random.default_rng(0).uniform(0, 255, shape).astype("float32")


def assert_equal_outputs(a, b, atol=1e-5):
    for x, y in zip(keras.tree.flatten(a), keras.tree.flatten(b), strict=True):
        np.testing.assert_allclose(x, y, atol=atol)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("attention", [True, False])
def test_outputs_have_the_shape_of_the_labels(task, attention):
    model = build(task, cross_attention=attention, aux_outputs=True)
    out = model(inputs(model))
    expected = (2, 20, 17, 3) if task == "segmentation" else (2, 3)
    assert set(out) == {"output", "global", "detail", "gate"}
    for name in ("output", "global", "detail"):
        assert out[name].shape == expected
    assert np.all((np.asarray(out["gate"]) > 0) & (np.asarray(out["gate"]) < 1))


@pytest.mark.parametrize("task", TASKS)
def test_saves_reloads_and_clones(task, tmp_path):
    model = build(task, aux_outputs=True, l2=1e-3)
    model.adapt(inputs(model, 50))
    x = inputs(model)
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(revived, dawn_tf.DAWN)
    assert revived.get_config() == model.get_config()
    assert_equal_outputs(revived(x), model(x))
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert_equal_outputs(clone(x), model(x))


@pytest.mark.parametrize("task", TASKS)
def test_mixed_bfloat16_stays_close_and_survives_a_reload(task, tmp_path):
    plain = build(task)
    plain.adapt(inputs(plain, 50))
    mixed = build(task, dtype="mixed_bfloat16")
    mixed.set_weights(plain.get_weights())
    x = inputs(plain)
    out = mixed(x)
    assert keras.backend.standardize_dtype(out.dtype) == "float32"
    # bfloat16 keeps 8 bits: about 0.4 % a rounding, over some 20 layers.
    scale = np.abs(plain(x)).max()
    np.testing.assert_allclose(out, plain(x), atol=0.05 * scale)
    assert np.abs(np.asarray(out) - np.asarray(plain(x))).max() > 0
    assert keras.config.dtype_policy().name == "float32"
    mixed.save(tmp_path / "mixed.keras")
    assert keras.models.load_model(tmp_path / "mixed.keras").policy == "mixed_bfloat16"


@pytest.mark.parametrize("task", TASKS)
def test_l2_is_the_papers_norm_over_all_kernels(task):
    model = build(task, l2=0.5)
    kernels = [w for w in model.trainable_weights if len(w.shape) > 1]
    expected = 0.5 * sum(np.square(np.asarray(w)).sum() for w in kernels)
    np.testing.assert_allclose(sum(np.asarray(loss) for loss in model.losses), expected, rtol=1e-4)


def test_one_label_trains_all_outputs():
    model = build("image", aux_outputs=True)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", {name: cross_entropy for name in ("output", "global", "detail")})
    x, y = inputs(model, 8), np.arange(8) % 3
    history = model.fit(x, y, epochs=2, verbose=0).history
    assert {"loss", "output_loss", "global_loss", "detail_loss"} <= set(history)
    total = history["output_loss"][0] + history["global_loss"][0] + history["detail_loss"][0]
    np.testing.assert_allclose(history["loss"][0], total, rtol=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_a_few_steps_lower_the_loss(task):
    model = build(task)
    x = inputs(model, 16)
    y = np.random.default_rng(1).integers(0, 3, model.output_shape[1:-1])
    y = np.broadcast_to(y, (16, *y.shape)) if task == "segmentation" else np.arange(16) % 3
    model.adapt(x)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss)
    losses = model.fit(x, y, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


def test_ablations_leave_out_what_they_name():
    names = {
        key: {layer.name for layer in build("segmentation", **kwargs).layers}
        for key, kwargs in {
            "full": {},
            "global": {"global_only": True},
            "detail": {"detail_only": True},
            "sum": {"fusion": "sum", "cross_attention": False},
        }.items()
    }
    parts = {"global_decoder", "detail_decoder", "cross_attention", "gate"}
    assert names["full"] >= parts
    assert names["global"] & parts == {"global_decoder"}
    assert names["detail"] & parts == {"detail_decoder"}
    assert names["sum"] & parts == {"global_decoder", "detail_decoder"}


def test_sum_fusion_is_the_mean_of_both_decoders():
    model = build("rows", fusion="sum", aux_outputs=True)
    out = model(inputs(model))
    np.testing.assert_allclose(out["output"], (out["global"] + out["detail"]) / 2, atol=1e-4)


def test_softmax_is_given_on_request():
    model = build("segmentation", activation="softmax")
    np.testing.assert_allclose(np.sum(model(inputs(model)), -1), 1.0, atol=1e-5)


def test_adapt_takes_mean_variance_and_quantiles_of_raw_rows():
    rng = np.random.default_rng(0)
    rows = rng.normal([5, -3e6, 0, 1, 2, 3], [2, 1e3, 1, 1, 1, 1], (5000, 6))
    model = build("rows")
    model.adapt((batch, 0) for batch in np.array_split(rows, 7))
    standardize = model.get_layer("standardize")
    np.testing.assert_allclose(standardize.mean, rows.mean(0), rtol=1e-5)
    np.testing.assert_allclose(standardize.variance, rows.var(0), rtol=1e-4)
    (embedding,) = [
        layer for layer in model._flatten_layers() if isinstance(layer, PiecewiseLinearEmbedding)
    ]
    quantiles = np.quantile((rows - rows.mean(0)) / rows.std(0), np.linspace(0, 1, 17), axis=0)
    np.testing.assert_allclose(embedding.edges, quantiles.T, atol=1e-4)


def test_sizes_that_do_not_divide_are_handled():
    for size in (1, 5, 31, 33):
        model = dawn_tf.DAWN(2, (size, size + 2, 3), width=4, encoder="unet")
        assert model.output_shape == (None, size, size + 2, 2)
        assert models.UNet(2, (size, size + 2, 3), width=4).output_shape[1:3] == (size, size + 2)


def test_a_keras_hub_backbone_is_taken_as_it_is(tmp_path):
    keras_hub = pytest.importorskip("keras_hub", reason="extra `hub` is not installed")
    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256],
        stackwise_num_blocks=[1, 1, 1],
        stackwise_num_strides=[1, 2, 2],
        block_type="basic_block",
    )
    model = dawn_tf.DAWN(4, (40, 56, 3), encoder=backbone)
    x = inputs(model)
    assert model(x).shape == (2, 40, 56, 4)
    model.save(tmp_path / "hub.keras")
    assert_equal_outputs(keras.models.load_model(tmp_path / "hub.keras")(x), model(x))


@pytest.mark.parametrize("name, parameters", [("mit_b0", 3_319_392), ("mit_b1", 13_151_424)])
def test_transformer_encoders_have_the_published_size(name, parameters, tmp_path):
    pytest.importorskip("keras_hub", reason="extra `hub` is not installed")
    assert models.encoders.build(name, (64, 64, 3)).count_params() == parameters
    if name == "mit_b0":
        model = dawn_tf.DAWN(4, (64, 64, 3), encoder=name)
        x = inputs(model)
        assert model(x).shape == (2, 64, 64, 4)
        model.save(tmp_path / "mit.keras")
        assert_equal_outputs(keras.models.load_model(tmp_path / "mit.keras")(x), model(x), 1e-4)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"num_classes": 1}, "Expected num_classes >= 2"),
        ({"task": "detection"}, 'Expected task "segmentation" or "classification"'),
        ({"input_shape": (6,)}, 'Rows have task="classification"'),
        ({"input_shape": (None, None, 3)}, "Resize the images to one size"),
        ({"fusion": "product"}, "Expected fusion to be one of"),
        ({"activation": "sigmoid"}, 'Expected activation None or "softmax"'),
        ({"global_only": True, "detail_only": True}, "at most one of"),
        ({"global_only": True, "aux_outputs": True}, "at most one of"),
        ({"encoder": "vgg"}, "Every keras-hub backbone"),
        ({"encoder": "tabular"}, "an image encoder for images"),
        ({"encoder": "mit_b0"}, r"Resize the images to \(32, 32\)"),
        ({"encoder": "resnet50", "input_shape": (32, 32, 3), "width": 8}, "which has one size"),
        ({"encoder": "resnet50"}, "Enlarge them, or use resnet32"),
    ],
)
def test_bad_arguments_are_refused_with_the_remedy(kwargs, message):
    with pytest.raises(ValueError, match=message):
        dawn_tf.DAWN(**{"num_classes": 3, "input_shape": (20, 17, 3), **kwargs})


def test_an_encoder_without_a_pyramid_is_refused():
    x = keras.Input((8, 8, 3))
    plain = keras.Model(x, keras.layers.Conv2D(2, 3)(x))
    with pytest.raises(ValueError, match="pyramid_outputs"):
        dawn_tf.DAWN(3, (8, 8, 3), encoder=plain)


@pytest.mark.parametrize(
    "shape, encoder",
    [((32, 32, 3), "ResNet32Encoder"), ((64, 64, 3), "UNetEncoder"), ((9,), "TabularEncoder")],
)
def test_the_default_encoder_fits_the_input(shape, encoder):
    assert type(models.encoders.build(None, shape)).__name__ == encoder
