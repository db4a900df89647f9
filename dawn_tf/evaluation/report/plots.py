"""Figures about classes and scores; each function returns a matplotlib `Figure`."""

import matplotlib
import numpy as np
from matplotlib.ticker import LogLocator
from sklearn.metrics import average_precision_score, precision_recall_curve

from dawn_tf.evaluation.report.style import (
    BLUE,
    GREY,
    PALETTE,
    VERMILLION,
    compact,
    new_figure,
    shorten,
    styled,
)

# Above these, names or numbers in every row or cell would be too small to read.
MAX_BARS, MAX_CELLS, MAX_COUNTS = 30, 25, 12


@styled
def class_shares(class_names, before, after):
    """Class shares before and after sampling (the paper's Figure 5).

    Args:
        class_names: Name of each class.
        before: Counts or shares in the data, `(num_classes,)`.
        after: Counts or shares in the batches, `(num_classes,)`.
    """
    before, after = (100 * np.asarray(x, float) / np.sum(x) for x in (before, after))
    num_classes = len(class_names)
    title = "Class shares before and after sampling"
    if num_classes > MAX_BARS:
        fig = new_figure(9, 4.5)
        ax = fig.add_subplot()
        order = np.argsort(-before, kind="stable")
        for shares, color, style, label in (
            (before, GREY, "-", "before sampling"),
            (after, BLUE, "--", "after sampling"),
        ):
            ax.plot(np.arange(1, num_classes + 1), shares[order], style, c=color, lw=2, label=label)
        ax.set(title=title, xlabel="class, by its share in the data", ylabel="share (%), log scale")
        ax.set_yscale("log", nonpositive="mask")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("")
        ax.grid(axis="y")
        ax.legend()
        return fig

    fig = new_figure(8, 1.7 + 0.45 * num_classes)
    ax = fig.add_subplot()
    rows = np.arange(num_classes)
    for shares, color, shift, label in (
        (before, GREY, -0.2, "before sampling"),
        (after, BLUE, 0.2, "after sampling"),
    ):
        bars = ax.barh(rows + shift, shares, 0.38, color=color, label=label)
        ax.bar_label(bars, [percent(s) for s in shares], padding=3, fontsize=9)
    ax.set_yticks(rows, [shorten(name, lines=2) for name in class_names])
    ax.invert_yaxis()
    ax.set(title=title, xlabel="share (%)", xlim=(0, 1.13 * max(before.max(), after.max())))
    ax.tick_params(axis="y", length=0)
    fig.legend(loc="outside lower center", ncols=2)
    return fig


@styled
def per_class_f1(per_class, minority):
    """F1 of every class, minority classes set off.

    Args:
        per_class: `metrics["test"]["per_class"]`, name -> scores with `f1` and `support`.
        minority: Indices of the minority classes.
    """
    f1 = np.array([one["f1"] for one in per_class.values()])
    rare = np.isin(np.arange(len(f1)), minority)
    roomy = len(f1) <= MAX_BARS
    labels = [
        f"{shorten(name, lines=1 + roomy)}  ({compact(one['support'])})"
        for name, one in per_class.items()
    ]
    columns = np.array_split(np.arange(len(f1)), -(-len(f1) // 50))
    height, size = (0.4, 10) if roomy else (0.2, 8)
    fig = new_figure(max(8, 5 * len(columns)), 1.7 + height * len(columns[0]))
    # The line of the mean runs behind the numbers.
    line = {"c": "black", "lw": 1, "ls": ":", "zorder": 2}
    clear = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    for i, rows in enumerate(columns):
        ax = fig.add_subplot(1, len(columns), i + 1)
        for chosen, color, label in (
            (~rare[rows], GREY, "other classes"),
            (rare[rows], VERMILLION, "minority classes"),
        ):
            if chosen.any():
                bars = ax.barh(np.flatnonzero(chosen), f1[rows][chosen], 0.75, color=color)
                bars.set_label(label)
                values = [f"{v:.2f}" for v in f1[rows][chosen]]
                ax.bar_label(bars, values, padding=3, fontsize=size - roomy, bbox=clear)
        ax.set_yticks(range(len(rows)), [labels[c] for c in rows])
        ax.set(xlabel="F1", xlim=(0, 1.1), ylim=(len(rows) - 0.4, -0.6))
        ax.tick_params(axis="y", length=0, labelsize=size)
        ax.axvline(f1.mean(), **line, label=f"mean of all classes {f1.mean():.3f}")
        if i == 0:
            ax.set_title("F1 of each class (true examples)")
    handles = {}
    for ax in fig.axes:
        handles.update(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    fig.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return fig


@styled
def confusion_matrix(matrix, class_names):
    """Confusion matrix in percent of each true class, with counts while there is room.

    With more than 25 classes the cells have no numbers; the most frequent confusions stand
    below them instead.

    Args:
        matrix: Counts, `(num_classes, num_classes)`, true classes as rows.
        class_names: Name of each class.
    """
    matrix = np.asarray(matrix)
    num_classes, true = len(matrix), matrix.sum(1, keepdims=True)
    shares = 100 * matrix / np.where(true > 0, true, np.nan)
    crowded = num_classes > MAX_CELLS
    side = np.clip(0.85 * num_classes, 3.2, 8)
    if crowded:
        fig = new_figure(9.5, 14)
        ax, confusions = fig.subplots(2, 1, height_ratios=(3, 2))
    else:
        fig = new_figure(side + 3, side + 1.2)
        ax, confusions = fig.subplots(), None
    # Rows without true examples are grey.
    blues = matplotlib.colormaps["Blues"].with_extremes(bad="#EEEEEE")
    image = ax.imshow(shares, cmap=blues, vmin=0, vmax=100)
    bar = fig.colorbar(image, ax=ax, shrink=0.7, label="share of the true class (%)")
    bar.outline.set_visible(False)

    step = 1 if num_classes <= 50 else 5
    lines = 2 if num_classes <= MAX_COUNTS else 1
    names = [shorten(name, 18, lines) for name in class_names]
    ticks, size = range(0, num_classes, step), 10 if num_classes <= MAX_CELLS else 7
    counted = [f"{names[c]}  ({compact(true[c, 0])})" for c in ticks]
    ax.set_yticks(ticks, counted, fontsize=size)
    upright = num_classes > 3 or max(map(len, names)) > 12
    turn = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if upright else {}
    if crowded:
        turn = {"rotation": 90}
    ax.set_xticks(ticks, [names[c] for c in ticks], fontsize=size, **turn)
    ax.set(title="Confusion matrix", xlabel="predicted class", ylabel="true class (examples)")
    ax.spines[:].set_visible(False)

    if crowded:
        most_confused(confusions, matrix, shares, names)
        return fig
    for row, column in np.ndindex(matrix.shape):
        share = shares[row, column]
        text = "–" if np.isnan(share) else percent(share)
        if num_classes <= MAX_COUNTS and not np.isnan(share):
            text = f"{text} %\n{compact(matrix[row, column])}"
        if num_classes > MAX_COUNTS and matrix[row, column] == 0:
            text = ""
        color = "white" if share > 55 else "black"
        ax.text(column, row, text, ha="center", va="center", color=color, fontsize=9)
    return fig


def most_confused(ax, matrix, shares, names, num=20):
    """Bars of the largest cells off the diagonal."""
    errors = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    cells = np.argsort(-errors, axis=None, kind="stable")[:num]
    rows, columns = np.unravel_index(cells[errors.flat[cells] > 0], matrix.shape)
    bars = ax.barh(range(len(rows)), shares[rows, columns], 0.7, color=VERMILLION)
    ax.bar_label(bars, [compact(n) for n in errors[rows, columns]], padding=3, fontsize=9)
    labels = [f"{names[r]} → {names[c]}" for r, c in zip(rows, columns, strict=True)]
    ax.set_yticks(range(len(rows)), labels, fontsize=9)
    ax.set(title="Most frequent confusions", xlabel="share of the true class (%)")
    ax.set(ylim=(max(len(rows), 1) - 0.4, -0.6))
    ax.margins(x=0.15)
    ax.tick_params(axis="y", length=0)


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


@styled
def reliability(bins, ece):
    """Accuracy over confidence, and how many examples have which confidence.

    Args:
        bins: `Calibration.bins()`: `count`, `confidence` and `accuracy` of equal-width bins.
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


def percent(value):
    """A percentage in few characters, never rounded to 0 or 100: 42, 3.1, 0.17, 99.83."""
    if value in (0, 100):
        return f"{value:.0f}"
    if value < 0.01 or value > 99.99:
        return "<0.01" if value < 1 else ">99.99"
    digits = 2 if value < 0.95 or value > 99.5 else 1 if value < 9.95 else 0
    return f"{value:.{digits}f}"
