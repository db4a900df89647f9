"""What an interactive plot is: views to choose from, each with its traces and the same as a table.

Traces and layouts are those of [plotly.js](https://plotly.com/javascript/reference/), as dicts.
Colours of paper, grid and text are the page's own and are set there.
"""

import dataclasses
from html import escape

import numpy as np

# Three of Okabe and Ito's and three that were searched for: each has a contrast of 3:1 on the light
# page and on the dark one, and any two differ for the common colour-blindnesses too. Methods with
# the same colour have another symbol and another dash.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#693CFF", "#2D96A5", "#D2003C")
GREY = "#808080"
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
DASHES = ("solid", "dash", "dot", "dashdot")
# An axis of names, the first on top.
ROWS = {"automargin": True, "type": "category", "autorange": "reversed"}
SHOWN = 6  # Methods that are drawn at first, one of each colour.


@dataclasses.dataclass(frozen=True)
class View:
    """One state of a plot.

    Attributes:
        traces: Of plotly.js. A `meta` with `method` is shown and hidden with that method.
        layout: Of plotly.js.
        head, rows: The same as a table: names of columns; rows of texts and numbers.
    """

    traces: list
    layout: dict
    head: list
    rows: list


@dataclasses.dataclass(frozen=True)
class Plot:
    """A plot of the page.

    Attributes:
        title: Its caption.
        alt: What it shows, for those who don't see it.
        views: `View` by name, the first is shown first.
        choice: What the names of the views are, for the label of their list.
        note: How to read it.
    """

    title: str
    alt: str
    views: dict
    choice: str = ""
    note: str = ""


def look(index, **line):
    """Colour, symbol and dash of the method with this number, for a trace."""
    turn = index // len(COLORS)
    color = COLORS[index % len(COLORS)]
    symbol = SYMBOLS[(index + turn) % len(SYMBOLS)]
    return {
        "marker": {"color": color, "symbol": symbol, "size": 9},
        "line": {"color": color, "dash": DASHES[turn % len(DASHES)], **line},
    }


def of_method(section, method, **line):
    """What every trace of a method has: name, look, and whether it is shown at first."""
    index = section.methods.index(method)
    return {
        "name": label(method),
        "meta": {"method": method},
        "visible": index < SHOWN,
        **look(index, **line),
    }


def label(text):
    """`text` as plotly.js shows it literally: it would take tags for markup."""
    return escape(" ".join(str(text).split()), quote=False)


def plain(values, digits=4):
    """Floats for JSON, rounded; `None` for NaN."""
    return [round(float(v), digits) if np.isfinite(v) else None for v in values]


def rows_height(count, row=26):
    """Height in pixels of a plot with so many rows."""
    return 110 + row * max(count, 3)
