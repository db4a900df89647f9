"""Precision-recall and reliability curves of groups of classes, methods beside each other."""

import numpy as np
from sklearn.metrics import precision_recall_curve

from dawn_tf.evaluation.calibration import reliability_of_classes
from dawn_tf.evaluation.report.plot import GREY, Plot, View, of_method, plain
from dawn_tf.evaluation.section import outputs

RECALLS = np.linspace(0, 1, 101)
FEWEST = 10  # Examples of a bin that is drawn; the share among fewer is noise.


def precision_recall(section):
    """Mean precision over a group's classes at each recall; `None` without test outputs."""
    views = _views(
        section,
        _mean_precision,
        ("recall", "precision"),
        ["Method", *(f"at recall {recall:.1f}" for recall in RECALLS[::10])],
        lambda method, x, y: [[method, *plain(y[::10], 3)]],
    )
    return views and Plot(
        "Precision and recall",
        "Line plot: precision over recall, a line for each method, for the chosen classes of "
        f"{section.dataset}.",
        views,
        "Classes",
        "Precision at each recall, the mean over the classes of the group (one class against the "
        "rest) and over seeds.",
    )


def reliability(section):
    """How often a group's classes were true over their probability; `None` without outputs."""
    axes = "mean probability", "share that was of the class"
    views = _views(
        section,
        _pooled_reliability,
        axes,
        ["Method", *(axis.capitalize() for axis in axes)],
        lambda method, x, y: [[method, *p] for p in zip(plain(x), plain(y), strict=True)],
    )
    for view in (views or {}).values():
        view.traces.insert(0, _DIAGONAL)
    return views and Plot(
        "Reliability",
        "Line plot: how often a class was true over the probability it was given, a line for each "
        f"method, for the chosen classes of {section.dataset}.",
        views,
        "Classes",
        "15 bins of equal width, the classes of the group (one class against the rest) and seeds "
        f"pooled; bins of fewer than {FEWEST} are left out. On the dotted line probabilities can "
        "be taken at their word; below it they are too high.",
    )


def _views(section, curve, axes, head, rows_of):
    """A `View` for each group of classes; `None` without any.

    Args:
        section: The `Section`.
        curve: Function of the outputs of a method's seeds and of class numbers to `(x, y)`, or to
            `None`.
        axes: Their names.
        head: Of the table.
        rows_of: Function of a method, x and y to its rows of the table.
    """
    views = {}
    for group, classes in section.class_groups().items():
        traces, rows = [], []
        for method in section.methods:
            seeds = [found for row in section.of(method) if (found := outputs(row)) is not None]
            found = curve(seeds, classes) if seeds else None
            if found is None:
                continue
            x, y = found
            rows += rows_of(method, x, y)
            traces.append(
                {
                    **of_method(section, method, width=2),
                    "type": "scatter",
                    "mode": "lines+markers",
                    "x": plain(x),
                    "y": plain(y),
                    "hovertemplate": f"{axes[1]} %{{y:.3f}} at %{{x:.3f}}",
                }
            )
            traces[-1]["marker"] |= {"maxdisplayed": 15, "size": 7}
        layout = {
            "xaxis": {"title": {"text": axes[0]}, "range": [-0.02, 1.02]},
            "yaxis": {"title": {"text": axes[1]}, "range": [-0.02, 1.04]},
            "hovermode": "closest",
            "height": 460,
        }
        if traces:
            members = [section.class_names[c] for c in classes]
            shown = ", ".join(members[:3]) + (f", … {len(members)} classes" if members[3:] else "")
            views[f"{group} ({shown})"] = View(traces, layout, head, rows)
    return views or None


def _mean_precision(seeds, classes):
    precisions = np.mean([_precisions(arrays)[classes] for arrays in seeds], axis=0)
    known = np.isfinite(precisions[:, 0])
    return (RECALLS, precisions[known].mean(0)) if known.any() else None


def _precisions(arrays):
    """Precision of each class at `RECALLS`; NaN rows for those without true examples."""
    if "pr_precision" in arrays:
        return arrays["pr_precision"][:, ::10]
    y_true, probabilities = arrays["y_true"], arrays["probabilities"].astype("float32")
    return np.array([_precision(y_true == c, p) for c, p in enumerate(probabilities.T)])


def _precision(truth, p):
    if not truth.any():
        return np.full(len(RECALLS), np.nan)
    precision, recall, _ = precision_recall_curve(truth, p)
    # Ascending recall, without scikit-learn's added point at precision 1.
    precision, recall = precision[-2::-1], recall[-2::-1]
    return precision[np.searchsorted(recall, RECALLS - 1e-9)]


def _pooled_reliability(seeds, classes):
    bins = [_bins(arrays, classes) for arrays in seeds]
    if any(one is None for one in bins):
        return None
    count, confidence, positives = np.sum(bins, axis=0)
    filled = count >= FEWEST
    return confidence[filled] / count[filled], positives[filled] / count[filled]


def _bins(arrays, classes):
    """Count, sum of probabilities and positives of each bin, of a group's classes together."""
    bins = arrays
    if "probabilities" in arrays:
        bins = reliability_of_classes(arrays["y_true"], arrays["probabilities"].astype("float32"))
    elif "class_bin_count" not in arrays:
        return None
    count = bins["class_bin_count"][classes]
    sums = (
        count * np.nan_to_num(bins[f"class_bin_{key}"][classes])
        for key in ("confidence", "frequency")
    )
    return [part.sum(0) for part in (count, *sums)]


_DIAGONAL = {
    "type": "scatter",
    "mode": "lines",
    "name": "perfectly calibrated",
    "x": [0, 1],
    "y": [0, 1],
    "line": {"color": GREY, "dash": "dot", "width": 1},
    "hoverinfo": "skip",
}
