"""What is true of every loss, on either backend."""

import keras
import numpy as np
import pytest
from keras import ops

from dawn_tf import losses

WEIGHTS = [0.5, 1.0, 2.0, 0.1]
PRIOR = [0.7, 0.2, 0.06, 0.04]
CASES = {
    "focal": lambda **k: losses.Focal(gamma=0.5, alpha=WEIGHTS, **k),
    "soft_dice": lambda **k: losses.SoftDice(class_weights=WEIGHTS, **k),
    "soft_dice_batch": lambda **k: losses.SoftDice(per_image=False, **k),
    "lovasz": lambda **k: losses.LovaszSoftmax(class_weights=WEIGHTS, **k),
    "lovasz_all": lambda **k: losses.LovaszSoftmax(classes="all", **k),
    "lovasz_batch": lambda **k: losses.LovaszSoftmax(per_image=False, **k),
    "lovasz_binned": lambda **k: losses.LovaszSoftmax(method="binned", bins=64, **k),
    "edge_l1": lambda **k: losses.SobelEdge(class_weights=WEIGHTS, **k),
    "edge_l2": lambda **k: losses.SobelEdge(norm="l2", **k),
    "logit_adjusted": lambda **k: losses.LogitAdjusted(prior=PRIOR, **k),
    "dawn": lambda **k: losses.DAWNLoss(prior=PRIOR, class_weights=WEIGHTS, **k),
    "dawn_batch": lambda **k: losses.DAWNLoss(
        per_image=False, lovasz_method="binned", edge_norm="l2", **k
    ),
    "tversky": lambda **k: losses.Tversky(class_weights=WEIGHTS, **k),
    "tversky_focal_batch": lambda **k: losses.Tversky(gamma=4 / 3, per_image=False, **k),
    "ldam": lambda **k: losses.LDAM([90, 30, 9, 1], scale=3, class_weights=WEIGHTS, **k),
    "label_aware": lambda **k: losses.LabelAwareSmoothing([90, 30, 9, 1], **k),
}


def each_loss(without=()):
    names = [name for name in CASES if not name.startswith(without)]
    return pytest.mark.parametrize("make", [CASES[name] for name in names], ids=names)


every_loss = each_loss()
per_image_losses = each_loss(
    ("soft_dice_batch", "lovasz_batch", "dawn_batch", "tversky_focal_batch")
)
sharp_losses = each_loss(("label_aware",))
flat_losses = each_loss(("edge",))
SHAPE = (3, 6, 7)


def values(loss, labels, logits):
    return np.asarray(loss.call(labels, logits))


@pytest.fixture
def value_and_logit_gradient(value_and_gradient):
    """`f(loss, labels, logits)`: per-example values' sum and its gradient, as float32."""

    def compute(loss, labels, logits):
        value, gradient = value_and_gradient(lambda z: ops.sum(loss.call(labels, z)), logits)
        return value.astype("float32"), gradient.astype("float32")

    return compute


@every_loss
def test_gives_one_float32_value_per_example_and_keras_reduces_them(make, random_case):
    labels, logits = random_case(SHAPE)
    each = make(reduction="none")(labels, logits)
    assert each.shape == (3,)
    assert keras.backend.standardize_dtype(each.dtype) == "float32"
    assert np.ptp(np.asarray(each)) > 0
    mean = np.mean(np.asarray(each))
    np.testing.assert_allclose(make()(labels, logits), mean, rtol=1e-6)
    np.testing.assert_allclose(make(reduction="sum")(labels, logits), 3 * mean, rtol=1e-6)


@every_loss
def test_sample_weights_weigh_examples(make, random_case):
    labels, logits = random_case(SHAPE)
    each, weights = values(make(), labels, logits), np.float32([0, 1, 3])
    want = (each * weights).sum() / 3
    for w in (weights, weights[:, None]):
        np.testing.assert_allclose(make()(labels, logits, sample_weight=w), want, rtol=1e-6)


@every_loss
def test_sample_weights_per_pixel_are_refused(make, random_case):
    labels, logits = random_case((3, 3, 3))
    with pytest.raises(ValueError, match="give them the label `ignore_class`"):
        make()(labels, logits, sample_weight=np.ones((3, 3, 3)))


@every_loss
def test_is_the_same_when_compiled(make, random_case, compiled):
    labels, logits = random_case(SHAPE, void=0.2)
    loss = make(ignore_class=255)
    got = compiled(lambda y, z: loss.call(y, z))(labels, logits)
    np.testing.assert_allclose(got, values(loss, labels, logits), rtol=1e-5)


@pytest.mark.parametrize("name", ["dawn", "dawn_batch", "lovasz_batch"])
def test_gradient_in_a_graph_is_that_of_eager_mode(name, random_case, value_and_gradient):
    labels, logits = random_case(SHAPE, void=0.2)
    loss, upstream = CASES[name](ignore_class=255), np.float32([1, 0, 3])
    want = value_and_gradient(lambda z: ops.sum(loss.call(labels, z) * upstream), logits)[1]

    def total(labels, logits):
        return ops.sum(loss.call(labels, logits) * upstream)

    if keras.backend.backend() == "jax":
        import jax

        got = jax.jit(jax.grad(total, argnums=1))(labels, logits)
    else:
        import tensorflow as tf

        batch_unknown = [
            tf.TensorSpec((None, *labels.shape[1:]), tf.int64),
            tf.TensorSpec((None, *logits.shape[1:])),
        ]

        @tf.function(input_signature=batch_unknown)
        def differentiate(labels, logits):
            with tf.GradientTape() as tape:
                tape.watch(logits)
                value = total(labels, logits)
            return tape.gradient(value, logits)

        got = differentiate(labels, logits)
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-7)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="JAX knows every size when it compiles"
)
@pytest.mark.parametrize("name", ["dawn", "lovasz", "lovasz_batch", "lovasz_binned"])
def test_sizes_unknown_before_the_graph_runs(name, random_case, value_and_logit_gradient):
    import tensorflow as tf

    labels, logits = random_case(SHAPE, void=0.2)
    loss = CASES[name](ignore_class=255)
    want = value_and_logit_gradient(loss, labels, logits)
    unknown = [tf.TensorSpec((None, None, None), tf.int64), tf.TensorSpec((None, None, None, 4))]

    @tf.function(input_signature=unknown)
    def differentiate(labels, logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = tf.reduce_sum(loss.call(labels, logits))
        return value, tape.gradient(value, logits)

    got = differentiate(labels, logits)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-5)
    np.testing.assert_allclose(got[1], want[1], rtol=1e-3, atol=1e-7)


def soft(labels):
    """The labels as distributions, all 0 at void pixels."""
    return np.float32(np.arange(4) == labels[..., None])


@every_loss
def test_one_hot_labels_are_integer_labels(make, random_case, value_and_logit_gradient):
    labels, logits = random_case(SHAPE, void=0.2)
    labels[1] = 255
    want = value_and_logit_gradient(make(ignore_class=255), labels, logits)
    for dtype in ("float32", "int64"):
        got = value_and_logit_gradient(make(), soft(labels).astype(dtype), logits)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-5)
        np.testing.assert_allclose(got[1], want[1], rtol=1e-3, atol=1e-7)


@every_loss
def test_a_share_of_the_void_class_makes_a_pixel_void(make, random_case):
    labels, logits = random_case(SHAPE)
    mixed = soft(labels)
    mixed[0, 2, 3] = [0.5, 0.0, 0.5, 0.0]
    labels[0, 2, 3] = 2
    got = values(make(ignore_class=2), mixed, logits)
    np.testing.assert_allclose(got, values(make(ignore_class=2), labels, logits), rtol=1e-5)


@every_loss
def test_label_smoothing_gives_every_class_a_share(make, random_case, value_and_logit_gradient):
    labels, logits = random_case(SHAPE, void=0.2)
    labels[:, 0, :4] = np.arange(4)  # Every class is present in every image.
    void = (labels == 255)[..., None]
    smoothed = np.where(void, 0, np.float32(0.8 * soft(labels) + 0.2 / 4)).astype("float32")
    want = value_and_logit_gradient(make(), smoothed, logits)
    for y in (labels, soft(labels)):
        got = value_and_logit_gradient(make(ignore_class=255, label_smoothing=0.2), y, logits)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-5)
        np.testing.assert_allclose(got[1], want[1], rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("cls", [losses.SoftDice, losses.LovaszSoftmax])
def test_smoothing_makes_no_class_present(cls, random_case):
    labels, logits = random_case(SHAPE)
    labels[labels == 3] = 0
    without = cls(class_weights=[1, 1, 1, 0], label_smoothing=0.1)
    got = values(cls(label_smoothing=0.1), labels, logits)
    np.testing.assert_allclose(got, values(without, labels, logits), rtol=1e-6)


@every_loss
@pytest.mark.parametrize(
    "row",
    [[0.5, 0.2, 0.2, 0.0], [1.2, -0.2, 0, 0], [np.nan, 1, 0, 0], [np.inf, 0, 0, 0], [1, -1, 0, 0]],
    ids=["sum", "negative", "nan", "inf", "sum 0"],
)
def test_impossible_distributions_make_their_example_nan(make, row, random_case):
    labels, logits = random_case(SHAPE)
    y = soft(labels)
    y[1, 3, 3] = row
    np.testing.assert_array_equal(np.isnan(values(make(), y, logits)), [False, True, False])


@pytest.mark.parametrize(
    "make",
    [
        lambda: losses.SoftDice(),
        lambda: losses.LovaszSoftmax(classes="all"),
        lambda: losses.LovaszSoftmax(method="binned"),
        lambda: losses.SobelEdge(),
    ],
    ids=["soft_dice", "lovasz", "lovasz_binned", "edge"],
)
def test_predicting_the_soft_labels_scores_0(make, random_case, softmax):
    _, logits = random_case(SHAPE)
    assert (values(make(), np.float32(softmax(logits)), logits) < 1e-6).all()
    assert (values(make(), np.float32(softmax(-logits)), logits) > 0.01).all()


@every_loss
def test_distributions_in_half_precision_are_possible(make, random_case, softmax):
    labels, logits = random_case(SHAPE)
    y = ops.cast(np.float32(softmax(-logits)), "bfloat16")
    assert np.isfinite(values(make(), y, logits)).all()


@pytest.mark.parametrize("label_smoothing", [-0.1, 1.0, float("nan")])
def test_impossible_label_smoothing_is_refused(label_smoothing):
    with pytest.raises(ValueError, match="Use 0 for the labels as they are"):
        losses.Focal(label_smoothing=label_smoothing)


@every_loss
def test_is_that_of_float32_whatever_the_dtype(make, random_case):
    labels, logits = random_case(SHAPE)
    half = ops.cast(logits, "bfloat16")
    want = make()(labels, ops.cast(half, "float32"))
    for dtype in (None, "float16", "bfloat16", keras.DTypePolicy("mixed_float16")):
        np.testing.assert_array_equal(make(dtype=dtype)(labels, half), want)


@per_image_losses
def test_examples_do_not_depend_on_each_other(make, random_case):
    labels, logits = random_case(SHAPE)
    want = [values(make(), labels[i : i + 1], logits[i : i + 1])[0] for i in range(3)]
    np.testing.assert_allclose(values(make(), labels, logits), want, rtol=1e-5)


@every_loss
def test_batch_order_and_flips_do_not_matter(make, random_case):
    labels, logits = random_case(SHAPE, void=0.1)
    loss = make(ignore_class=255)
    want = values(loss, labels, logits)
    np.testing.assert_allclose(values(loss, labels[::-1], logits[::-1]), want[::-1], rtol=1e-5)
    for axis in (1, 2):
        got = values(loss, np.flip(labels, axis), np.flip(logits, axis))
        np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize("cls", [losses.Focal, losses.SoftDice, losses.LovaszSoftmax])
@pytest.mark.parametrize("shape", [(5,), SHAPE], ids=["rows", "masks"])
def test_class_names_do_not_matter(cls, shape, random_case):
    labels, logits = random_case(shape)
    order = np.array([2, 0, 3, 1])
    got = values(cls(), np.argsort(order)[labels], logits[..., order])
    np.testing.assert_allclose(got, values(cls(), labels, logits), rtol=1e-5)


def test_class_names_do_not_matter_with_weights(random_case):
    labels, logits = random_case(SHAPE)
    order = np.array([2, 0, 3, 1])
    names = {"class_weights": WEIGHTS, "prior": PRIOR, "focal_alpha": WEIGHTS}
    renamed = {k: np.array(v)[order] for k, v in names.items()}
    got = values(losses.DAWNLoss(**renamed), np.argsort(order)[labels], logits[..., order])
    np.testing.assert_allclose(got, values(losses.DAWNLoss(**names), labels, logits), rtol=1e-5)


@every_loss
def test_trailing_channel_axis_of_masks_and_keras_floats_are_accepted(make, random_case):
    labels, logits = random_case(SHAPE)
    want = values(make(), labels, logits)
    np.testing.assert_array_equal(values(make(), labels[..., None], logits), want)
    for dtype in ("uint8", "int64", "float32"):
        np.testing.assert_array_equal(values(make(), labels.astype(dtype), logits), want)


@flat_losses
def test_column_labels_of_rows_are_accepted(make, random_case):
    labels, logits = random_case((5,))
    want = values(make(), labels, logits)
    np.testing.assert_array_equal(values(make(), labels[:, None], logits), want)
    assert want.shape == (5,)


@every_loss
@pytest.mark.parametrize("ignore_class", [255, -1, 2])
def test_void_pixels_do_not_matter_whatever_is_said_there(
    make, ignore_class, random_case, value_and_logit_gradient
):
    labels, logits = random_case(SHAPE)
    labels[0, 1:3, 2:5] = ignore_class
    void = labels == ignore_class
    loss = make(ignore_class=ignore_class)
    want, want_gradient = value_and_logit_gradient(loss, labels, logits)
    for said in (7.0, np.inf, np.nan):
        value, gradient = value_and_logit_gradient(
            loss, labels, np.where(void[..., None], np.float32(said), logits)
        )
        np.testing.assert_array_equal(value, want)
        np.testing.assert_array_equal(gradient, want_gradient)
        assert not gradient[void].any()


@every_loss
def test_all_void_images_score_0_with_zero_gradient(make, random_case, value_and_logit_gradient):
    labels, logits = random_case(SHAPE)
    labels[1] = 255
    loss = make(ignore_class=255)
    assert values(loss, labels, logits)[1] == 0
    assert not value_and_logit_gradient(loss, labels, logits)[1][1].any()
    value, gradient = value_and_logit_gradient(loss, np.full(SHAPE, 255), logits)
    assert value == 0
    assert not gradient.any()


@flat_losses
def test_void_rows_score_0(make, random_case):
    labels, logits = random_case((5,))
    labels[2] = 255
    each = values(make(ignore_class=255), labels, logits)
    assert each[2] == 0
    assert (each[[0, 1, 3, 4]] > 0).all()


@every_loss
@pytest.mark.parametrize("label", [4, -1, 255, 1.5, np.nan])
def test_impossible_labels_make_their_example_nan_and_leave_the_others(
    make, label, random_case, value_and_logit_gradient
):
    labels, logits = random_case(SHAPE)
    labels = labels.astype("float32")
    labels[1, 0, 0] = 9
    void_there = value_and_logit_gradient(make(ignore_class=9), labels, logits)[1]
    labels[1, 0, 0] = label
    np.testing.assert_array_equal(np.isnan(values(make(), labels, logits)), [False, True, False])
    gradient = value_and_logit_gradient(make(), labels, logits)[1]
    np.testing.assert_array_equal(gradient, void_there)


@every_loss
def test_nan_logits_are_not_hidden(make, random_case, compiled):
    labels, logits = random_case(SHAPE)
    logits[1, 3, 3, 0] = np.nan
    loss = make()
    assert np.isnan(values(loss, labels, logits)[1])
    assert np.isnan(compiled(lambda y, z: loss.call(y, z))(labels, logits)[1])


SATURATED = {
    "1e4": lambda y, r: 1e4 * r,
    "1e38": lambda y, r: 3e38 * r,
    "inf": lambda y, r: np.inf * r,
    "minus inf classes": lambda y, r: np.where(np.arange(4) < 2, np.float32(-np.inf), r),
    "constant": lambda y, r: 0 * r,
    "right": lambda y, r: 1e4 * np.eye(4)[y],
    "wrong": lambda y, r: -1e4 * np.eye(4)[y],
}
LABELS = {
    "any": lambda y: y,
    "one class": lambda y: 0 * y + 3,
    "one pixel of another class": lambda y: (np.arange(y.size) == 4).reshape(y.shape) * 2,
}


@every_loss
@pytest.mark.parametrize("saturate", SATURATED.values(), ids=SATURATED.keys())
@pytest.mark.parametrize("relabel", LABELS.values(), ids=LABELS.keys())
def test_extreme_logits_are_finite(make, saturate, relabel, random_case, value_and_logit_gradient):
    labels, logits = random_case((2, 4, 5))
    labels = relabel(labels)
    logits = saturate(labels, np.sign(logits)).astype("float32")
    value, gradient = value_and_logit_gradient(make(), labels, logits)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@every_loss
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 3), (2, 3, 1)])
@pytest.mark.parametrize("scale", [0, 1, 1e4, 3e38])
def test_small_images_are_finite(make, shape, scale, random_case, value_and_logit_gradient):
    labels, logits = random_case(shape)
    value, gradient = value_and_logit_gradient(make(), labels, scale * np.sign(logits))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@flat_losses
@pytest.mark.parametrize("scale", [0, 1, 1e4, 3e38])
def test_one_row_is_finite(make, scale, random_case, value_and_logit_gradient):
    labels, logits = random_case((1,))
    value, gradient = value_and_logit_gradient(make(), labels, scale * np.sign(logits))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@sharp_losses
def test_perfect_prediction_scores_0_with_zero_gradient(make, value_and_logit_gradient):
    labels = np.arange(2 * 6 * 6).reshape(2, 6, 6) // 7 % 4
    value, gradient = value_and_logit_gradient(make(), labels, np.float32(200 * np.eye(4)[labels]))
    np.testing.assert_allclose(value, 0, atol=1e-6)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("per_image, method", [(True, "exact"), (False, "binned")])
def test_large_masks_in_half_precision(
    dtype, per_image, method, random_case, value_and_logit_gradient
):
    labels, logits = random_case((2, 512, 512), num_classes=2, scale=30.0)
    labels[0] = 0
    half = ops.cast(logits, dtype)
    loss = losses.DAWNLoss(per_image=per_image, lovasz_method=method)
    value, gradient = value_and_logit_gradient(loss, labels, half)
    want, _ = value_and_logit_gradient(loss, labels, ops.cast(half, "float32"))
    np.testing.assert_array_equal(value, want)
    assert np.isfinite(gradient).all()


@every_loss
def test_round_trips_through_serialization(make, random_case):
    loss = make(
        ignore_class=255, label_smoothing=0.1, name="mine", reduction="sum", dtype="float16"
    )
    revived = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(revived) is type(loss)
    assert revived.get_config() == loss.get_config()
    assert revived.get_config()["ignore_class"] == 255
    assert revived.get_config()["label_smoothing"] == 0.1
    labels, logits = random_case(SHAPE, void=0.1)
    np.testing.assert_array_equal(revived(labels, logits), loss(labels, logits))


@pytest.mark.parametrize(
    "name",
    ["Focal", "SoftDice", "LovaszSoftmax", "SobelEdge", "LogitAdjusted", "DAWNLoss", "Tversky"]
    + ["LDAM", "LabelAwareSmoothing"],
)
def test_every_argument_is_in_the_config(name):
    import inspect

    cls = getattr(losses, name)
    arguments = set(inspect.signature(cls).parameters) - {"kwargs"}
    required = {"class_counts": [2, 1]} if "class_counts" in arguments else {}
    assert set(cls(**required).get_config()) == arguments | {"name", "reduction"}


@every_loss
@pytest.mark.parametrize(
    "labels, logits",
    [
        ((2, 4, 4, 3), (2, 4, 4, 4)),
        ((2, 4), (2, 4, 4, 4)),
        ((2, 4, 3), (2, 4, 4, 4)),
        ((3, 4, 4), (2, 4, 4, 4)),
        ((), (4,)),
    ],
    ids=["classes", "rank", "size", "batch", "scalar"],
)
def test_labels_that_do_not_fit_are_refused(make, labels, logits):
    with pytest.raises(ValueError, match="or a distribution over the classes"):
        make()(np.zeros(labels), np.zeros(logits, "float32"))


@pytest.mark.parametrize(
    "cls", [losses.Focal, losses.SoftDice, losses.LovaszSoftmax, losses.SobelEdge, losses.DAWNLoss]
)
def test_a_single_sigmoid_output_is_refused(cls):
    with pytest.raises(ValueError, match=r"pass `ops\.stack\(\[0 \* z, z\], -1\)`"):
        cls()(np.zeros((2, 4, 4)), np.zeros((2, 4, 4, 1), "float32"))


VECTORS = [
    (losses.Focal, "alpha"),
    (losses.SoftDice, "class_weights"),
    (losses.LovaszSoftmax, "class_weights"),
    (losses.SobelEdge, "class_weights"),
    (losses.LogitAdjusted, "prior"),
    (losses.LogitAdjusted, "class_weights"),
    (losses.Tversky, "class_weights"),
    (losses.DAWNLoss, "focal_alpha"),
    (losses.DAWNLoss, "class_weights"),
    (losses.DAWNLoss, "prior"),
]


@pytest.mark.parametrize("cls, name", VECTORS)
def test_vectors_are_plain_lists_and_checked(cls, name, random_case):
    given = np.array([1, 2, 3], "float32")
    config = cls(**{name: given}).get_config()
    assert config[name] == [1.0, 2.0, 3.0]
    assert all(type(x) is float for x in config[name])
    with pytest.raises(ValueError, match="one finite number >= 0 per class"):
        cls(**{name: [1.0, -1.0]})
    with pytest.raises(ValueError, match="one finite number >= 0 per class"):
        cls(**{name: [1.0, float("nan")]})
    labels, logits = random_case((2, 4, 4))
    with pytest.raises(ValueError, match="Give a value for every class"):
        cls(**{name: given})(labels, logits)


def test_in_a_compiled_model_that_is_saved_and_loaded(tmp_path, random_case):
    labels, _ = random_case((8, 6, 6))
    images = keras.ops.one_hot(labels, 4)
    model = keras.Sequential([keras.Input((6, 6, 4)), keras.layers.Conv2D(4, 3, padding="same")])
    loss = losses.DAWNLoss.from_class_counts([10, 5, 2, 1])
    model.compile(keras.optimizers.Adam(0.03), loss=loss, jit_compile=True)
    history = model.fit(images, labels, batch_size=4, epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.loss.get_config() == loss.get_config()
    np.testing.assert_allclose(
        loaded.evaluate(images, labels, verbose=0),
        model.evaluate(images, labels, verbose=0),
        rtol=1e-5,
    )
