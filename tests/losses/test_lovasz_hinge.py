import keras
import numpy as np
import pytest
from keras import ops
from sklearn.metrics import jaccard_score

from dawn_tf.losses import LovaszHinge, lovasz_hinge


def extension(errors, truth):
    """The integral over t of the Jaccard loss if the pixels of error above t are wrong."""
    levels = np.concatenate([[0.0], np.unique(errors)])
    value = 0.0
    for low, high in zip(levels[:-1], levels[1:], strict=True):
        wrong = errors > low
        value += (high - low) * (1 - (truth & ~wrong).sum() / (truth | wrong).sum())
    return value


def reference(labels, logits, classes="all", weights=None):
    """Mean over the last axis."""
    labels, logits = (x.reshape(-1, x.shape[-1]) for x in (labels, logits))
    losses, counted = [], []
    for c in range(labels.shape[-1]):
        valid = labels[:, c] != 255
        y, z = labels[valid, c] == 1, logits[valid, c].astype("float64")
        losses.append(extension(np.maximum(0, 1 - z * (2 * y - 1)), y))
        counted.append(float(classes == "all" or y.any()) * (weights or np.ones(99))[c])
    return np.average(losses, weights=counted) if sum(counted) else 0.0


@pytest.fixture
def binary_case():
    rng = np.random.default_rng(0)

    def make(shape, void=0.0):
        labels = (rng.random(shape) < 0.3).astype(int)
        labels[rng.random(shape) < void] = 255
        return labels, rng.normal(scale=1.5, size=shape).astype("float32")

    return make


@pytest.mark.parametrize("shape", [(3, 7), (3, 4, 5), (2, 2, 3, 3)])
def test_binary_matches_the_definition_per_image(shape, binary_case):
    labels, logits = binary_case(shape, void=0.1)
    labels[0] = np.where(labels[0] == 1, 0, labels[0])  # Empty: its largest error counts.
    got = lovasz_hinge(labels, logits, ignore_class=255)
    want = [reference(y[..., None], z[..., None]) for y, z in zip(labels, logits, strict=True)]
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize("classes", ["all", "present"])
def test_multi_label_matches_the_definition_per_image(classes, binary_case):
    labels, logits = binary_case((3, 4, 5, 4), void=0.1)
    labels[0, ..., 1] = 0
    weights = [1.0, 0.5, 3.0, 0.2]
    got = lovasz_hinge(labels, logits, True, classes, weights, ignore_class=255)
    want = [reference(y, z, classes, weights) for y, z in zip(labels, logits, strict=True)]
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize("shape", [(9, 3), (3, 4, 5, 3)], ids=["rows", "masks"])
def test_values_average_to_the_loss_of_the_batch(shape, binary_case):
    labels, logits = binary_case(shape, void=0.1)
    each = lovasz_hinge(labels, logits, True, per_image=False, ignore_class=255)
    np.testing.assert_allclose(np.mean(np.asarray(each)), reference(labels, logits), rtol=1e-5)


def test_signs_score_twice_the_jaccard_loss(binary_case):
    labels, logits = binary_case((1, 8, 8))
    want = 2 * (1 - jaccard_score(labels.ravel(), logits.ravel() > 0))
    np.testing.assert_allclose(lovasz_hinge(labels, np.sign(logits)), [want], rtol=1e-6)


def test_one_more_axis_of_1_changes_nothing(binary_case):
    labels, logits = binary_case((3, 4, 5))
    want = lovasz_hinge(labels, logits)
    for y, z in ((labels, logits[..., None]), (labels[..., None], logits[..., None])):
        np.testing.assert_array_equal(lovasz_hinge(y, z), want)
    np.testing.assert_array_equal(lovasz_hinge(labels[..., None], logits), want)
    rows = lovasz_hinge(labels[:, 0, 0], logits[:, 0, 0])
    assert rows.shape == (3,)
    np.testing.assert_array_equal(lovasz_hinge(labels[:, :1, 0], logits[:, :1, 0]), rows)


def test_gradient_matches_differences(binary_case, value_and_gradient, numeric_gradient):
    labels, logits = binary_case((1, 3, 4, 2))
    loss = LovaszHinge(multi_label=True)
    _, gradient = value_and_gradient(lambda z: loss(labels, z), logits)
    want = numeric_gradient(lambda z: reference(labels, z), logits)
    np.testing.assert_allclose(gradient, want, atol=2e-6)


@pytest.mark.parametrize("scale", [0, 1, 1e4, 3e38, np.inf])
@pytest.mark.parametrize("label", [0, 1, None])
def test_extreme_logits_are_finite(scale, label, binary_case, value_and_gradient):
    labels, logits = binary_case((2, 4, 5))
    labels = labels if label is None else 0 * labels + label
    logits = np.nan_to_num(np.float32(scale) * np.sign(logits), posinf=np.inf, neginf=-np.inf)
    value, gradient = value_and_gradient(lambda z: ops.sum(lovasz_hinge(labels, z)), logits)
    assert 0 <= value < np.inf
    assert np.isfinite(gradient).all()


def test_right_beyond_the_margin_scores_0_with_zero_gradient(binary_case, value_and_gradient):
    labels, logits = binary_case((2, 4, 5))
    logits = np.float32((2 * labels - 1) * (1.5 + np.abs(logits)))
    value, gradient = value_and_gradient(lambda z: ops.sum(lovasz_hinge(labels, z)), logits)
    assert value == 0
    assert not gradient.any()


def test_void_pixels_do_not_matter_whatever_is_said_there(binary_case, value_and_gradient):
    labels, logits = binary_case((3, 4, 5))
    labels[0, 1:3, 2:] = 255
    labels[1] = 255
    void = labels == 255
    said = np.where(void, np.float32(np.nan), logits)
    each = np.asarray(lovasz_hinge(labels, said, ignore_class=255))
    np.testing.assert_array_equal(each, lovasz_hinge(labels, logits, ignore_class=255))
    assert each[1] == 0
    _, gradient = value_and_gradient(
        lambda z: ops.sum(lovasz_hinge(labels, z, ignore_class=255)), said
    )
    assert not gradient[void].any()
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("label", [2, -1, 0.5, np.nan])
def test_impossible_labels_make_their_example_nan(label, binary_case):
    labels, logits = binary_case((3, 4, 5))
    labels = labels.astype("float32")
    labels[1, 0, 0] = label
    np.testing.assert_array_equal(np.isnan(lovasz_hinge(labels, logits)), [False, True, False])


def test_is_the_same_when_compiled_and_in_half_precision(binary_case, compiled):
    labels, logits = binary_case((3, 4, 5, 2), void=0.1)
    loss = LovaszHinge(multi_label=True, ignore_class=255)
    want = loss.call(labels, logits)
    got = compiled(lambda y, z: loss.call(y, z))(labels, logits)
    np.testing.assert_allclose(got, want, rtol=1e-5)
    half = ops.cast(logits, "bfloat16")
    want = loss(labels, ops.cast(half, "float32"))
    np.testing.assert_array_equal(
        LovaszHinge(multi_label=True, ignore_class=255, dtype="bfloat16")(labels, half), want
    )


def test_round_trips_through_serialization(binary_case):
    loss = LovaszHinge(True, "present", [1, 2], False, ignore_class=255, name="mine")
    revived = keras.losses.deserialize(keras.losses.serialize(loss))
    assert revived.get_config() == loss.get_config()
    assert loss.get_config()["class_weights"] == [1.0, 2.0]
    labels, logits = binary_case((2, 3, 3, 2))
    np.testing.assert_array_equal(revived(labels, logits), loss(labels, logits))


@pytest.mark.parametrize("labels, logits", [((2, 4, 4), (2, 4, 4, 2)), ((2,), (2, 3)), ((), ())])
def test_shapes_that_differ_are_refused(labels, logits):
    with pytest.raises(ValueError, match="use LovaszSoftmax"):
        lovasz_hinge(np.zeros(labels), np.zeros(logits, "float32"))


def test_impossible_options_are_refused():
    with pytest.raises(ValueError, match="set `class_weights`"):
        LovaszHinge(classes="some")
    with pytest.raises(ValueError, match="Use LovaszSoftmax for soft labels"):
        LovaszHinge(label_smoothing=0.1)
