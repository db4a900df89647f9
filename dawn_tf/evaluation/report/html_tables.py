"""Tables as HTML that the page's script lets readers sort."""

from html import escape

from dawn_tf.evaluation.report.page import number
from dawn_tf.evaluation.text_tables import mean


def table(head, rows, name):
    """A table of HTML cells, the first of each row its head."""
    top = "".join(f'<th scope="col">{escape(str(column))}</th>' for column in head)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{escape(name)}">'
        f'<table class="sortable"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def name_cell(text):
    """A cell of a name, which may break after an underscore."""
    return escape(text).replace("_", "_<wbr>")


def score_cell(key, entry):
    """A cell of an `Entry`: bold and starred if best, marked if tied."""
    if entry is None:
        return "–"
    text, mark = mean(key, entry), '<span class="mark"></span>'
    if entry.tied:
        sign, word = ("★", "best") if entry.best else ("≈", "tied")
        mark = f'<span class="mark" aria-hidden="true">{sign}</span>'
        mark += f'<span class="unseen"> {word}</span>'
    return f"<strong>{text}</strong>{mark}" if entry.best else f"{text}{mark}"


def cell(value):
    """A cell of a text or a number; a dash for `None`."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return name_cell(value) if isinstance(value, str) else number(value)
