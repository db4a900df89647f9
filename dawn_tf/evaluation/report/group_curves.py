"""Precision-recall and reliability curves of groups of classes, methods beside each other."""

import numpy as np
from sklearn.metrics import precision_recall_curve

from dawn_tf.evaluation.calibration import reliability_of_classes
from dawn_tf.evaluation.report.plot import Plot, View, of_method, plain
from dawn_tf.evaluation.section import outputs

RECALLS = np.linspace(0, 1, 101)
FEWEST = 10  # Examples of a bin that is drawn; the share among fewer is noise.


def precision_recall(section):
    """Mean precision over a group's classes at each recall; `None` without test outputs."""
    return _plot(
        section,
        "Precision and recall",
        "Line plot: precision over recall, a line for each method, for the chosen classes of "
        f"{section.dataset}.",
        "Precision at each recall, the mean over the classes of the group (one class against the "
        "rest) and over seeds.",
        ("recall", "precision"),
        _precision_of_group,
        RECALLS[::10],
    )


def reliability(section):
    """How often a group's classes were true over their probability; `None` without outputs."""
    return _plot(
        section,
        "Reliability",
        "Line plot: how often a class was true over the probability it was given, a line for each "
        f"method, for the chosen classes of {section.dataset}.",
        "15 bins of equal width, the classes of the group (one class against the rest) and seeds "
        f"pooled; bins of fewer than {FEWEST} are left out. On the dotted line probabilities can be taken at their word; below it they are "
        "too high.",
        ("mean probability", "share that was of the class"),
        _reliability,
        None,
    )


def _plot(section, title, alt, note, axes, curve, at):
    views = {}
    for group, classes in section.class_groups().items():
        traces, rows = [], []
        for method in section.methods:
            arrays = [a for row in section.of(method) if (a := outputs(row)) is not None]
            curves = [found for a in arrays if (found := curve(a, classes)) is not None]
            if not curves:
                continue
            x, y = _merged(curves)
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
            if at is None:
                rows += [[method, *pair] for pair in zip(plain(x), plain(y), strict=True)]
            else:
                rows.append([method, *plain(np.interp(at, x, y), 3)])
        if not traces:
            continue
        if at is None:
            traces.insert(0, _diagonal())
            head = ["Method", *(axis.capitalize() for axis in axes)]
        else:
            head = ["Method", *(f"at recall {r:.1f}" for r in at)]
        layout = {
            "xaxis": {"title": {"text": axes[0]}, "range": [-0.02, 1.02]},
            "yaxis": {"title": {"text": axes[1]}, "range": [-0.02, 1.04]},
            "hovermode": "closest",
            "height": 460,
        }
        members = [section.class_names[c] for c in classes]
        shown = ", ".join(members[:3]) + (f", … {len(members)} classes" if members[3:] else "")
        views[f"{group} ({shown})"] = View(traces, layout, head, rows)
    return Plot(title, alt, views, "Classes", note) if views else None


def _merged(curves):
    """The mean over seeds of curves at the same places; where places differ, weighted bins."""
    if len(curves[0]) == 2:
        return curves[0][0], np.mean([y for _, y in curves], axis=0)
    count, confidence, positives = np.sum(curves, axis=0)
    filled = count >= FEWEST
    return confidence[filled] / count[filled], positives[filled] / count[filled]


def _precision_of_group(arrays, classes):
    precisions = _precisions(arrays)[classes]
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


def _reliability(arrays, classes):
    """`(count, sum of probabilities, positives)` by bin, of a group's classes together."""
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


def _diagonal():
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "perfectly calibrated",
        "x": [0, 1],
        "y": [0, 1],
        "line": {"color": "#808080", "dash": "dot", "width": 1},
        "hoverinfo": "skip",
    }
