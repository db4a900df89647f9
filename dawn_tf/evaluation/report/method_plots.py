"""Plots in which methods stand beside each other by their scores, cost and training."""

import numpy as np

from dawn_tf.evaluation.report.plot import (
    COLORS,
    ROWS,
    SYMBOLS,
    Plot,
    View,
    label,
    look,
    of_method,
    plain,
    rows_height,
)
from dawn_tf.evaluation.section import SCORES
from dawn_tf.evaluation.text_tables import mean

SHOTS = ("many", "medium", "few")
_COSTS = {
    "seconds": "Training time (s)",
    "parameters": "Parameters",
    "peak_memory_mb": "Peak memory (MB)",
}


def shots(section):
    """Recall of classes with many, medium and few training examples; `None` where classes are two
    or pixels are classified."""
    found = [key for key in SHOTS if key in section.columns]
    if not found:
        return None
    traces = []
    for i, key in enumerate(found):
        entries = section.columns[key].entries
        methods = [method for method in section.methods if method in entries]
        chosen = [entries[method] for method in methods]
        color = COLORS[i]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": key,
                "x": plain(entry.mean for entry in chosen),
                "y": [label(method) for method in methods],
                "error_x": {"array": plain(entry.deviation or 0 for entry in chosen)},
                "marker": {"color": color, "symbol": SYMBOLS[i], "size": 10},
                "hovertemplate": "%{y}: recall %{x:.3f}",
            }
        )
    head = ["Method", *(SCORES[key] for key in found)]
    rows = [
        [
            method,
            *(
                mean(key, entry) if (entry := section.columns[key].entries.get(method)) else None
                for key in found
            ),
        ]
        for method in section.methods
    ]
    layout = {
        "xaxis": {"title": {"text": "recall"}},
        "yaxis": ROWS,
        "height": rows_height(len(section.methods)),
    }
    return Plot(
        "Recall of classes with many, medium and few training examples",
        f"Dot plot: recall of the {', '.join(found)} classes for each of "
        f"{len(section.methods)} methods on {section.dataset}.",
        {"": View(traces, layout, head, rows)},
        note="Mean over seeds; bars are ± one standard deviation. Many: more than 100 training "
        "examples, medium: 20 to 100, few: fewer than 20.",
    )


def cost(section):
    """The primary score over what it costs; `None` for one method or if no run says its cost."""
    entries, views = section.columns[section.primary].entries, {}
    if len(entries) < 2:
        return None
    for key, name in _COSTS.items():
        spent = {method: value for method in entries if (value := _spent(section, method, key))}
        if not spent:
            continue
        front = {
            method
            for method, x in spent.items()
            if not any(
                other != method and spent[other] <= x and entries[other].mean > entries[method].mean
                for other in spent
            )
        }
        methods = [method for method in section.methods if method in spent]
        middle = np.sqrt(min(spent.values()) * max(spent.values()))  # Of the axis, which is log.
        traces = [
            {
                **look(section.methods.index(method)),
                "type": "scatter",
                "mode": "markers+text",
                "name": label(method),
                "x": plain([spent[method]]),
                "y": plain([entries[method].mean]),
                "error_y": {"array": plain([entries[method].deviation or 0])},
                "text": [label(method) if method in front else ""],
                "textposition": "top left" if spent[method] > middle else "top right",
                "hovertemplate": "%{y:.3f} at %{x:,.4~g}",
                "cliponaxis": False,
            }
            for method in methods
        ]
        score = SCORES[section.primary]
        layout = {
            "xaxis": {"title": {"text": f"{name}, log scale"}, "type": "log"},
            "yaxis": {"title": {"text": score}},
            "hovermode": "closest",
            "height": 440,
        }
        rows = [[m, round(spent[m], 1), mean(section.primary, entries[m])] for m in methods]
        views[name] = View(traces, layout, ["Method", name, score], rows)
    if not views:
        return None
    return Plot(
        "Cost and quality",
        f"Scatter plot: {SCORES[section.primary]} over cost, a point for each of "
        f"{len(section.methods)} methods on {section.dataset}.",
        views,
        "Cost",
        "Means over seeds; bars are ± one standard deviation. Names stand beside the methods that "
        "no cheaper one beats.",
    )


def _spent(section, method, key):
    """Mean cost over the method's runs; `None` if one does not say or none was counted."""
    rows = section.of(method)
    values = [row["run"].get(key) if key == "parameters" else row.get(key) for row in rows]
    # Their axis is logarithmic.
    return float(np.mean(values)) if all(value and value > 0 for value in values) else None


def training(section):
    """What validation said after each epoch, and the loss; `None` without a history."""
    views = {}
    logged = [row["history"] for row in section.rows if row.get("history")]
    names = [n for n in dict.fromkeys(name for history in logged for name in history)]
    names = [n for n in names if n.startswith("val_")] + [n for n in names if n == "loss"]
    # Those that epochs are selected by first.
    first = [f"val_{key}" for key in (section.primary, "miou", "macro_f1")]
    for name in sorted(names, key=lambda n: first.index(n) if n in first else len(first)):
        traces, rows = [], []
        for method in section.methods:
            curves = [
                row["history"][name]
                for row in section.of(method)
                if row.get("history") and name in row["history"]
            ]
            shortest = min(map(len, curves), default=0)
            if not shortest:
                continue
            values = np.mean([np.array(c[:shortest], float) for c in curves], axis=0)
            traces.append(
                {
                    **of_method(section, method, width=2),
                    "type": "scatter",
                    "mode": "lines+markers",
                    "x": list(range(1, shortest + 1)),
                    "y": plain(values),
                    "hovertemplate": "%{y:.4f}",
                }
            )
            traces[-1]["marker"] |= {"maxdisplayed": 8, "size": 7}
            best = values.argmin() if name == "loss" else values.argmax()
            last = len(values) - 1
            rows.append(
                [method, len(curves), *plain(values[[0, best]]), int(best) + 1]
                + [*plain(values[[last]]), shortest]
            )
        title = _logged(name)
        most = max((len(trace["x"]) for trace in traces), default=0)
        layout = {
            "xaxis": {"title": {"text": "epoch"}, "dtick": max(1, round(most / 10))},
            "yaxis": {"title": {"text": title}},
            "hovermode": "x unified",
            "height": 420,
        }
        head = ["Method", "Seeds", "First", "Best", "at epoch", "Last", "at epoch"]
        views[title] = View(traces, layout, head, rows)
    if not views:
        return None
    return Plot(
        "Training",
        f"Line plot: validation scores and training loss over the epochs, a line for each method "
        f"on {section.dataset}.",
        views,
        "Score",
        "Mean over the seeds, up to the epoch that all reached. Losses of different methods are "
        "different functions: compare their shapes, not their heights.",
    )


def _logged(name):
    if name == "loss":
        return "Training loss"
    key = name.removeprefix("val_")
    return f"Validation: {SCORES.get(key, key)}"
