"""Scores of predicted masks, batch by batch, in memory that does not grow with the pixels."""

import numpy as np

from dawn_tf.calibration import decide
from dawn_tf.evaluation.calibration import NUM_BINS, Calibration, bin_of, class_bins
from dawn_tf.evaluation.checks import check_labels_and_probabilities
from dawn_tf.evaluation.confusion_scores import confusion_scores
from dawn_tf.evaluation.scores import pr_auc

NUM_LEVELS = 2**16


class SegmentationScorer:
    """All scores of a segmentation model on one split, ready for `metrics.json`.

    Class 0 is the background, the others are foreground. Pixels count alike, over all images,
    in everything but the `*_per_image` scores; absent classes: see `confusion_scores`.

    Average precision comes from histograms of 65,536 equal probability levels per class: it is
    exact for probabilities rounded to the nearest level, a change of at most 7.6e-6 each.

    Per image and foreground class, Dice is `2 I / (T + P)` and IoU is `I / (T + P - I)` of its
    true pixels T, predicted pixels P and common pixels I. A class that is in neither counts as
    1, so classes that few images hold have flattering means. Images without a counted pixel
    are left out. `thresholded_jaccard` is the mean after setting every IoU below 0.65 to 0, the
    ISIC challenge's score ([Codella et al., 2019](https://arxiv.org/abs/1902.03368)).

    Args:
        class_names: Name of each class, the background first.
        minority: Indices of the minority classes.
        decision: From probabilities to a class, as in `dawn_tf.calibration.decide`.
        ignore_class: Label of pixels to leave out ("void"), or `None`.
    """

    def __init__(self, class_names, minority, decision=None, ignore_class=None):
        self.class_names = class_names
        self.minority = minority
        self.decision = decision
        self.ignore_class = ignore_class
        num_classes = len(class_names)
        self.matrix = np.zeros((num_classes, num_classes), "int64")
        self.histograms = np.zeros((num_classes, 2, NUM_LEVELS), "int64")
        self.calibration = Calibration()
        self.dice, self.iou, self.matrices = [], [], []

    def update(self, y_true, probabilities):
        """Adds images.

        Args:
            y_true: Integer masks, `(batch, height, width)` or `(batch, height, width, 1)`.
            probabilities: `(batch, height, width, num_classes)`.

        Raises:
            ValueError: If shapes, labels, probabilities (NaN) or the decision are not usable.
        """
        y_true, probabilities = np.asarray(y_true), np.asarray(probabilities)
        if y_true.ndim == probabilities.ndim and y_true.shape[-1] == 1:
            y_true = y_true[..., 0]
        if y_true.shape != probabilities.shape[:-1]:
            raise ValueError(
                "Expected masks of the shape of the predictions without their last axis. Received: "
                f"y_true.shape={y_true.shape}, probabilities.shape={probabilities.shape}. "
                "Resize one to the other."
            )
        counted = np.ones(y_true.shape, bool)
        if self.ignore_class is not None:
            counted = y_true != self.ignore_class
        if counted.any():
            self._update_pixels(y_true[counted], probabilities[counted])
        predicted = decide(probabilities, self.decision)
        for mask, prediction, keep in zip(y_true, predicted, counted, strict=True):
            self._update_image(mask[keep], prediction[keep])

    def _update_pixels(self, labels, probabilities):
        check_labels_and_probabilities(
            labels, probabilities, self.class_names, self.minority, self.decision
        )
        levels = np.rint(probabilities * (NUM_LEVELS - 1)).astype("int64")
        levels = np.minimum(levels, NUM_LEVELS - 1)
        for c, histogram in enumerate(self.histograms):
            index = levels[:, c] + NUM_LEVELS * (labels == c)
            histogram += np.bincount(index, minlength=2 * NUM_LEVELS).reshape(2, NUM_LEVELS)
        self.calibration.update(labels, probabilities)

    def _update_image(self, labels, predicted):
        num_classes = len(self.class_names)
        pairs = labels.astype("int64") * num_classes + predicted
        matrix = np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)
        self.matrix += matrix
        self.matrices.append(matrix)
        common = np.diagonal(matrix)[1:]
        size = (matrix.sum(0) + matrix.sum(1))[1:]
        nothing = np.nan if matrix.sum() == 0 else 1.0
        self.dice.append(np.where(size == 0, nothing, 2 * common / np.maximum(size, 1)))
        self.iou.append(np.where(size == 0, nothing, common / np.maximum(size - common, 1)))

    def scores(self):
        """The keys of `classification_scores` (support in pixels, `num_examples` in images) and
        `miou`, `dice_per_image_mean`, `iou_per_image_mean`, `thresholded_jaccard`; per class also
        `iou`, and for the foreground `dice_per_image` and `iou_per_image`.

        Raises:
            ValueError: If no counted pixel was seen.
        """
        if not self.matrix.any():
            raise ValueError(
                "Expected at least one image with a labelled pixel. Received: "
                f"{len(self.dice)} images. Check the split and ignore_class={self.ignore_class}."
            )
        scores = confusion_scores(self.matrix, self.class_names, self.minority)
        precisions = [histogram_average_precision(*h) for h in self.histograms]
        for one, average_precision in zip(scores["per_class"].values(), precisions, strict=True):
            one["average_precision"] = average_precision
        dice, iou = np.nanmean(self.dice, axis=0), np.nanmean(self.iou, axis=0)
        for name, d, i in zip(self.class_names[1:], dice, iou, strict=True):
            scores["per_class"][name].update(dice_per_image=float(d), iou_per_image=float(i))
        per_image = np.array(self.iou)
        return {
            **scores,
            "pr_auc": pr_auc(precisions),
            "dice_per_image_mean": float(dice.mean()),
            "iou_per_image_mean": float(iou.mean()),
            "thresholded_jaccard": float(np.nanmean(np.where(per_image < 0.65, 0, per_image))),
            "calibration": self.calibration.scores(),
            "decision": (
                None if self.decision is None else np.asarray(self.decision, float).tolist()
            ),
            "num_examples": len(self.dice),
        }

    def outputs(self):
        """Arrays for plots and statistics.

        Dict of `dice` and `iou`, `(images, num_classes - 1)`, NaN for images without a counted
        pixel; `matrices`, the confusion matrix of each image, `(images, num_classes, num_classes)`;
        `pr_recall` and `pr_precision`, `(num_classes, 1001)`; the reliability diagram's
        `bin_count`, `bin_confidence`, `bin_accuracy`; and those of single classes as `class_bins`
        gives them.
        """
        recall, precision = zip(*(histogram_curve(*h) for h in self.histograms), strict=True)
        bins = {f"bin_{key}": value for key, value in self.calibration.bins().items()}
        return {
            "dice": np.array(self.dice),
            "iou": np.array(self.iou),
            "matrices": np.array(self.matrices, "int32"),
            "pr_recall": np.array(recall),
            "pr_precision": np.array(precision),
            **bins,
            **self._class_bins(),
        }

    def _class_bins(self):
        levels = np.arange(NUM_LEVELS) / (NUM_LEVELS - 1)
        bins = bin_of(levels)
        positives, count = self.histograms[:, 1], self.histograms.sum(1)
        return class_bins(
            *(
                np.array([np.bincount(bins, row, NUM_BINS) for row in rows])
                for rows in (count, count * levels, positives)
            )
        )


def histogram_average_precision(negatives, positives):
    """Average precision of scores binned into levels, lowest first; `None` without positives."""
    if not positives.any():
        return None
    hits, predicted = cumulate(negatives, positives)
    steps = np.diff(hits, prepend=0) / hits[-1]
    return float(np.sum(steps * hits / np.maximum(predicted, 1)))


def histogram_curve(negatives, positives, num_points=1001):
    """Precision at equally spaced recalls in 0..1; NaN without positives."""
    recall = np.linspace(0, 1, num_points)
    if not positives.any():
        return recall, np.full(num_points, np.nan)
    hits, predicted = cumulate(negatives, positives)
    reached = np.searchsorted(hits, np.maximum(np.ceil(recall * hits[-1] - 1e-6), 1))
    return recall, hits[reached] / predicted[reached]


def cumulate(negatives, positives):
    """True and all positive predictions at each threshold, the highest threshold first."""
    hits = positives[::-1].cumsum()
    return hits, hits + negatives[::-1].cumsum()
