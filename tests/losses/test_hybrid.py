import numpy as np
import pytest

from dawn_tf import losses
from dawn_tf.losses import DAWNLoss

WEIGHTS = [1.0, 0.5, 3.0, 0.2]
PRIOR = [0.7, 0.2, 0.06, 0.04]


@pytest.mark.parametrize("per_image", [True, False])
def test_is_the_weighted_sum_of_its_terms(per_image, random_case):
    labels, logits = random_case((3, 6, 5), void=0.1)
    loss = DAWNLoss(
        w_region=0.5,
        dice_weight=0.7,
        w_lovasz=0.3,
        w_edge=0.2,
        focal_gamma=1.5,
        focal_alpha=PRIOR,
        class_weights=WEIGHTS,
        prior=PRIOR,
        tau=0.5,
        ignore_class=255,
        per_image=per_image,
        edge_norm="l2",
        lovasz_classes="all",
        lovasz_method="binned",
        lovasz_bins=32,
    )
    z = np.float32(logits + 0.5 * np.log(PRIOR))
    focal, dice, lovasz, edge = (
        np.asarray(value)
        for value in (
            losses.focal(labels, z, 1.5, PRIOR, 255),
            losses.soft_dice(labels, z, WEIGHTS, per_image, 255),
            losses.lovasz_softmax(labels, z, "all", WEIGHTS, per_image, 255, "binned", 32),
            losses.sobel_edge(labels, z, "l2", WEIGHTS, 255),
        )
    )
    want = 0.5 * (focal + 0.7 * dice) + 0.3 * lovasz + 0.2 * edge
    np.testing.assert_allclose(loss.call(labels, logits), want, rtol=1e-5)


@pytest.mark.parametrize(
    "weights, single",
    [
        ({"w_region": 1, "w_lovasz": 0, "w_edge": 0, "dice_weight": 0}, losses.Focal()),
        ({"w_region": 0, "w_lovasz": 1, "w_edge": 0}, losses.LovaszSoftmax()),
        ({"w_region": 0, "w_lovasz": 0, "w_edge": 1}, losses.SobelEdge()),
    ],
    ids=["focal", "lovasz", "edge"],
)
def test_a_single_weight_leaves_a_single_term(weights, single, random_case):
    labels, logits = random_case((3, 6, 5))
    np.testing.assert_allclose(
        DAWNLoss(**weights).call(labels, logits), single.call(labels, logits), rtol=1e-6
    )


def test_without_space_the_edge_weight_goes_to_the_others(random_case):
    labels, logits = random_case((7,))
    region = np.asarray(losses.focal(labels, logits)) + np.asarray(losses.soft_dice(labels, logits))
    want = 0.6 * region + 0.4 * np.asarray(losses.lovasz_softmax(labels, logits))
    np.testing.assert_allclose(DAWNLoss().call(labels, logits), want, rtol=1e-5)


def test_edges_alone_need_space():
    with pytest.raises(ValueError, match="Use w_region=0.6"):
        DAWNLoss(w_region=0, w_lovasz=0, w_edge=1)([0, 1], np.zeros((2, 2), "float32"))


@pytest.mark.parametrize(
    "weights",
    [(0.5, 0.3, 0.3), (1.2, -0.2, 0.0), (float("nan"), 0.5, 0.5), (0.48, 0.32, 0.2001)],
)
def test_weights_that_do_not_sum_to_1_are_refused(weights):
    with pytest.raises(ValueError, match="Divide each by their sum"):
        DAWNLoss(w_region=weights[0], w_lovasz=weights[1], w_edge=weights[2])


@pytest.mark.parametrize(
    "argument, remedy",
    [
        ({"dice_weight": -1}, "Use 0 for focal alone"),
        ({"focal_gamma": -1}, "Received: focal_gamma=-1"),
        ({"tau": -1}, "Expected tau >= 0"),
        ({"prior": [1, 0]}, "Drop class 1"),
        ({"edge_norm": "l0"}, 'Expected norm "l1" or "l2"'),
        ({"lovasz_classes": "one"}, 'Expected classes "present" or "all"'),
        ({"lovasz_method": "one"}, 'Expected method "exact" or "binned"'),
        ({"lovasz_bins": 0}, "Expected bins"),
    ],
)
def test_impossible_arguments_are_refused(argument, remedy):
    with pytest.raises(ValueError, match=remedy):
        DAWNLoss(**argument)


def test_class_counts_set_weights_and_prior():
    counts = [90, 9, 1]
    loss = DAWNLoss.from_class_counts(counts, cb_beta=0.9, tau=0.5)
    np.testing.assert_allclose(loss.class_weights, losses.effective_number_weights(counts, 0.9))
    np.testing.assert_allclose(loss.prior, [0.9, 0.09, 0.01])
    assert loss.tau == 0.5
    assert DAWNLoss.from_class_counts(counts, prior=None).prior is None
