"""What the demo shows of a file, as HTML."""

import html
import pathlib

import numpy as np
import tensorflow as tf

from dawn_tf.data.images import decode_image
from dawn_tf.demo.pictures import DETAIL, GLOBAL, data_uri, enlarged, gate_map, masked, swatch
from dawn_tf.evaluation.report.style import class_colors


def answer_of(served, path):
    """What the model says of a file, as HTML.

    Raises: `ValueError` for a file that the model cannot take.
    """
    content = pathlib.Path(path).read_bytes()
    if served.kind == "rows":
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise ValueError(
                "Expected a CSV as UTF-8 text. Received: other bytes. Save it as CSV."
            ) from error
        return _rows(served, served.rows(text))
    out = served.image(content)
    # Colour, whatever the network takes: it is for people.
    image = decode_image(tf.constant(content), served.image_shape, 3).numpy()
    return _mask(served, image, out) if "mask" in out else _image(served, image, out)


def _image(served, image, out):
    chosen = int(out["class"])
    columns = {_probability(served): out["probabilities"]}
    pictures, legend = [(enlarged(image), "as the model sees it")], ""
    if "gate" in out:
        columns["global decoder alone"] = _softmax(out["global"])
        columns["detail decoder alone"] = _softmax(out["detail"])
        name = served.class_names[chosen]
        pictures.append((gate_map(image, out["gate"][..., chosen]), f"gate of {name}"))
        legend = _gate_legend()
    return _table(served, chosen, columns) + _figures(pictures) + legend


def _mask(served, image, out):
    num = len(served.class_names)
    pictures = [
        (enlarged(image), "as the model sees it"),
        (masked(image, out["mask"], num), "mask"),
    ]
    columns = {"share of pixels": _shares(out["mask"], num)}
    colors = class_colors(num)
    legend = _legend((colors[c - 1], served.class_names[c]) for c in range(1, num))
    if "gate" in out:
        for name in ("global", "detail"):
            alone = out[name].argmax(-1)
            pictures.append((masked(image, alone, num), f"{name} decoder alone"))
            columns[f"{name} decoder alone"] = _shares(alone, num)
        pictures.append((gate_map(image, out["gate"].mean(-1)), "gate, mean of the classes"))
        legend += _gate_legend()
    return _table(served, None, columns) + _figures(pictures) + legend


def _shares(mask, num_classes):
    return np.bincount(mask.ravel(), minlength=num_classes) / mask.size


def _probability(served):
    calibrated = served.card.get("calibration", {"map": "none"})["map"] != "none"
    return "calibrated probability" if calibrated else "probability (not calibrated)"


def _rows(served, out):
    head = ["line", "class", *served.class_names]
    if "gate" in out:
        head.append("gate (0 global, 1 detail decoder)")
    lines = []
    for i, c in enumerate(out["class"]):
        cells = [str(i + 2), html.escape(served.class_names[c])]
        cells += [f"{p:.4f}" for p in out["probabilities"][i]]
        if "gate" in out:
            cells.append(f"{out['gate'][i, c]:.2f}")
        lines.append(_line(cells))
    return f"<p>Class by line of the file, and {_probability(served)}</p>{_html_table(head, lines)}"


def _table(served, chosen, columns):
    """A line a class, the likeliest first; bold is the one that the model decides for."""
    first = next(iter(columns.values()))
    lines = [
        _line(
            [html.escape(served.class_names[c]), *(f"{v[c]:.3f}" for v in columns.values())],
            c == chosen,
        )
        for c in np.argsort(-first)
    ]
    table = _html_table(["class", *columns], lines)
    if chosen is None:
        return table
    note = ""
    if chosen != first.argmax():
        note = " (not the likeliest: the model weighs classes, as chosen on validation)"
    return f"<h3>{html.escape(served.class_names[chosen])}{note}</h3>{table}"


def _html_table(head, lines):
    names = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    return f'<table class="answer"><tr>{names}</tr>{"".join(lines)}</table>'


def _line(cells, chosen=False):
    kind = ' class="chosen"' if chosen else ""
    return f"<tr{kind}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _figures(pictures):
    figures = "".join(
        f'<figure><img src="{data_uri(image)}" alt="{html.escape(caption)}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for image, caption in pictures
    )
    return f'<div class="pictures">{figures}</div>'


def _gate_legend():
    return _legend(
        [(GLOBAL, "the gate trusts the global decoder"), (DETAIL, "it trusts the detail decoder")]
    )


def _legend(entries):
    marks = "".join(
        f'<span style="background: {swatch(color)}"></span>{html.escape(name)}'
        for color, name in entries
    )
    return f'<div class="legend">{marks}</div>'


def _softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
