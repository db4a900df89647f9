import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, jaccard_score

from dawn_tf.evaluation import SegmentationScorer
from dawn_tf.evaluation.calibration import reliability_of_classes
from dawn_tf.evaluation.segmentation_scores import histogram_curve

VOID = 255
NAMES = ["background", "a", "b", "absent"]


def some_case(images=5, void=True):
    rng = np.random.default_rng(0)
    masks = rng.choice(3, (images, 9, 7), p=[0.7, 0.25, 0.05])
    masks[0] = 0
    probabilities = rng.dirichlet(np.full(4, 0.7), masks.shape)
    probabilities[..., 3] *= 0.01
    probabilities[:2, ..., 2] = 0
    probabilities += 0.3 * np.eye(4)[masks]
    probabilities /= probabilities.sum(-1, keepdims=True)
    if void:
        masks[rng.random(masks.shape) < 0.1] = VOID
        masks[3] = VOID
    return masks, probabilities.astype("float32")


def scored(masks, probabilities, splits=(2, 3), **kwargs):
    scorer = SegmentationScorer(NAMES, minority=[2, 3], ignore_class=VOID, **kwargs)
    for part in np.split(np.arange(len(masks)), splits):
        scorer.update(masks[part], probabilities[part])
    return scorer


def test_pixel_scores_equal_scikit_learn():
    masks, probabilities = some_case()
    scores = scored(masks, probabilities).scores()
    keep = masks != VOID
    y_true, predicted, p = masks[keep], probabilities.argmax(-1)[keep], probabilities[keep]
    np.testing.assert_allclose(scores["accuracy"], (y_true == predicted).mean())
    np.testing.assert_allclose(scores["macro_f1"], f1_score(y_true, predicted, average="macro"))
    iou = jaccard_score(y_true, predicted, average=None, labels=range(3))
    np.testing.assert_allclose(scores["miou"], iou.mean())
    assert scores["num_examples"] == len(masks)
    for c in range(3):
        one = scores["per_class"][NAMES[c]]
        np.testing.assert_allclose(one["iou"], iou[c])
        # Quantised to 65,536 levels; a few hundred random scores hardly tie.
        exact = average_precision_score(y_true == c, p[:, c])
        np.testing.assert_allclose(one["average_precision"], exact, atol=1e-3)
        levels = np.rint(p[:, c] * 65535)
        quantised = average_precision_score(y_true == c, levels)
        np.testing.assert_allclose(one["average_precision"], quantised, rtol=1e-12)
    assert scores["per_class"]["absent"]["average_precision"] is None
    precisions = [scores["per_class"][name]["average_precision"] for name in NAMES[:3]]
    np.testing.assert_allclose(scores["pr_auc"], np.mean(precisions))


def test_image_scores_equal_loops():
    masks, probabilities = some_case()
    scorer = scored(masks, probabilities)
    predicted = probabilities.argmax(-1)
    dice, iou = [], []
    for image in range(len(masks)):
        keep = masks[image] != VOID
        if not keep.any():
            continue
        for c in (1, 2, 3):
            t, p = masks[image][keep] == c, predicted[image][keep] == c
            union = np.sum(t | p)
            iou.append(np.sum(t & p) / union if union else 1.0)
            dice.append(2 * np.sum(t & p) / (t.sum() + p.sum()) if union else 1.0)
    scores, outputs = scorer.scores(), scorer.outputs()
    np.testing.assert_allclose(scores["dice_per_image_mean"], np.mean(dice))
    np.testing.assert_allclose(scores["iou_per_image_mean"], np.mean(iou))
    cut = [i if i >= 0.65 else 0 for i in iou]
    np.testing.assert_allclose(scores["thresholded_jaccard"], np.mean(cut))
    assert 0 < np.mean(cut) < np.mean(iou)
    assert np.isnan(outputs["iou"][3]).all()  # The all-void image.
    np.testing.assert_allclose(outputs["iou"][[0, 1, 2, 4]].ravel(), iou)
    np.testing.assert_allclose(outputs["dice"][[0, 1, 2, 4]].ravel(), dice)
    assert outputs["matrices"].shape == (5, 4, 4) and not outputs["matrices"][3].any()
    np.testing.assert_array_equal(outputs["matrices"].sum(0), scores["confusion_matrix"])
    keep = masks != VOID
    bins = reliability_of_classes(masks[keep], probabilities[keep])
    np.testing.assert_array_equal(outputs["class_bin_count"], bins["class_bin_count"])
    for key in ("class_bin_confidence", "class_bin_frequency"):
        np.testing.assert_allclose(outputs[key], bins[key], atol=1e-5)
    assert outputs["matrices"][0, 1, 2] == ((masks[0] == 1) & (predicted[0] == 2)).sum()
    np.testing.assert_allclose(
        scores["per_class"]["b"]["iou_per_image"], np.mean(np.reshape(iou, (-1, 3))[:, 1])
    )


def test_batches_do_not_matter_and_masks_may_have_a_channel():
    masks, probabilities = some_case()
    one, other = SegmentationScorer(NAMES, [2], ignore_class=VOID), scored(masks, probabilities)
    one.update(masks[..., None], probabilities)
    a, b = one.scores(), other.scores()
    assert a["confusion_matrix"] == b["confusion_matrix"]
    assert a["pr_auc"] == b["pr_auc"]
    assert a["dice_per_image_mean"] == b["dice_per_image_mean"]
    for key in a["calibration"]:
        np.testing.assert_allclose(a["calibration"][key], b["calibration"][key])


def test_a_binary_threshold():
    p1 = np.array([[[0.1, 0.4], [0.3, 0.9]]])
    scorer = SegmentationScorer(["skin", "lesion"], [1], decision=0.3)
    scorer.update(np.array([[[0, 1], [0, 1]]]), np.stack([1 - p1, p1], -1))
    scores = scorer.scores()
    assert scores["confusion_matrix"] == [[1, 1], [0, 2]]
    np.testing.assert_allclose(scores["iou_per_image_mean"], 2 / 3)
    np.testing.assert_allclose(scores["thresholded_jaccard"], 2 / 3)
    np.testing.assert_allclose(scores["dice_per_image_mean"], 4 / 5)
    assert scores["decision"] == 0.3 and scores["pr_auc"] == 1


@pytest.mark.parametrize("common, counted", [(64, 0.0), (65, 0.65), (66, 0.66)])
def test_overlap_below_65_percent_counts_nothing(common, counted):
    truth = np.ones((1, 10, 10), int)
    predicted = (np.arange(100) < common).reshape(1, 10, 10).astype(int)
    scorer = SegmentationScorer(["skin", "lesion"], [1])
    scorer.update(truth, np.eye(2)[predicted])
    np.testing.assert_allclose(scorer.scores()["thresholded_jaccard"], counted)


def test_curves_are_the_precision_at_each_recall():
    negatives, positives = np.zeros(8, int), np.zeros(8, int)
    positives[[2, 7]] = 1, 3
    negatives[[2, 5]] = 2, 4
    recall, precision = histogram_curve(negatives, positives, num_points=5)
    np.testing.assert_allclose(recall, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(precision, [1, 1, 1, 1, 4 / 10])
    assert np.isnan(histogram_curve(negatives, np.zeros(8, int))[1]).all()


def test_predictions_and_masks_of_other_sizes_are_refused():
    masks, probabilities = some_case()
    with pytest.raises(ValueError, match="Resize one to the other"):
        SegmentationScorer(NAMES, []).update(masks[:, :-1], probabilities)


def test_a_label_that_is_no_class_is_refused():
    with pytest.raises(ValueError, match="ignore_class"):
        SegmentationScorer(NAMES, []).update(*some_case())


def test_nan_is_refused():
    masks, probabilities = some_case()
    probabilities[0, 0, 0, 0] = np.nan
    masks[0, 0, 0] = 0
    with pytest.raises(ValueError, match="without NaN"):
        scored(masks, probabilities)


def test_only_void_is_refused():
    masks, probabilities = some_case()
    with pytest.raises(ValueError, match="at least one image with a labelled pixel"):
        scored(np.full_like(masks, VOID), probabilities).scores()
