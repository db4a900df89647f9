import numpy as np
import pytest

from dawn_tf.evaluation import classification_scores, report
from dawn_tf.evaluation.report import class_plots


def some_scores(num_classes, n=400):
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, num_classes, n)
    probabilities = rng.dirichlet(np.full(num_classes, 0.3), n)
    probabilities = 0.7 * probabilities + 0.3 * np.eye(num_classes)[y_true]
    names = [f"a class with a long name {c}" for c in range(num_classes)]
    scores = classification_scores(y_true, probabilities, names, [num_classes - 1])
    return names, y_true, probabilities, scores


def all_figures(num_classes):
    names, y_true, probabilities, scores = some_scores(num_classes)
    counts = np.arange(num_classes) + 1.0
    yield report.class_shares(names, counts, np.sqrt(counts))
    yield report.class_shares(names, counts, np.sqrt(counts), 1000 / counts)
    yield report.per_class_f1(scores["per_class"], [num_classes - 1])
    yield report.confusion_matrix(scores["confusion_matrix"], names)
    yield report.pr_curves(report.classification_curves(y_true, probabilities, names))
    yield report.reliability(
        report.reliability_bins(y_true, probabilities), scores["calibration"]["ece"]
    )


def shown_labels(axis):
    low, high = sorted(axis.get_view_interval())
    ticks = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
    return [label for place, label in ticks if low <= place <= high and label.get_text()]


@pytest.mark.parametrize("num_classes", [2, 7, 20, 26, 100])
def test_labels_neither_overlap_nor_leave_the_figure(num_classes):
    for fig in all_figures(num_classes):
        fig.draw_without_rendering()
        width, height = fig.bbox.size
        for ax in fig.axes:
            texts = [ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label]
            boxes = [t.get_window_extent() for t in texts if t.get_text()]
            rows = [label.get_window_extent() for label in shown_labels(ax.yaxis)]
            for box in boxes + rows:
                assert (
                    box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
                )
            rows.sort(key=lambda box: box.y0)
            for low, high in zip(rows, rows[1:], strict=False):
                assert low.y1 <= high.y0 + 1


def test_shares_are_drawn_in_percent():
    fig = report.class_shares(["good", "fraud"], [998, 2], [0.5, 0.5])
    widths = [bar.get_width() for bar in fig.axes[0].patches]
    np.testing.assert_allclose(widths, [99.8, 0.2, 50, 50])
    texts = [text.get_text() for text in fig.axes[0].texts]
    assert texts == ["99.80", "0.20", "50", "50"]


def test_draws_per_example_have_their_own_panel():
    fig = report.class_shares(["good", "fraud"], [998, 2], [500, 500], [500 / 998, 250])
    widths = [bar.get_width() for bar in fig.axes[1].patches]
    np.testing.assert_allclose(widths, [500 / 998, 250])
    assert [text.get_text() for text in fig.axes[1].texts] == ["0.501", "250"]
    many = report.class_shares(list("abcdefgh") * 5, np.ones(40), np.ones(40), np.arange(40) + 1)
    np.testing.assert_allclose(many.axes[1].lines[0].get_ydata(), np.arange(40) + 1)


def test_f1_bars_are_the_scores_and_minority_has_its_own_color():
    names, _, _, scores = some_scores(3)
    bars = report.per_class_f1(scores["per_class"], [1]).axes[0].patches
    by_row = {round(bar.get_y() + bar.get_height() / 2): bar for bar in bars}
    for c, name in enumerate(names):
        np.testing.assert_allclose(by_row[c].get_width(), scores["per_class"][name]["f1"])
    colors = [by_row[c].get_facecolor() for c in range(3)]
    assert colors[0] == colors[2] != colors[1]


def test_confusion_cells_have_row_shares_and_counts():
    fig = report.confusion_matrix([[3, 1, 0], [0, 2, 0], [0, 0, 0]], ["a", "b", "absent"])
    cells = [text.get_text() for text in fig.axes[0].texts]
    assert cells == ["75 %\n3", "25 %\n1", "0 %\n0", "0 %\n0", "100 %\n2", "0 %\n0", *3 * ["–"]]


def test_many_classes_list_their_largest_confusions():
    matrix = np.diag(np.full(40, 50))
    matrix[3, 7], matrix[8, 2] = 10, 25
    fig = report.confusion_matrix(matrix, [f"c{c}" for c in range(40)])
    labels = [label.get_text() for label in fig.axes[1].get_yticklabels()]
    assert labels == ["c8 → c2", "c3 → c7"]
    widths = [bar.get_width() for bar in fig.axes[1].patches]
    np.testing.assert_allclose(widths, [100 * 25 / 75, 100 * 10 / 60])


@pytest.mark.parametrize(
    "value, text",
    [(0, "0"), (0.004, "<0.01"), (0.173, "0.17"), (3.14, "3.1"), (9.97, "10"), (42.4, "42")]
    + [(99.4, "99"), (99.83, "99.83"), (99.995, ">99.99"), (100, "100")],
)
def test_percentages_are_short_and_not_rounded_to_the_ends(value, text):
    assert class_plots.percent(value) == text
