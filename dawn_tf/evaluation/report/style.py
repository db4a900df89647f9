"""Shared look of the figures: colours, type sizes, saving."""

import textwrap

import matplotlib
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from dawn_tf.evaluation.files import atomic

# Okabe and Ito's palette, safe for the common colour-blindnesses, without its pale yellow.
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
PALETTE = [BLUE, VERMILLION, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#333333"]
GREY = "#8A8A8A"

STYLE = {
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "legend.fontsize": 10,
    "legend.frameon": False,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "figure.facecolor": "white",
    # A class may be called "$5 note"; its name is not a formula.
    "text.parse_math": False,
}

# As a decorator: the style holds while a figure is built and no global state stays changed.
styled = matplotlib.rc_context(STYLE)


def new_figure(width, height, layout="constrained"):
    """An empty figure, `width` by `height` inches, whose parts are laid out without overlap.

    The layout "compressed" is the one for images, whose shape is fixed.
    """
    return Figure(figsize=(width, height), layout=layout)


def save(fig, path):
    """Writes the figure as PNG, 130 dots per inch, atomically."""
    with atomic(path) as file:
        fig.savefig(file, format="png", dpi=130)


def shorten(name, width=24, lines=1):
    """`name` on at most `lines` lines of `width` characters."""
    name = " ".join(str(name).split())
    if lines == 1:
        return name if len(name) <= width else name[: width - 1] + "…"
    return textwrap.fill(name, width, max_lines=lines, placeholder="…")


def compact(number):
    """A count in few characters: 950, 12345, 123k, 4.56M, 1.2G."""
    for unit, size, least in (("G", 1e9, 1e9), ("M", 1e6, 1e6), ("k", 1e3, 1e5)):
        if number >= least:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def class_colors(num_classes):
    """One RGB triple for each class: the palette, then its tints and shades."""
    base = np.array([to_rgb(color) for color in PALETTE])
    colors = np.concatenate([base, 0.5 + 0.5 * base, 0.55 * base])
    return np.resize(colors, (num_classes, 3))
