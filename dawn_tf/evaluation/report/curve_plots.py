"""Figures made of curves; each function returns a matplotlib `Figure`."""

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve

from dawn_tf.evaluation.calibration import Calibration
from dawn_tf.evaluation.report.style import (
    BLUE,
    GREY,
    PALETTE,
    VERMILLION,
    new_figure,
    shorten,
    styled,
)


def classification_curves(y_true, probabilities, class_names):
    """One-vs-rest curves for `pr_curves`, of class 1 alone if there are two."""
    classes = [1] if len(class_names) == 2 else range(len(class_names))
    curves = []
    for c in classes:
        truth, p = y_true == c, probabilities[:, c]
        if truth.any():
            precision, recall, _ = precision_recall_curve(truth, p, drop_intermediate=True)
            # Ascending recall, without scikit-learn's added point at precision 1.
            precision, recall = precision[-2::-1], recall[-2::-1]
            precision, recall = np.append(precision[0], precision), np.append(0, recall)
            average_precision = average_precision_score(truth, p)
            curves.append((class_names[c], recall, precision, average_precision, truth.mean()))
    return curves


def segmentation_curves(outputs, scores):
    """Per-pixel curves for `pr_curves` of what `evaluate` gave for masks."""
    pixels = sum(one["support"] for one in scores["per_class"].values())
    curves = [
        (name, recall, precision, one["average_precision"], one["support"] / pixels)
        for (name, one), recall, precision in zip(
            scores["per_class"].items(), outputs["pr_recall"], outputs["pr_precision"], strict=True
        )
        if one["support"]
    ]
    return curves[1:] if len(scores["per_class"]) == 2 else curves


@styled
def pr_curves(curves):
    """Precision over recall, one line for each class; of more than 7 only the worst are named.

    Args:
        curves: Tuples `(name, recall, precision, average precision, prevalence)`, of
            `classification_curves` or `segmentation_curves`.
    """
    fig = new_figure(8, 5)
    ax = fig.add_subplot()
    curves = sorted(curves, key=lambda curve: curve[3])
    named, others = curves[: len(PALETTE)], curves[len(PALETTE) :]
    for _, recall, precision, *_ in others:
        ax.plot(recall, precision, c="#C9C9C9", lw=1, drawstyle="steps-pre")
    styles = ["-", "--", "-.", ":"]
    for i, (name, recall, precision, average_precision, _) in enumerate(named):
        label = f"{shorten(name)}  {average_precision:.3f}"
        style = {"c": PALETTE[i], "ls": styles[i % 4], "lw": 2, "drawstyle": "steps-pre"}
        ax.plot(recall, precision, label=label, **style)
    if len(curves) == 1:
        share = curves[0][4]
        ax.axhline(share, c=GREY, lw=1, ls=":", label=f"chance (share of the class)  {share:.3g}")
    if others:
        ax.plot([], [], c="#C9C9C9", lw=1, label=f"{len(others)} better classes")
    ax.set(title="Precision and recall", xlabel="recall", ylabel="precision")
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    ax.grid()
    title = "class, average precision"
    legend = fig.legend(loc="outside right upper", title=title, alignment="left")
    legend.get_title().set_fontsize(10)
    return fig


def reliability_bins(y_true, probabilities):
    """Bins for `reliability`: `Calibration.bins()` of labels and probabilities."""
    calibration = Calibration()
    calibration.update(y_true, probabilities)
    return calibration.bins()


@styled
def reliability(bins, ece):
    """Accuracy over confidence, and how many examples have which confidence.

    Args:
        bins: `count`, `confidence` and `accuracy` of equal-width bins, of `reliability_bins`.
        ece: Expected calibration error, 0..1.
    """
    fig = new_figure(6, 6)
    ax, below = fig.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    num_bins = len(bins["count"])
    centers, filled = (np.arange(num_bins) + 0.5) / num_bins, np.asarray(bins["count"]) > 0
    ax.plot([0, 1], [0, 1], c="black", lw=1, ls=":", label="perfectly calibrated")
    bars = {"width": 0.92 / num_bins, "color": BLUE}
    ax.bar(centers[filled], bins["accuracy"][filled], **bars, alpha=0.35, label="accuracy in bin")
    points = {"marker": "o", "c": VERMILLION, "zorder": 3}
    ax.scatter(
        bins["confidence"][filled],
        bins["accuracy"][filled],
        **points,
        label="at the mean confidence of the bin",
    )
    ax.set(title=f"Reliability: calibration error {ece:.3f}", ylabel="accuracy", ylim=(0, 1.02))
    ax.legend(loc="upper left")
    below.bar(centers, 100 * bins["count"] / np.sum(bins["count"]), **bars)
    below.set(xlabel="confidence (largest probability)", ylabel="examples (%)", xlim=(0, 1))
    return fig


@styled
def training_curves(history, best_epoch=None):
    """Every logged quantity over the epochs, training and validation in one panel.

    Args:
        history: Name -> value of each epoch, as `keras.callbacks.History.history`; `val_`
            names go to the panel of the name without it. `None` where nothing was logged.
        best_epoch: Number, from 1, of the epoch that was selected.
    """
    names = list(dict.fromkeys(name.removeprefix("val_") for name in history))
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    fig = new_figure(max(5, 4 * columns), 0.6 + 2.8 * rows)
    for i, name in enumerate(names):
        ax = fig.add_subplot(rows, columns, i + 1)
        for key, color, style, label in (
            (name, GREY, "-", "training"),
            (f"val_{name}", BLUE, "--", "validation"),
        ):
            if key in history:
                values = np.array(history[key], float)
                marker = "o" if len(values) < 4 else None
                epochs = np.arange(1, len(values) + 1)
                ax.plot(epochs, values, style, c=color, lw=2, marker=marker, label=label)
        if best_epoch is not None:
            line = {"c": VERMILLION, "lw": 1.2, "ls": ":"}
            ax.axvline(best_epoch, **line, label=f"selected epoch ({best_epoch})")
        ax.set(title=name.replace("_", " "), xlabel="epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(axis="y")
    handles = {}
    for ax in fig.axes:
        handles.update(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    fig.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return fig
