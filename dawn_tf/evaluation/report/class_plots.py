"""Figures about classes; each function returns a matplotlib `Figure`."""

import matplotlib
import numpy as np
from matplotlib.ticker import LogLocator

from dawn_tf.evaluation.report.style import (
    BLUE,
    GREY,
    VERMILLION,
    compact,
    new_figure,
    shorten,
    styled,
)

# Above these, names or numbers in every row or cell would be too small to read.
MAX_BARS, MAX_CELLS, MAX_COUNTS = 30, 25, 12


@styled
def class_shares(class_names, before, after, repeats=None):
    """Class shares before and after sampling (the paper's Figure 5).

    Args:
        class_names: Name of each class.
        before: Counts or shares in the data, `(num_classes,)`.
        after: Counts or shares in the batches, `(num_classes,)`.
        repeats: Times that an example of each class was drawn, `(num_classes,)`, for a second
            panel; or `None`.
    """
    shares = [100 * np.asarray(x, float) / np.sum(x) for x in (before, after)]
    draw = _share_lines if len(class_names) > MAX_BARS else _share_bars
    return draw(class_names, *shares, repeats)


def _share_lines(class_names, before, after, repeats):
    num_panels = 1 if repeats is None else 2
    fig = new_figure(9, 4.5 * num_panels)
    axes = np.ravel(fig.subplots(num_panels, 1, sharex=True))
    place = np.arange(1, len(class_names) + 1)
    order = np.argsort(-before, kind="stable")
    axes[0].plot(place, before[order], "-", c=GREY, lw=2, label="before sampling")
    axes[0].plot(place, after[order], "--", c=BLUE, lw=2, label="after sampling")
    axes[0].set(title="Class shares before and after sampling", ylabel="share (%), log scale")
    axes[0].legend()
    if repeats is not None:
        axes[1].plot(place, np.asarray(repeats)[order], "-", c=BLUE, lw=2)
        axes[1].set(title="Draws per example", ylabel="draws, log scale")
    axes[-1].set_xlabel("class, by its share in the data")
    for ax in axes:
        ax.set_yscale("log", nonpositive="mask")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("")
        ax.grid(axis="y")
    return fig


def _share_bars(class_names, before, after, repeats):
    fig = new_figure(8 if repeats is None else 10, 1.7 + 0.45 * len(class_names))
    widths = (1,) if repeats is None else (2, 1)
    axes = np.ravel(fig.subplots(1, len(widths), width_ratios=widths))
    rows = np.arange(len(class_names))
    for shares, color, shift, label in (
        (before, GREY, -0.2, "before sampling"),
        (after, BLUE, 0.2, "after sampling"),
    ):
        bars = axes[0].barh(rows + shift, shares, 0.38, color=color, label=label)
        axes[0].bar_label(bars, [percent(s) for s in shares], padding=3, fontsize=9)
    axes[0].set_yticks(rows, [shorten(name, lines=2) for name in class_names])
    axes[0].set(xlabel="share (%)", xlim=(0, 1.13 * max(before.max(), after.max())))
    axes[0].set_title("Class shares before and after sampling")
    if repeats is not None:
        bars = axes[1].barh(rows, repeats, 0.38, color=BLUE)
        axes[1].bar_label(bars, [f"{r:.3g}" for r in repeats], padding=3, fontsize=9)
        axes[1].set(title="Draws per example", xlabel="draws", xlim=(0, 1.2 * max(repeats)))
        axes[1].set_yticks([])
    for ax in axes:
        ax.set_ylim(len(class_names) - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
    fig.legend(loc="outside lower center", ncols=2)
    return fig


@styled
def per_class_f1(per_class, minority):
    """F1 of every class, minority classes set off.

    Args:
        per_class: A split's `per_class` scores, name -> `f1` and `support`.
        minority: Indices of the minority classes.
    """
    f1 = np.array([one["f1"] for one in per_class.values()])
    mean = np.mean([one["f1"] for one in per_class.values() if one["support"]])
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
        ax.axvline(mean, **line, label=f"mean of true classes {mean:.3f}")
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
        fig = new_figure(side + 3.5, side + 1.2, layout="compressed")
        ax, confusions = fig.subplots(), None
    # Rows without true examples are grey.
    blues = matplotlib.colormaps["Blues"].with_extremes(bad="#EEEEEE")
    aspect = "auto" if crowded else "equal"
    image = ax.imshow(shares, cmap=blues, vmin=0, vmax=100, aspect=aspect)
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


def percent(value):
    """A percentage in few characters, never rounded to 0 or 100: 42, 3.1, 0.17, 99.83."""
    if value in (0, 100):
        return f"{value:.0f}"
    if value < 0.01 or value > 99.99:
        return "<0.01" if value < 1 else ">99.99"
    digits = 2 if value < 0.95 or value > 99.5 else 1 if value < 9.95 else 0
    return f"{value:.{digits}f}"
