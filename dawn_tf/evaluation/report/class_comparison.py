"""Plots about single classes, methods beside each other."""

import numpy as np

from dawn_tf.evaluation.comparison import sample_of, test_parts
from dawn_tf.evaluation.report.class_plots import MAX_COUNTS, percent
from dawn_tf.evaluation.report.plot import (
    COLORS,
    GREY,
    ROWS,
    SHOWN,
    Plot,
    View,
    label,
    of_method,
    plain,
    rows_height,
)
from dawn_tf.evaluation.section import outputs
from dawn_tf.evaluation.statistics import (
    SCORES,
    Interval,
    score_interval,
    seeds_interval,
    summarize,
)

_MOST_CLASSES = 40  # Of the plot of classes: more rows would be a page of their own.
_MOST_CELLS = 25  # Classes of a confusion matrix that has a table of all its cells.
_CONFUSIONS = 20


def class_f1(section):
    """F1 of each class with 95 % intervals, the paper's Figure 4."""
    names, counts = section.class_names, np.array(section.data["counts"])
    shown = np.argsort(counts, kind="stable")[:_MOST_CLASSES]
    traces, kinds, found = [], {}, {}
    for method in section.methods:
        interval, kind = class_intervals(section, method)
        interval = Interval(*(np.clip(end, 0, 1) for end in interval))
        found[method] = interval
        kinds[kind] = None
        value, low, high = (np.asarray(end)[shown] for end in interval)
        traces.append(
            {
                **of_method(section, method),
                "type": "scatter",
                "mode": "markers",
                "orientation": "h",
                "x": plain(value),
                "y": [_counted(names[c], counts[c]) for c in shown],
                "error_x": {
                    "symmetric": False,
                    "array": plain(np.nan_to_num(high - value)),
                    "arrayminus": plain(np.nan_to_num(value - low)),
                    "thickness": 1.5,
                    "width": 3,
                },
                "hovertemplate": "%{y}: F1 %{x:.3f}",
            }
        )
    head = ["Class", "Training examples", *section.methods]
    rows = [
        [names[c], int(counts[c]), *(_with_ends(found[m], c) for m in section.methods)]
        for c in np.argsort(counts, kind="stable")
    ]
    lowest = min(
        np.nanmin([end[shown] for end in found[method]], initial=1)
        for method in section.methods[:SHOWN]
    )
    beside = min(len(section.methods), len(COLORS))
    layout = {
        "xaxis": {"title": {"text": "F1"}, "range": [np.floor(10 * lowest) / 10 - 0.02, 1.02]},
        "yaxis": ROWS,
        "scattermode": "group",
        "scattergap": 0.3,
        "height": rows_height(len(shown), max(30, 11 * beside)),
    }
    note = f"95 % intervals, cut at 0 and 1: {'; '.join(kinds)}. The rarest class is on top."
    if len(names) > len(shown):
        note += f" The {len(shown)} rarest of {len(names)} classes are drawn, the table has all."
    return Plot(
        "F1 of each class",
        f"Dot plot with intervals: F1 of {len(shown)} classes of {section.dataset} by method, "
        "the rarest class on top.",
        {"": View(traces, layout, head, rows)},
        note=note,
    )


def class_intervals(section, method):
    """`(Interval, what it is)` of F1 by class; ends are NaN where there is no interval.

    Over seeds and test examples together where a method's seeds share one test part and their
    predictions are there, over test examples for one seed, else over the seeds alone.
    """
    rows, num_classes = section.of(method), len(section.class_names)
    arrays = [outputs(row) for row in rows]
    if all(one is not None for one in arrays) and len(test_parts(rows)) == 1:
        sample = sample_of(arrays, num_classes)
        if len(rows) > 1:
            interval = seeds_interval(SCORES["class_f1"], sample, resamples=500)
            return interval, "over seeds and test examples together"
        return score_interval(SCORES["class_f1"], sample, resamples=500), (
            "bootstrap (BCa) over test examples, for methods with one seed"
        )
    f1 = np.array([_f1(row) for row in rows])
    value, none = _mean(f1), np.full(num_classes, np.nan)
    if len(rows) < 2:
        return Interval(value, none, none), "none for one seed without test outputs"
    anew = len(test_parts(rows)) > 1
    sizes = section.data["examples"]
    ends = none.copy(), none.copy()
    for c in np.flatnonzero(np.isfinite(f1).all(0)):
        summary = summarize(f1[:, c], test_to_train=sizes["test"] / sizes["train"] if anew else 0)
        ends[0][c], ends[1][c] = summary["low"], summary["high"]
    return Interval(value, *ends), f"t over seeds{', which split the data anew' if anew else ''}"


def _f1(row):
    """F1 of each class; NaN without true examples."""
    scores = row["test"]["per_class"].values()
    return [one["f1"] if one["support"] else np.nan for one in scores]


def _mean(values):
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(0)
    return np.divide(total, known.sum(0), out=np.full(len(total), np.nan), where=known.any(0))


def _with_ends(interval, c):
    value, low, high = (np.asarray(end)[c] for end in interval)
    if not np.isfinite(value):
        return None
    return f"{value:.3f} [{low:.3f}, {high:.3f}]" if np.isfinite(low) else f"{value:.3f}"


def confusion(section):
    """Confusion matrices, the paper's Figure 1: a view for each method, seeds added up."""
    names = section.class_names
    ticks, views = [label(name) for name in names], {}
    for method in section.methods:
        matrix = np.sum([row["test"]["confusion_matrix"] for row in section.of(method)], axis=0)
        true = matrix.sum(1, keepdims=True)
        shares = 100 * matrix / np.where(true > 0, true, np.nan)
        trace = {
            "type": "heatmap",
            "x": ticks,
            "y": ticks,
            "z": [plain(row, 2) for row in shares],
            "customdata": matrix.tolist(),
            "colorscale": "Cividis",
            "zmin": 0,
            "zmax": 100,
            "xgap": 1,
            "ygap": 1,
            "colorbar": {"title": {"text": "% of true"}, "thickness": 12},
            "hovertemplate": "true %{y}, predicted %{x}: %{z:.1f} % (%{customdata:,})"
            "<extra></extra>",
        }
        layout = {
            "xaxis": {
                "title": {"text": "predicted class"},
                "automargin": True,
                "type": "category",
                "constrain": "domain",
            },
            "yaxis": {"title": {"text": "true class"}, **ROWS},
            "height": int(np.clip(160 + 48 * len(names), 320, 760)),
        }
        traces = [trace, *(_cell_texts(shares, ticks) if len(names) <= MAX_COUNTS else [])]
        views[method] = View(traces, layout, *_confusion_table(matrix, shares, names))
    return Plot(
        "Confusion matrices",
        f"Heat map: share of each true class of {section.dataset} that was predicted as each "
        "class, for the chosen method.",
        views,
        "Method",
        "Rows are true classes and add up to 100 %; the counts of all seeds are added up.",
    )


def _cell_texts(shares, ticks):
    """Traces with the percentages, white on the dark half of the colours, else black."""
    for color, chosen in (("#ffffff", shares < 50), ("#000000", ~(shares < 50))):
        rows, columns = np.nonzero(chosen)
        cells = shares[chosen]
        yield {
            "type": "scatter",
            "mode": "text",
            "x": [ticks[c] for c in columns],
            "y": [ticks[r] for r in rows],
            "text": [percent(share) if np.isfinite(share) else "–" for share in cells],
            "textfont": {"color": color},
            "hoverinfo": "skip",
        }


def _confusion_table(matrix, shares, names):
    if len(names) <= _MOST_CELLS:
        rows = [[name, *row] for name, row in zip(names, matrix.tolist(), strict=True)]
        return ["True class", *names], rows
    errors = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    cells = np.argsort(-errors, axis=None, kind="stable")[:_CONFUSIONS]
    found = zip(*np.unravel_index(cells[errors.flat[cells] > 0], matrix.shape), strict=True)
    rows = [[names[r], names[c], int(matrix[r, c]), f"{shares[r, c]:.1f}"] for r, c in found]
    return ["True class", "Most often taken for", "Examples", "% of the true class"], rows


def class_shares(section):
    """Class shares before and after sampling, the paper's Figure 5; `None` where no run says."""
    names = section.class_names
    counts = np.array(section.data["counts"], float)
    order = np.argsort(counts, kind="stable")[:_MOST_CLASSES]
    before = 100 * counts / counts.sum()
    groups = {}
    for method in section.methods:
        drawn = [
            row["sampling"]["label_shares"]
            for row in section.of(method)
            if (row.get("sampling") or {}).get("label_shares")
        ]
        if drawn:
            after = 100 * np.mean(drawn, axis=0)
            alike = next((g for g in groups if np.allclose(g, after, rtol=0.02)), tuple(after))
            groups.setdefault(alike, []).append(method)
    if not groups:
        return None
    shares = {"before sampling": before}
    for after, methods in groups.items():
        shares[f"after, {_listed(methods)}"] = np.array(after)
    ticks = [_counted(names[c], counts[c]) for c in order]
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": label(name),
            "x": [value or None for value in plain(share[order], 6)],
            "y": ticks,
            "marker": {
                "color": COLORS[(i - 1) % len(COLORS)] if i else GREY,
                "symbol": ("line-ns-open", "circle", "diamond", "square")[min(i, 3)],
                "size": 14 if i == 0 else 9,
                "line": {"width": 3 if i == 0 else 0},
            },
            "hovertemplate": "%{y}: %{x:.3~g} %",
        }
        for i, (name, share) in enumerate(shares.items())
    ]
    head = ["Class", *shares]
    rows = [[names[c], *(f"{s[c]:.3g} %" for s in shares.values())] for c in order]
    layout = {
        "xaxis": {"title": {"text": "share (%), log scale"}, "type": "log"},
        "yaxis": ROWS,
        "height": rows_height(len(order), 30),
    }
    unit = "labelled pixels" if section.data["task"] == "segmentation" else "training examples"
    return Plot(
        "Class shares before and after sampling",
        f"Dot plot: share of each class of {section.dataset} in the training part and in the "
        "batches that were drawn from it.",
        {"": View(traces, layout, head, rows)},
        note=f"Shares of {unit}. Methods whose shares differ by less than 2 % stand together.",
    )


def _listed(methods, most=3):
    rest = len(methods) - most
    return ", ".join(methods[:most]) + (f" and {rest} more" if rest > 0 else "")


def _counted(name, count):
    return f"{label(name)} ({int(count):,})"
