"""Random cases for both sides, and what it means that two losses agree.

The peers (PyTorch, monai, kornia, segmentation_models.pytorch) are not among this package's
dependencies: where they are missing, the tests of this folder are skipped.
"""

import contextlib

import numpy as np
import pytest

with contextlib.suppress(ImportError):
    # Before Keras: loading torchvision after TensorFlow crashes.
    import segmentation_models_pytorch  # noqa: F401
    import torch

from keras import ops

# Images (height, width), classes, and how sure the logits are: uniform to saturated.
CASES = [(6, 7, 3, 0.3), (5, 4, 5, 2.0), (9, 8, 2, 8.0), (1, 12, 4, 2.0)]
IMAGES = 60


@pytest.fixture(params=CASES, ids=lambda case: "{}x{}x{}-{}".format(*case))
def images(request):
    """`(labels, logits)` of 60 random images, classes along the last axis."""
    height, width, num_classes, scale = request.param
    rng = np.random.default_rng(sum(request.param[:3]))
    labels = rng.integers(0, num_classes, (IMAGES, height, width))
    labels[::3][labels[::3] == 1] = 0  # A class is absent from every third image.
    logits = rng.normal(scale=scale, size=(*labels.shape, num_classes)).astype("float32")
    return labels, logits


def ours(value_and_gradient, loss, labels, logits):
    """Values of each example, and the gradient of their sum."""
    _, gradient = value_and_gradient(lambda z: ops.sum(loss(labels, z)), logits)
    return np.asarray(loss(labels, logits)), gradient


def theirs(loss, labels, logits):
    """The same of `loss(labels, logits)` in PyTorch, classes along axis 1, one image at a time.

    Classes come last in what is given and returned.
    """
    values, gradients = [], []
    for y, z in zip(labels, logits, strict=True):
        z = torch.tensor(np.moveaxis(z, -1, 0)[None], requires_grad=True)
        value = loss(torch.tensor(y[None]), z)
        values.append(float(value.detach()))
        (gradient,) = torch.autograd.grad(value, z)
        gradients.append(np.moveaxis(gradient[0].numpy(), 0, -1))
    return np.array(values), np.stack(gradients)


def assert_agree(ours, theirs):
    """Values within 1e-5 (relative above 1), gradients within 1e-4 of their norm."""
    for value, gradient in (ours, theirs):
        assert np.isfinite(value).all()
        assert np.isfinite(gradient).all()
        assert np.ptp(value) > 0
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5, atol=1e-5)
    axes = tuple(range(1, ours[1].ndim))
    distance = np.sqrt(((ours[1] - theirs[1]) ** 2).sum(axes))
    norm = np.sqrt((theirs[1] ** 2).sum(axes))
    np.testing.assert_array_less(distance, 1e-4 * norm + 1e-7)


@pytest.fixture
def compare(value_and_gradient):
    """`f(labels, logits, loss, peer)`: asserts that they agree image by image."""

    def run(labels, logits, loss, peer):
        assert_agree(ours(value_and_gradient, loss, labels, logits), theirs(peer, labels, logits))

    return run


@pytest.fixture
def compare_batches(value_and_gradient):
    """`f(labels, logits, loss, peer)`: the same over batches of three images."""

    def run(labels, logits, loss, peer):
        values, gradients = ([], []), ([], [])
        for start in range(0, len(labels), 3):
            y, z = labels[start : start + 3], logits[start : start + 3]
            value, gradient = value_and_gradient(lambda z, y=y: ops.mean(loss(y, z)), z)
            values[0].append(float(value))
            gradients[0].append(gradient)
            z = torch.tensor(np.moveaxis(z, -1, 1), requires_grad=True)
            value = peer(torch.tensor(y), z)
            values[1].append(float(value.detach()))
            (gradient,) = torch.autograd.grad(value, z)
            gradients[1].append(np.moveaxis(gradient.numpy(), 1, -1))
        mine, other = ((np.array(v), np.stack(g)) for v, g in zip(values, gradients, strict=True))
        assert_agree(mine, other)

    return run
