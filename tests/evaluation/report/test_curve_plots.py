import numpy as np
from sklearn.metrics import average_precision_score

from dawn_tf.evaluation import SegmentationScorer, report


def some_case(num_classes, n=400):
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, num_classes, n)
    probabilities = rng.dirichlet(np.full(num_classes, 0.3), n)
    probabilities = 0.7 * probabilities + 0.3 * np.eye(num_classes)[y_true]
    return [f"class {c}" for c in range(num_classes)], y_true, probabilities


def test_steps_under_the_drawn_curves_are_the_average_precision():
    names, y_true, probabilities = some_case(3)
    curves = report.classification_curves(y_true, probabilities, names)
    for c, (name, recall, precision, average_precision, share) in enumerate(curves):
        want = average_precision_score(y_true == c, probabilities[:, c])
        assert name == names[c] and share == (y_true == c).mean()
        np.testing.assert_allclose(
            [average_precision, np.sum(np.diff(recall) * precision[1:])], want
        )


def test_two_classes_and_masks_have_the_curve_of_class_one():
    names, y_true, probabilities = some_case(2)
    assert [c[0] for c in report.classification_curves(y_true, probabilities, names)] == names[1:]
    scorer = SegmentationScorer(names, [1])
    scorer.update(y_true.reshape(4, 10, 10), probabilities.reshape(4, 10, 10, 2))
    scores, outputs = scorer.scores(), scorer.outputs()
    (name, recall, precision, average_precision, _) = report.segmentation_curves(outputs, scores)[0]
    assert name == names[1]
    # Curves of masks are thinned to 1001 recalls.
    np.testing.assert_allclose(
        np.sum(np.diff(recall) * precision[1:]), average_precision, atol=1e-3
    )


def test_training_curves_pair_training_with_validation():
    history = {"loss": [2.0, 1.0], "val_loss": [3.0, None], "learning_rate": [0.1, 0.1]}
    fig = report.training_curves(history, best_epoch=1)
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["loss", "learning rate"]
    training, validation, best = fig.axes[0].lines
    np.testing.assert_array_equal(training.get_ydata(), [2, 1])
    np.testing.assert_array_equal(validation.get_ydata(), [3, np.nan])
    np.testing.assert_array_equal(validation.get_xdata(), [1, 2])
    assert best.get_xdata()[0] == 1


def test_reliability_shows_the_filled_bins():
    bins = report.reliability_bins(np.array([0, 1]), np.array([[0.9, 0.1], [0.62, 0.38]]))
    fig = report.reliability(bins, ece=0.36)
    heights = [bar.get_height() for bar in fig.axes[0].patches]
    assert heights == [0, 1]  # The example of confidence 0.62 is wrong, that of 0.9 right.
    assert sum(bar.get_height() for bar in fig.axes[1].patches) == 100
