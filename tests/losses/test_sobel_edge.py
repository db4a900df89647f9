import numpy as np
import pytest
from keras import ops
from scipy.ndimage import sobel

from dawn_tf.losses import SobelEdge, sobel_edge

WEIGHTS = [1.0, 0.5, 3.0, 0.2]


def reference(labels, p, weights, norm):
    values = []
    for image, q in zip(labels, p, strict=True):
        rows, cols = image.shape
        total, count = np.zeros(q.shape[-1]), 0
        truth = np.eye(300)[image][..., : q.shape[-1]]
        edges = [
            np.hypot(sobel(x, 0, mode="nearest") / 4, sobel(x, 1, mode="nearest") / 4)
            for x in (*np.moveaxis(q, -1, 0), *np.moveaxis(truth, -1, 0))
        ]
        for i, j in np.ndindex(image.shape):
            around = image[max(i - 1, 0) : min(i + 2, rows), max(j - 1, 0) : min(j + 2, cols)]
            if not (around == 255).any():
                count += 1
                for c in range(q.shape[-1]):
                    difference = abs(edges[c][i, j] - edges[q.shape[-1] + c][i, j])
                    total[c] += difference ** (1 if norm == "l1" else 2)
        values.append(np.average(total / count, weights=weights) if count else 0.0)
    return np.array(values)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("void", [0.0, 0.05])
def test_matches_the_formula(norm, void, random_case, softmax):
    labels, logits = random_case((3, 6, 9), void=void)
    got = sobel_edge(labels, logits, norm, WEIGHTS, ignore_class=255)
    np.testing.assert_allclose(got, reference(labels, softmax(logits), WEIGHTS, norm), rtol=1e-5)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_gradient_matches_differences(
    norm, random_case, softmax, value_and_gradient, numeric_gradient
):
    labels, logits = random_case((1, 4, 5))
    _, gradient = value_and_gradient(lambda z: SobelEdge(norm, WEIGHTS)(labels, z), logits)

    def loss(z):
        return reference(labels, softmax(z), WEIGHTS, norm)[0]

    np.testing.assert_allclose(gradient, numeric_gradient(loss, logits), atol=3e-6)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (67, 33)])
def test_no_edge_gives_0_with_zero_gradient(norm, size, value_and_gradient):
    labels = np.ones((2, *size), int)
    logits = np.broadcast_to(np.float32([0.3, -1.7, 2.2]), (2, *size, 3))
    value, gradient = value_and_gradient(lambda z: ops.sum(sobel_edge(labels, z, norm)), logits)
    assert value == 0
    assert not gradient.any()


def test_an_absent_class_is_charged_for_its_edges():
    labels = np.zeros((1, 2, 4), int)
    logits = np.zeros((1, 2, 4, 3), "float32")
    logits[:, :, 2:] = [0, 0, 1e4]  # Right half class 2, left half a third each.
    # Class 2 steps by 2/3 and the others by 1/3, seen by the two middle columns of four.
    np.testing.assert_allclose(sobel_edge(labels, logits), [(2 + 1 + 1) / 3 / 3 / 2], rtol=1e-6)


@pytest.mark.parametrize("shape", [(4,), (4, 5), (2, 3, 3, 3)])
def test_labels_without_height_and_width_are_refused(shape):
    with pytest.raises(ValueError, match="Set `w_edge=0`"):
        SobelEdge()(np.zeros(shape), np.zeros((*shape, 2), "float32"))


def test_impossible_norm_is_refused():
    for build in (SobelEdge, lambda norm: sobel_edge([0], [[0.0, 1.0]], norm)):
        with pytest.raises(ValueError, match='Expected norm "l1" or "l2"'):
            build(norm="l3")
