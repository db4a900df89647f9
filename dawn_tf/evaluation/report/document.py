"""The page of one run, of a comparison or of a whole grid: one HTML file, nothing beside it.

Plots are drawn by plotly.js, which is inlined (4.6 MB), so the page needs no network.
"""

import importlib.util
import json
import pathlib
from html import escape

from dawn_tf.evaluation.files import atomic
from dawn_tf.evaluation.report.class_comparison import class_f1, class_shares, confusion
from dawn_tf.evaluation.report.group_curves import precision_recall, reliability
from dawn_tf.evaluation.report.html_tables import cell, name_cell, score_cell, table
from dawn_tf.evaluation.report.method_plots import cost, shots, training
from dawn_tf.evaluation.report.page import figure, number, page_head
from dawn_tf.evaluation.section import SCORES
from dawn_tf.evaluation.text_tables import legend, score_title

_PLOTS = (
    shots,
    class_f1,
    confusion,
    class_shares,
    precision_recall,
    reliability,
    cost,
    training,
)
_PICTURES = {
    "masks": ("Worst and best masks", "images, true and predicted masks, the worst and best two"),
    "decoder_maps": (
        "What gate and decoders look at",
        "images of the rarest classes beside maps of the gate and of both decoders",
    ),
}


def write_document(path, sections, title="Results"):
    """Writes the page.

    Args:
        path: The file.
        sections: Of `sections`.
        title: Title of the page.

    Raises:
        ImportError: without plotly (`pip install 'dawn_tf[report]'`).
        ValueError: naming outputs that can't be read.
    """
    if importlib.util.find_spec("plotly") is None:
        raise ImportError(
            "Expected plotly for the plots of a report. Received: no such package. "
            "Install it with `pip install 'dawn_tf[report]'`."
        )
    from plotly.offline import get_plotlyjs

    style, script = (
        pathlib.Path(__file__).with_name(name).read_text("utf-8")
        for name in ("document.css", "document.js")
    )
    body = "".join(_section(section, f"s{i}") for i, section in enumerate(sections))
    text = f"""{page_head(title, style)}
<body>
<h1>{escape(title)}</h1>
{_head(sections)}
<noscript><p>Plots need JavaScript; what they show is in the table below each.</p></noscript>
<main>{body}</main>
<script>{get_plotlyjs()}</script>
<script>{script}</script>
</body>
</html>
"""
    with atomic(pathlib.Path(path)) as file:
        file.write(text.encode())


def _head(sections):
    runs = sum(len(section.rows) for section in sections)
    if runs == 1:
        return f"<p>One run on {escape(sections[0].dataset)}.</p>"
    methods = {row["method"] for section in sections for row in section.rows}
    counted = f"{runs} runs of {_several(methods, 'method')}"
    if len(sections) == 1:
        return f"<p>{counted} on {escape(sections[0].dataset)}.</p>"
    links = "".join(
        f'<li><a href="#s{i}">{escape(section.dataset)}</a> '
        f"({_several(section.methods, 'method')}, {_several(section.rows, 'run')})</li>"
        for i, section in enumerate(sections)
    )
    return (
        f"<p>{counted} on {len(sections)} data sets. Compare within a data set.</p>"
        f'<nav aria-label="Data sets"><ul>{links}</ul></nav>{_overview(sections)}'
    )


def _several(items, name):
    return f"{len(items)} {name}{'s' * (len(items) != 1)}"


def _overview(sections):
    methods = dict.fromkeys(method for section in sections for method in section.methods)
    rows = [
        [
            name_cell(method),
            *(
                score_cell(section.primary, section.columns[section.primary].entries.get(method))
                for section in sections
            ),
        ]
        for method in methods
    ]
    head = [
        "Method",
        *(f"{section.dataset}: {SCORES[section.primary]}" for section in sections),
    ]
    return (
        "<h2>All data sets</h2><p>Mean ± standard deviation over seeds on the test part; a dash "
        f"where a method was not run.</p>{table(head, rows, 'All data sets')}"
    )


def _section(section, anchor):
    plots = [plot for make in _PLOTS if (plot := make(section)) is not None]
    drawn = "".join(_plot(plot, f"{anchor}p{i}") for i, plot in enumerate(plots))
    links = " · ".join(
        f'<a href="#{anchor}p{i}">{escape(plot.title)}</a>' for i, plot in enumerate(plots)
    )
    return (
        f'<section id="{anchor}" aria-labelledby="{anchor}h">'
        f'<h2 id="{anchor}h">{escape(section.dataset)}</h2>{_facts(section)}'
        f'<nav aria-label="Plots, {escape(section.dataset)}"><p>{links}</p></nav>'
        f"{_headline(section)}{drawn}{_pictures(section)}{_made_by(section)}</section>"
    )


def _facts(section):
    data = section.data
    sizes = ", ".join(f"{number(n)} {part}" for part, n in data["examples"].items())
    minority = ", ".join(escape(section.class_names[c]) for c in data["minority"])
    shared = (
        "All runs share one test part."
        if section.one_test_part
        else "Seeds split the data anew, so each has a test part of its own."
    )
    return (
        f"<p>{escape(data['task'].capitalize())}, {len(section.class_names)} classes; examples: "
        f"{escape(sizes)}. Minority classes: {minority or 'none'}. "
        f"{shared if len(section.rows) > 1 else ''}</p>"
    )


def _headline(section):
    head = ["Method", "Seeds", *(score_title(key) for key in section.columns)]
    rows, p_values = [], []
    for method in section.methods:
        entries = [column.entries.get(method) for column in section.columns.values()]
        cells = [score_cell(key, e) for key, e in zip(section.columns, entries, strict=True)]
        rows.append([name_cell(method), str(len(section.of(method))), *cells])
        p = [None if e is None or e.p is None else f"{e.p:.3g}" for e in entries]
        p_values.append([name_cell(method), *(value or "–" for value in p)])
    text = f"<h3>Scores on the test part</h3>{table(head, rows, f'Scores, {section.dataset}')}"
    several = " Mean ± standard deviation over seeds." * (len(section.rows) > len(section.methods))
    text += f"<p>{escape(legend(section, '★: best mean; ≈:'))}{several}</p>"
    if any(c.test for c in section.columns.values()):
        head = ["Method", *(score_title(key) for key in section.columns)]
        inner = table(head, p_values, f"p-values, {section.dataset}")
        text += f"<details><summary>p against the best, Holm-corrected</summary>{inner}</details>"
    return text


def _plot(plot, anchor):
    specs = [{"traces": view.traces, "layout": view.layout} for view in plot.views.values()]
    # In a script element only "<" could end it.
    data = json.dumps(specs, allow_nan=False).replace("<", "\\u003c")
    choice = ""
    if len(plot.views) > 1:
        options = "".join(f"<option>{escape(name)}</option>" for name in plot.views)
        choice = f"<label>{escape(plot.choice)}: <select>{options}</select></label>"
    tables = "".join(
        f"<div{' hidden' if i else ''}>"
        + table(view.head, [[cell(c) for c in row] for row in view.rows], plot.title)
        + "</div>"
        for i, view in enumerate(plot.views.values())
    )
    height = max(view.layout["height"] for view in plot.views.values())
    return (
        f'<figure class="plot" id="{anchor}"><figcaption>{escape(plot.title)}</figcaption>{choice}'
        f'<div class="canvas" style="min-height: {height}px" role="img" '
        f'aria-label="{escape(plot.alt)} The table below has the numbers."></div>'
        f'<div class="key"></div><p>{escape(plot.note)}</p>'
        f'<details class="data"><summary>As a table</summary>{tables}</details>'
        f'<script type="application/json">{data}</script></figure>'
    )


def _pictures(section):
    """Maps and masks that run folders have, of the first run of each method that has them."""
    parts = []
    for name, (caption, alt) in _PICTURES.items():
        for method in section.methods:
            for row in section.of(method):
                path = row["folder"] and row["folder"] / "figures" / f"{name}.png"
                if path and path.exists():
                    text = f"{caption}: {method}, seed {row['seed']}, test part"
                    parts.append(figure(text, path, f"{text}: {alt}"))
                    break
    if parts:
        return "".join(parts)
    return (
        "<h3>Masks, gate and decoders</h3><p>No pictures: none of these runs has kept them. For "
        "images, tools/train.py with a run's flags, without --scores_only, adds them to its "
        "folder; that folder, given beside the grid, brings them here.</p>"
    )


def _made_by(section):
    """What the runs have in common and what not: configs, versions, machines."""
    configs = {method: section.of(method)[0]["config"] for method in section.methods}
    names = dict.fromkeys(name for config in configs.values() for name in config)
    hidden = ("seed", "out", "data_dir")
    values = {
        n: [json.dumps(config.get(n)) for config in configs.values()]
        for n in names
        if n not in hidden
    }
    differing = [name for name, of in values.items() if len(set(of)) > 1]
    common = [
        [escape(name), escape(_shown(json.loads(of[0])))]
        for name, of in values.items()
        if name not in differing
    ]
    text = f"<h3>Configuration</h3><p>{escape(_provenance(section.rows))}</p>"
    if differing:
        rows = [
            [name_cell(method), *(escape(_shown(config.get(name))) for name in differing)]
            for method, config in configs.items()
        ]
        text += (
            "<details><summary>Where methods differ</summary>"
            f"{table(['Method', *differing], rows, 'Where methods differ')}</details>"
        )
    return text + (
        "<details><summary>What all have in common</summary>"
        f"{table(['Field', 'Value'], common, 'What all have in common')}</details>"
    )


def _provenance(rows):
    found = {}
    for row in rows:
        made_by = {"commit": row["run"].get("commit"), **row["run"].get("versions", {})}
        for name, value in {**made_by, "machine": row.get("machine")}.items():
            if value is not None:
                found.setdefault(name, {})[str(value)] = None
    return "; ".join(f"{name} {' or '.join(values)}" for name, values in found.items())


def _shown(value):
    return "–" if value is None else str(value)
