import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from dawn_tf.losses import LovaszSoftmax, lovasz_softmax

WEIGHTS = [1.0, 0.5, 3.0, 0.2]


def extension(errors, truth):
    """The integral over t in 0..1 of the Jaccard loss if the pixels of error above t are wrong."""
    levels = np.concatenate([[0.0], np.unique(errors)])
    value = 0.0
    for low, high in zip(levels[:-1], levels[1:], strict=True):
        wrong = errors > low
        union = (truth | wrong).sum()
        value += (high - low) * (1 - (truth & ~wrong).sum() / union if union else 0.0)
    return value


def reference(labels, p, weights, classes="present"):
    labels, p = labels.reshape(-1), p.reshape(-1, p.shape[-1])
    labels, p = labels[labels != 255], p[labels != 255]
    chosen = np.unique(labels) if classes == "present" else range(p.shape[-1])
    if not labels.size:
        return 0.0
    losses = [extension(np.abs((labels == c) - p[:, c]), labels == c) for c in chosen]
    return np.average(losses, weights=[weights[c] for c in chosen])


@pytest.mark.parametrize("classes", ["present", "all"])
@pytest.mark.parametrize("shape", [(3, 5), (2, 4, 5), (2, 2, 2, 3)])
def test_matches_the_definition_per_image(shape, classes, random_case, softmax):
    labels, logits = random_case(shape, void=0.2)
    labels[0][labels[0] == 2] = 1  # A class is absent.
    p = softmax(logits)
    want = [reference(y, q, WEIGHTS, classes) for y, q in zip(labels, p, strict=True)]
    got = lovasz_softmax(labels, logits, classes, WEIGHTS, ignore_class=255)
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize("classes", ["present", "all"])
@pytest.mark.parametrize("shape", [(8,), (3, 4, 5)], ids=["rows", "masks"])
def test_values_average_to_the_loss_of_the_batch(shape, classes, random_case, softmax):
    labels, logits = random_case(shape, void=0.2)
    labels[labels == 2] = 255
    each = lovasz_softmax(labels, logits, classes, WEIGHTS, per_image=False, ignore_class=255)
    want = reference(labels, softmax(logits), WEIGHTS, classes)
    np.testing.assert_allclose(np.mean(np.asarray(each)), want, rtol=1e-5)


def test_an_example_of_the_batch_has_its_own_pixels_share(softmax):
    # Class 0: errors .9 (pixel 0, of the class), .2 and .1 (of the class). By hand the weights
    # are J({0}) = 1/2, J({0, 1}) - 1/2 = 2/3 - 1/2 = 1/6, and 1 - 2/3 = 1/3.
    p = np.array([0.1, 0.2, 0.9])
    logits = np.float32(np.stack([np.log(p), np.log(1 - p)], -1))
    labels = np.array([0, 1, 0])
    class_0 = np.array([0.9 / 2, 0.2 / 6, 0.1 / 3])
    # Class 1: its only pixel is 1; union after .9, .2, .1 is 2, 2, 3.
    class_1 = np.array([0.9 / 2, 0.2 / 2, 0.0])
    want = 3 * (class_0 + class_1) / 2
    np.testing.assert_allclose(lovasz_softmax(labels, logits), want, rtol=1e-5)


@pytest.mark.parametrize("method", ["exact", "binned"])
def test_of_certain_predictions_is_the_mean_jaccard_loss(method, random_case):
    labels, logits = random_case((1, 8, 8))
    predicted = logits.argmax(-1)
    got = lovasz_softmax(labels, np.float32(1e4 * np.eye(4)[predicted]), method=method)
    want = 1 - jaccard_score(labels.ravel(), predicted.ravel(), average="macro")
    np.testing.assert_allclose(got, [want], rtol=1e-6)


@pytest.mark.parametrize("classes", ["present", "all"])
def test_gradient_matches_differences(
    classes, random_case, softmax, value_and_gradient, numeric_gradient
):
    labels, logits = random_case((1, 3, 4))
    labels[labels == 2] = 0
    loss = LovaszSoftmax(classes, WEIGHTS)
    _, gradient = value_and_gradient(lambda z: loss(labels, z), logits)
    want = numeric_gradient(lambda z: reference(labels, softmax(z), WEIGHTS, classes), logits)
    np.testing.assert_allclose(gradient, want, atol=2e-6)


@pytest.mark.parametrize("method", [{}, {"method": "binned", "bins": 8}], ids=["exact", "binned"])
@pytest.mark.parametrize("per_image", [True, False])
def test_soft_labels_count_by_their_masses(method, per_image, random_case, softmax):
    _, logits = random_case((2, 6, 5))
    y, p = softmax(-2 * logits), softmax(logits)
    want = []
    for c in np.ndindex(2 if per_image else 1, 4):
        truth, q = (a[c[0] : c[0] + 1 if per_image else None, ..., c[1]].ravel() for a in (y, p))
        errors = np.abs(truth - q)
        order = np.argsort(-errors)
        missed, added = np.cumsum(truth[order]), np.cumsum(1 - truth[order])
        jaccard = 1 - (truth.sum() - missed) / (truth.sum() + added)
        want.append(errors[order] @ np.diff(jaccard, prepend=0.0))
    want = np.reshape(want, (-1, 4)).mean(1)
    got = np.asarray(lovasz_softmax(y.astype("float32"), logits, per_image=per_image, **method))
    got = got if per_image else [got.mean()]
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1 / 8 if method else 0)


@pytest.mark.parametrize("scale", [0.01, 2.0, 20.0], ids=["unsure", "random", "confident"])
@pytest.mark.parametrize("bins", [1, 16, 1024])
@pytest.mark.parametrize("per_image", [True, False])
def test_binned_is_within_its_bound_of_exact(bins, scale, per_image, random_case):
    labels, logits = random_case((2, 24, 24), scale=scale, void=0.1)
    labels[0][labels[0] == 2] = 255
    options = {"classes": "all", "class_weights": WEIGHTS, "ignore_class": 255}
    exact, binned = (
        np.asarray(lovasz_softmax(labels, logits, per_image=per_image, **options, **method))
        for method in ({}, {"method": "binned", "bins": bins})
    )
    if not per_image:
        exact, binned = exact.mean(), binned.mean()
    np.testing.assert_allclose(binned, exact, atol=1 / bins + 1e-6)


@pytest.mark.parametrize("prevalence", [0.5, 0.001])
def test_gradients_of_binned_are_close_to_those_of_exact(prevalence, value_and_gradient):
    rng = np.random.default_rng(0)
    labels = (rng.random((1, 64, 64)) < prevalence).astype(int)
    logits = rng.normal(size=(1, 64, 64, 2)).astype("float32")
    exact, binned = (
        value_and_gradient(lambda z, m=m: LovaszSoftmax(method=m)(labels, z), logits)[1]
        for m in ("exact", "binned")
    )
    assert np.linalg.norm(binned - exact) < 0.06 * np.linalg.norm(exact)


@pytest.mark.parametrize(
    "argument, remedy",
    [
        ({"classes": "some"}, "set `class_weights`"),
        ({"method": "sort"}, 'Use "exact"'),
        ({"bins": 0}, "Use 1024"),
        ({"bins": 2.5}, "Use 1024"),
    ],
)
def test_impossible_options_are_refused(argument, remedy):
    with pytest.raises(ValueError, match=remedy):
        LovaszSoftmax(**argument)
    with pytest.raises(ValueError, match=remedy):
        lovasz_softmax([0], [[0.0, 1.0]], **argument)
