"""Our losses against those of the PyTorch packages, where the definitions coincide.

They do not coincide, so are not compared, in: segmentation_models.pytorch's `FocalLoss` on several
classes (a sigmoid per class; its function of softmax is compared) and `TverskyLoss` with a gamma
(a power of the mean over the classes); its Lovász hinge of several labels (one set of all pixels
and labels); monai's scores of absent classes (loss 1; here those classes are left out) and its
smoothing terms (set to 0); kornia's Sobel magnitude (half of ours, with an epsilon under the root,
set to 0).
"""

import numpy as np
import pytest

from dawn_tf import losses

torch = pytest.importorskip("torch", reason="peers: see `make test-peers`")
kornia = pytest.importorskip("kornia", reason="peers: see `make test-peers`")
monai_losses = pytest.importorskip("monai.losses", reason="peers: see `make test-peers`")
smp = pytest.importorskip("segmentation_models_pytorch", reason="peers: see `make test-peers`")

VOID = 255
pytestmark = pytest.mark.filterwarnings("default")  # Theirs are not our errors.


def with_void(labels):
    labels = labels.copy()
    labels[np.random.default_rng(1).random(labels.shape) < 0.15] = VOID
    return labels


def with_all_classes(labels, num_classes):
    """The first pixels of every image show every class."""
    labels = labels.copy()
    flat = labels.reshape(len(labels), -1)
    flat[:, :num_classes] = np.arange(num_classes)
    return flat.reshape(labels.shape)


def class_weights(num_classes):
    return np.linspace(0.5, 2.0, num_classes).astype("float32")


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_focal_is_kornias(gamma, images, compare):
    labels, logits = images
    weights = class_weights(logits.shape[-1])

    def peer(y, z):
        # Its mean counts void pixels too, as 0.
        each = kornia.losses.focal_loss(
            z, y, None, gamma, "none", torch.tensor(weights), ignore_index=VOID
        )
        return each.sum() / (y != VOID).sum()

    def loss(y, z):
        return losses.focal(y, z, gamma, weights, ignore_class=VOID)

    compare(with_void(labels), logits, loss, peer)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_focal_is_monais(gamma, images, compare):
    labels, logits = images
    num_classes = logits.shape[-1]
    weights = class_weights(num_classes)
    focal = monai_losses.FocalLoss(
        to_onehot_y=True, use_softmax=True, gamma=gamma, weight=weights
    )  # A mean over pixels and classes.

    compare(
        labels,
        logits,
        lambda y, z: losses.focal(y, z, gamma, weights),
        lambda y, z: num_classes * focal(z, y[:, None]),
    )


def test_focal_is_the_softmax_function_of_smp(images, compare):
    from segmentation_models_pytorch.losses._functional import softmax_focal_loss_with_logits

    labels, logits = images
    compare(labels, logits, losses.focal, lambda y, z: softmax_focal_loss_with_logits(z, y))


def test_cross_entropy_with_weights_smoothing_and_soft_labels_is_torchs(images, compare):
    labels, logits = images
    weights = class_weights(logits.shape[-1])

    def peer(y, z):
        return torch.nn.functional.cross_entropy(
            z, y, torch.tensor(weights), reduction="none", label_smoothing=0.1
        ).mean()

    compare(
        labels,
        logits,
        lambda y, z: losses.focal(y, z, 0.0, weights, label_smoothing=0.1),
        peer,
    )
    one_hot = np.eye(logits.shape[-1], dtype="float32")[labels]
    soft = 0.7 * one_hot + 0.3 * np.roll(one_hot, 1, 0)

    def soft_peer(y, z):
        return torch.nn.functional.cross_entropy(z, y.movedim(-1, 1))

    compare(soft, logits, lambda y, z: losses.focal(y, z, 0.0), soft_peer)


def test_dice_is_kornias(images, compare):
    labels, logits = images
    weights = class_weights(logits.shape[-1])

    def peer(y, z):
        return kornia.losses.dice_loss(z, y, "macro", 0.0, torch.tensor(weights), VOID)

    def loss(y, z):
        return losses.soft_dice(y, z, weights, ignore_class=VOID)

    compare(with_void(labels), logits, loss, peer)


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_dice_is_monais_over_the_classes_present(soft, images, compare):
    labels, logits = images
    dice = monai_losses.DiceLoss(
        softmax=True, smooth_nr=0.0, smooth_dr=0.0, reduction="none", soft_label=soft
    )
    y = np.eye(logits.shape[-1], dtype="float32")[labels]
    if soft:
        y = 0.7 * y + 0.3 * np.roll(y, 1, axis=2)

    def peer(y, z):
        y = y.movedim(-1, 1)
        present = y.amax((0, 2, 3)) > 0
        return dice(z, y).flatten()[present].mean()

    compare(y, logits, losses.soft_dice, peer)


def test_dice_of_a_batch_is_smps(images, compare_batches):
    labels, logits = images
    labels = with_all_classes(labels, logits.shape[-1])
    compare_batches(
        labels,
        logits,
        lambda y, z: losses.soft_dice(y, z, per_image=False),
        lambda y, z: smp.losses.DiceLoss("multiclass")(z, y),
    )


@pytest.mark.parametrize("alpha, beta", [(0.3, 0.7), (1.0, 1.0)])
def test_tversky_is_kornias(alpha, beta, images, compare):
    labels, logits = images

    def peer(y, z):
        return kornia.losses.tversky_loss(z, y, alpha, beta, 0.0, VOID)

    def loss(y, z):
        return losses.tversky(y, z, alpha, beta, ignore_class=VOID)

    compare(with_void(labels), logits, loss, peer)


@pytest.mark.parametrize("gamma", [1.0, 4 / 3, 3.0])
def test_focal_tversky_is_the_power_of_monais(gamma, images, compare):
    labels, logits = images
    tversky = monai_losses.TverskyLoss(
        softmax=True,
        to_onehot_y=True,
        alpha=0.2,
        beta=0.7,
        smooth_nr=0.0,
        smooth_dr=0.0,
        reduction="none",
    )

    def peer(y, z):
        each = tversky(z, y[:, None]).flatten()
        return (each[y.unique()] ** (1 / gamma)).mean()

    compare(labels, logits, lambda y, z: losses.tversky(y, z, 0.2, 0.7, gamma), peer)


def test_tversky_of_a_batch_is_smps(images, compare_batches):
    labels, logits = images
    labels = with_all_classes(labels, logits.shape[-1])
    compare_batches(
        labels,
        logits,
        lambda y, z: losses.tversky(y, z, 0.2, 0.7, per_image=False),
        lambda y, z: smp.losses.TverskyLoss("multiclass", alpha=0.2, beta=0.7)(z, y),
    )


@pytest.mark.parametrize("classes", ["present", "all"])
@pytest.mark.parametrize("per_image", [True, False], ids=["image", "batch"])
def test_lovasz_softmax_is_smps(classes, per_image, images, compare, compare_batches):
    from segmentation_models_pytorch.losses.lovasz import _lovasz_softmax

    labels, logits = images

    def peer(y, z):
        return _lovasz_softmax(z.softmax(1), y, classes, per_image, VOID)

    def loss(y, z):
        return losses.lovasz_softmax(y, z, classes, per_image=per_image, ignore_class=VOID)

    (compare if per_image else compare_batches)(with_void(labels), logits, loss, peer)


def test_lovasz_softmax_of_all_classes_is_kornias_with_weights(images, compare):
    labels, logits = images
    num_classes = logits.shape[-1]
    weights = class_weights(num_classes)
    # It divides by the number of classes, not by the sum of the weights.
    scaled = torch.tensor(weights * (num_classes / weights.sum()))
    compare(
        labels,
        logits,
        lambda y, z: losses.lovasz_softmax(y, z, "all", weights),
        lambda y, z: kornia.losses.lovasz_softmax_loss(z, y, scaled),
    )


def test_lovasz_hinge_is_kornias(images, compare):
    labels, logits = images
    compare(
        np.minimum(labels, 1),
        logits[..., :1],
        losses.lovasz_hinge,
        lambda y, z: kornia.losses.lovasz_hinge_loss(z, y),
    )


@pytest.mark.parametrize("per_image", [True, False], ids=["image", "batch"])
def test_lovasz_hinge_is_smps_with_void(per_image, images, compare, compare_batches):
    labels, logits = images
    hinge = smp.losses.LovaszLoss("binary", per_image=per_image, ignore_index=VOID)

    def loss(y, z):
        return losses.lovasz_hinge(y, z, per_image=per_image, ignore_class=VOID)

    (compare if per_image else compare_batches)(
        with_void(np.minimum(labels, 1)),
        logits[..., :1],
        loss,
        lambda y, z: hinge(z[:, 0], y),
    )


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_edges_are_those_of_kornias_sobel(norm, images, compare):
    labels, logits = images
    weights = class_weights(logits.shape[-1])
    mean = torch.tensor(weights / weights.sum())

    def peer(y, z):
        one_hot = torch.nn.functional.one_hot(y, z.shape[1]).movedim(-1, 1).float()
        edges = 2 * kornia.filters.sobel(z.softmax(1), eps=0.0)
        difference = (edges - 2 * kornia.filters.sobel(one_hot, eps=0.0)).abs()
        difference = difference if norm == "l1" else difference**2
        return (difference.mean((0, 2, 3)) * mean).sum()

    compare(labels, logits, lambda y, z: losses.sobel_edge(y, z, norm, weights), peer)


def test_ldam_is_cross_entropy_of_shifted_logits_in_torch(images, compare):
    labels, logits = images
    counts = np.geomspace(1000, 10, logits.shape[-1])
    margins = torch.tensor(counts**-0.25 * 0.5 / (counts**-0.25).max()).float()
    weights = class_weights(logits.shape[-1])

    def peer(y, z):
        one_hot = torch.nn.functional.one_hot(y, z.shape[1]).movedim(-1, 1)
        shifted = 30 * (z - one_hot * margins[None, :, None, None])
        return torch.nn.functional.cross_entropy(
            shifted, y, torch.tensor(weights), reduction="none"
        ).mean()

    cosines = np.tanh(logits)
    compare(labels, cosines, lambda y, z: losses.ldam(y, z, counts, class_weights=weights), peer)


def test_the_hybrid_loss_is_the_sum_of_the_peers_terms(images, compare):
    from segmentation_models_pytorch.losses._functional import softmax_focal_loss_with_logits
    from segmentation_models_pytorch.losses.lovasz import _lovasz_softmax

    labels, logits = images

    def peer(y, z):
        p, one_hot = z.softmax(1), torch.nn.functional.one_hot(y, z.shape[1]).movedim(-1, 1)
        edge = kornia.filters.sobel(p, eps=0.0) - kornia.filters.sobel(one_hot.float(), eps=0.0)
        region = softmax_focal_loss_with_logits(z, y) + kornia.losses.dice_loss(z, y, "macro", 0.0)
        return (
            0.48 * region
            + 0.32 * _lovasz_softmax(p, y, "present", True)
            + 0.20 * 2 * edge.abs().mean()
        )

    compare(labels, logits, losses.DAWNLoss(reduction=None), peer)
