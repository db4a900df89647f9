"""Whatever the shape, labels and logits: finite, not negative, the same in any order."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import ops

from dawn_tf import losses

# Batch and axes in space. A list, and not any sizes, for JAX compiles each shape anew.
SHAPES = [(1,), (5,), (2, 1), (1, 7), (1, 1, 1), (3, 1, 2), (1, 5, 1), (2, 4, 3), (2, 2, 1, 3)]
VOID = 255


def checked(max_examples):
    if keras.backend.backend() == "jax":  # It compiles every operation for every shape.
        max_examples //= 20
    return settings(
        max_examples=max_examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


def make_loss(name, gamma, num_classes, rng, **options):
    """The loss of that name with weights, counts and prior for `num_classes`."""
    weights = rng.uniform(0, 2, num_classes)
    weights[rng.integers(num_classes)] = 0.0
    weights[rng.integers(num_classes)] = 1.0
    counts = rng.integers(1, 1000, num_classes)
    build = {
        "focal": lambda: losses.Focal(gamma, **options),
        "focal_alpha": lambda: losses.Focal(gamma, weights, **options),
        "dice": lambda: losses.SoftDice(weights, **options),
        "dice_batch": lambda: losses.SoftDice(per_image=False, **options),
        "tversky": lambda: losses.Tversky(0.3, 0.7, 1 + gamma / 5, weights, **options),
        "tversky_batch": lambda: losses.Tversky(0, 1, 1 + gamma, per_image=False, **options),
        "lovasz": lambda: losses.LovaszSoftmax("present", weights, **options),
        "lovasz_all": lambda: losses.LovaszSoftmax("all", **options),
        "lovasz_batch": lambda: losses.LovaszSoftmax(per_image=False, **options),
        "lovasz_binned": lambda: losses.LovaszSoftmax("all", method="binned", bins=7, **options),
        "edge_l1": lambda: losses.SobelEdge("l1", weights, **options),
        "edge_l2": lambda: losses.SobelEdge("l2", **options),
        "logit_adjusted": lambda: losses.LogitAdjusted(counts, tau=gamma, **options),
        "ldam": lambda: losses.LDAM(counts, class_weights=weights, **options),
        "label_aware": lambda: losses.LabelAwareSmoothing(counts, 0.4, 0.1, **options),
        "dawn": lambda: losses.DAWNLoss.from_class_counts(counts, focal_gamma=gamma, **options),
        "dawn_binned": lambda: losses.DAWNLoss(
            focal_gamma=gamma, per_image=False, lovasz_method="binned", edge_norm="l2", **options
        ),
    }
    return build[name]()


NAMES = [
    *["focal", "focal_alpha", "dice", "dice_batch", "tversky", "tversky_batch"],
    *["lovasz", "lovasz_all", "lovasz_batch", "lovasz_binned", "edge_l1", "edge_l2"],
    *["logit_adjusted", "ldam", "label_aware", "dawn", "dawn_binned"],
]
OVERLAP = [name for name in NAMES if name.startswith(("dice", "tversky", "lovasz"))]
# Their only vectors are weights, which are renamed with the classes.
UNNAMED = [*OVERLAP, "focal", "focal_alpha", "edge_l1", "edge_l2"]


@st.composite
def situations(draw, names):
    """A loss's name, a shape it takes, a number of classes, a gamma and a random generator."""
    name = draw(st.sampled_from(names))
    only_masks = name.startswith("edge")
    # The hybrid loss has edges, so takes rows and masks only.
    shape = draw(
        st.sampled_from(
            [
                s
                for s in SHAPES
                if len(s) == 3 or not (only_masks or (name.startswith("dawn") and len(s) > 1))
            ]
        )
    )
    num_classes = draw(st.sampled_from([2, 3, 5]))
    gamma = draw(st.sampled_from([0.0, 0.3, 1.0, 2.0, 10.0]) | st.floats(0, 10, width=32))
    return name, shape, num_classes, gamma, np.random.default_rng(draw(st.integers(0, 2**16)))


def draw_labels(kind, shape, num_classes, rng):
    labels = rng.integers(0, num_classes, shape)
    if kind == "one class":
        labels[:] = labels.flat[0]
    elif kind == "one pixel":
        labels[:] = 0
        labels.flat[rng.integers(labels.size)] = 1
    elif kind == "some void":
        labels[rng.random(shape) < 0.4] = VOID
    elif kind == "all void":
        labels[:] = VOID
    elif kind.startswith("soft"):
        soft = rng.random((*shape, num_classes)) ** 4
        soft[..., rng.integers(num_classes)] += 1e-3
        soft = soft / soft.sum(-1, keepdims=True)
        if kind == "soft with void":
            soft[rng.random(shape) < 0.4] = 0
        return soft.astype("float32")
    return labels


def draw_logits(kind, shape, num_classes, rng):
    z = rng.normal(size=(*shape, num_classes))
    with np.errstate(all="ignore"):
        if kind == "infinite somewhere":
            z = np.where(rng.random(z.shape) < 0.3, np.copysign(np.inf, z), z)
        elif kind == "of all sizes":
            z = np.sign(z) * 10.0 ** rng.uniform(-40, 38.5, z.shape)
        elif kind == "constant":
            z = np.broadcast_to(z.reshape(-1, num_classes)[0], z.shape)
        elif kind == "equal":
            z = 0 * z
        else:
            z = float(kind) * z
        return z.astype("float32")


def as_dtype(logits, dtype):
    """Rounded by the backend; numpy would warn of numbers that become infinite."""
    return ops.cast(ops.convert_to_tensor(logits), dtype)


HARD = ["any", "one class", "one pixel", "some void", "all void"]
LOGITS = [
    "1",
    "30",
    "1e4",
    "3e38",
    "inf",
    "infinite somewhere",
    "of all sizes",
    "constant",
    "equal",
]


@checked(200)
@given(
    situations(NAMES),
    st.sampled_from([*HARD, "soft", "soft with void"]),
    st.sampled_from(LOGITS),
    st.sampled_from(["float32", "float16", "bfloat16"]),
    st.sampled_from([0.0, 0.1]),
)
def test_value_and_gradient_are_finite_and_the_value_is_not_negative(
    value_and_gradient, situation, label_kind, logit_kind, dtype, label_smoothing
):
    name, shape, num_classes, gamma, rng = situation
    loss = make_loss(
        name, gamma, num_classes, rng, ignore_class=VOID, label_smoothing=label_smoothing
    )
    labels = draw_labels(label_kind, shape, num_classes, rng)
    logits = as_dtype(draw_logits(logit_kind, shape, num_classes, rng), dtype)
    each = np.asarray(loss.call(labels, logits))
    assert each.shape == shape[:1]
    assert np.isfinite(each).all()
    assert (each >= -1e-6).all()
    if label_kind == "all void":
        assert not each.any()
    _, gradient = value_and_gradient(lambda z: ops.sum(loss.call(labels, z)), logits)
    assert np.isfinite(gradient.astype("float32")).all()


@checked(100)
@given(
    situations([name for name in NAMES if name != "label_aware"]),
    st.sampled_from(HARD),
    st.sampled_from([200.0, 1e4, np.inf]),
    st.sampled_from(["float32", "float16"]),
)
def test_perfect_prediction_scores_0(value_and_gradient, situation, label_kind, size, dtype):
    name, shape, num_classes, gamma, rng = situation
    loss = make_loss(name, gamma, num_classes, rng, ignore_class=VOID)
    labels = draw_labels(label_kind, shape, num_classes, rng)
    right = labels[..., None] == np.arange(num_classes)
    logits = as_dtype(np.where(right, size, -size).astype("float32"), dtype)
    value, gradient = value_and_gradient(lambda z: ops.sum(loss.call(labels, z)), logits)
    np.testing.assert_allclose(value, 0, atol=1e-6)
    np.testing.assert_allclose(gradient.astype("float32"), 0, atol=1e-6)


@checked(40)
@given(situations([name for name in OVERLAP if not name.startswith("tversky")]))
def test_overlap_with_the_soft_labels_themselves_scores_0(situation):
    name, shape, num_classes, gamma, rng = situation
    labels = draw_labels("soft", shape, num_classes, rng)
    each = make_loss(name, gamma, num_classes, rng).call(labels, np.log(labels + 1e-30))
    np.testing.assert_allclose(each, 0, atol=2e-6)


@checked(80)
@given(situations(NAMES), st.sampled_from(["any", "some void", "soft with void"]))
def test_order_of_examples_and_flips_do_not_matter(situation, label_kind):
    name, shape, num_classes, gamma, rng = situation
    loss = make_loss(name, gamma, num_classes, rng, ignore_class=VOID)
    labels = draw_labels(label_kind, shape, num_classes, rng)
    logits = draw_logits("1", shape, num_classes, rng)
    want = np.asarray(loss.call(labels, logits))
    order = rng.permutation(shape[0])
    got = loss.call(labels[order], logits[order])
    np.testing.assert_allclose(got, want[order], rtol=1e-5, atol=1e-6)
    axes = tuple(axis for axis in range(1, len(shape)) if rng.random() < 0.7)
    got = loss.call(np.flip(labels, axes), np.flip(logits, axes))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@checked(80)
@given(situations(UNNAMED), st.sampled_from(["any", "some void", "soft with void"]))
def test_names_of_classes_do_not_matter(situation, label_kind):
    name, shape, num_classes, gamma, rng = situation
    loss = make_loss(name, gamma, num_classes, rng, ignore_class=VOID)
    labels = draw_labels(label_kind, shape, num_classes, rng)
    logits = draw_logits("1", shape, num_classes, rng)
    want = loss.call(labels, logits)
    order = rng.permutation(num_classes)
    if label_kind.startswith("soft"):
        labels = labels[..., order]
    else:
        renamed = np.argsort(order)[np.minimum(labels, num_classes - 1)]
        labels = np.where(labels == VOID, VOID, renamed)
    config = loss.get_config()
    for key in ("alpha", "class_weights"):
        if isinstance(config.get(key), list):
            config[key] = np.array(config[key])[order]
    got = type(loss).from_config(config).call(labels, logits[..., order])
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@checked(80)
@given(
    st.sampled_from([s for s in SHAPES if len(s) > 1]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(LOGITS),
    st.sampled_from(["float32", "float16", "bfloat16"]),
    st.sampled_from(["any", "one class", "some void", "all void"]),
    st.integers(0, 2**16),
)
def test_the_hinge_is_finite_too(
    value_and_gradient, shape, multi_label, per_image, logit_kind, dtype, label_kind, seed
):
    rng = np.random.default_rng(seed)
    loss = losses.LovaszHinge(multi_label, per_image=per_image, ignore_class=VOID)
    labels = draw_labels(label_kind, shape, 2, rng)
    logits = draw_logits(logit_kind, shape[:-1], shape[-1], rng)
    value, gradient = value_and_gradient(
        lambda z: ops.sum(loss.call(labels, z)), as_dtype(logits, dtype)
    )
    assert 0 <= value < np.inf
    assert np.isfinite(gradient.astype("float32")).all()


@pytest.mark.parametrize("pixels", [1, 2, 5])
def test_lovasz_is_the_largest_sum_over_all_orders(pixels, softmax):
    """The Lovász extension of a submodular function is the maximum over its greedy vertices."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        labels = rng.integers(0, 2, (1, pixels))
        logits = rng.normal(size=(1, pixels, 2)).astype("float32")
        p, want = softmax(logits)[0], []
        for c in np.unique(labels):
            truth = labels[0] == c
            errors = np.abs(truth - p[:, c])

            def jaccard_loss(wrong, truth=truth):
                wrong = np.isin(np.arange(pixels), wrong)
                return 1 - (truth & ~wrong).sum() / (truth | wrong).sum()

            want.append(
                max(
                    sum(
                        errors[i] * (jaccard_loss(order[: k + 1]) - jaccard_loss(order[:k]))
                        for k, i in enumerate(order)
                    )
                    for order in itertools.permutations(range(pixels))
                )
            )
        got = losses.lovasz_softmax(labels, logits)
        np.testing.assert_allclose(got, [np.mean(want)], rtol=1e-5)
