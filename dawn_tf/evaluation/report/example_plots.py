"""Figures of what a data set looks like: examples of each class, columns of a table."""

import numpy as np
from matplotlib.patches import Patch

from dawn_tf.evaluation.report.image_plots import clear, overlay, to_rgb
from dawn_tf.evaluation.report.style import (
    GREY,
    PALETTE,
    class_colors,
    new_figure,
    shorten,
    styled,
)

_WIDTH, _MASKED_WIDTH = 1.0, 1.4  # Of an image, in inches.
_LEGEND = 6  # Names in a line.
_COLUMNS = 4  # Of histograms in a row.


@styled
def example_sheet(title, headings, rows, mask_names=(), ignore_class=None):
    """Images of each class, a row a class; at the right the same images augmented.

    Args:
        title: Of the sheet.
        headings: Two texts, of the images at the left and at the right.
        rows: Tuples `(text, plain, augmented)`: what stands before the row, and twice
            `(images, masks)`, images `(n, height, width, channels)` in 0..255, masks of class
            numbers `(n, height, width)` or `None`. A row may hold fewer images than another.
        mask_names: Names of the classes in the masks; class 0, the background, is left clear.
        ignore_class: Label of void pixels, shown in grey, or `None`.
    """
    columns = max(len(plain[0]) for _, plain, _ in rows)
    height, width = rows[0][1][0].shape[1:3]
    patches = _mask_patches(rows, mask_names, ignore_class)
    across = _MASKED_WIDTH if patches else _WIDTH
    down = across * height / width
    side, top, gap, bottom = 1.9, 0.7, 0.25, 0.1 + 0.25 * -(-len(patches) // _LEGEND)
    size = side + 2 * columns * across + gap, top + bottom + len(rows) * down
    fig = new_figure(*size, layout="none")
    fig.suptitle(title, x=0.12 / size[0], y=1 - 0.12 / size[1], ha="left", va="top", weight="bold")
    colors = class_colors(max(len(mask_names), 1))
    axes = []
    for block, heading in enumerate(headings):
        left = side + block * (columns * across + gap)
        fig.text(left / size[0], 1 - (top - 0.12) / size[1], heading, va="bottom")
        for r, (_, *blocks) in enumerate(rows):
            images, masks = blocks[block]
            for c, image in enumerate(images):
                corner = left + c * across, size[1] - top - (r + 1) * down
                place = (corner[0], corner[1], 0.96 * across, 0.96 * down)
                ax = fig.add_axes([p / size[i % 2] for i, p in enumerate(place)])
                shown = to_rgb(image)
                if masks is not None:
                    shown = overlay(shown, masks[c], colors, ignore_class, opacity=0.4)
                ax.imshow(shown)
                axes.append(ax)
    for r, (text, *_) in enumerate(rows):
        name, *more = text.split("\n")
        y = 1 - (top + (r + 0.48) * down) / size[1]
        text = "\n".join([shorten(name, 20), *more])
        fig.text((side - 0.12) / size[0], y, text, ha="right", va="center", fontsize=10)
    clear(np.array(axes))
    if patches:
        fig.legend(handles=patches, loc="lower center", ncols=min(_LEGEND, len(patches)))
    return fig


def _mask_patches(rows, mask_names, ignore_class):
    """What the legend shows: the classes in the masks, void last."""
    masks = [np.unique(masks) for _, *blocks in rows for _, masks in blocks if masks is not None]
    present = np.unique(np.concatenate(masks)) if masks else ()
    colors = class_colors(max(len(mask_names), 1))
    patches = [
        Patch(color=colors[c - 1], label=shorten(mask_names[c]))
        for c in present
        if c not in (0, ignore_class)
    ]
    if ignore_class is not None and ignore_class in present:
        patches.append(Patch(color=GREY, label="void"))
    return patches


@styled
def column_histograms(title, x, labels, column_names, class_names):
    """How the classes are spread over each column of a table: outlines of equal area.

    The middle 99 % of a column is shown. Of more classes than there are colours, the rarest.

    Args:
        title: Of the figure.
        x: `(N, columns)`.
        labels: Class numbers, `(N,)`.
        column_names: Name of each column.
        class_names: Name of each class.
    """
    colors = [GREY, *PALETTE]
    counts = np.bincount(labels, minlength=len(class_names))
    classes = [c for c in np.argsort(counts, kind="stable") if counts[c]][: len(colors)][::-1]
    num_rows = -(-x.shape[1] // _COLUMNS)
    fig = new_figure(11, 0.9 + 1.45 * num_rows)
    axes = fig.subplots(num_rows, _COLUMNS, squeeze=False)
    for ax, name, column in zip(axes.flat, column_names, x.T, strict=False):
        low, high = np.quantile(column, (0.005, 0.995))
        edges = np.linspace(low, high if high > low else low + 1, 41)
        for color, c in zip(colors, classes, strict=False):
            heights, _ = np.histogram(column[labels == c], edges)
            area = max(heights.sum(), 1) * (edges[1] - edges[0])
            ax.stairs(heights / area, edges, color=color, lw=1.4)
        ax.set_title(shorten(name), fontsize=10, weight="normal")
        ax.set(yticks=[])
        ax.spines["left"].set_visible(False)
        ax.tick_params(labelsize=8)
    for ax in axes.flat[x.shape[1] :]:
        ax.set_visible(False)
    fig.suptitle(title, x=0.01, ha="left", weight="bold")
    handles = [
        Patch(color=color, label=f"{shorten(class_names[c])} ({counts[c]:,})")
        for color, c in zip(colors, classes, strict=False)
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)))
    return fig
