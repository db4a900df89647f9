"""The page without a browser: its tables, its plots' specifications, and that nothing leaks."""

import html.parser
import json
import re

import numpy as np
import plotly.graph_objects as go
import pytest
from sklearn.metrics import f1_score

from dawn_tf.evaluation.report.document import write_document
from dawn_tf.evaluation.report.plot import COLORS
from dawn_tf.evaluation.section import sections
from dawn_tf.evaluation.sources import read_rows
from dawn_tf.evaluation.statistics import SCORES, ConfusionSample, seeds_interval

TITLES = [
    "Recall of classes with many, medium and few training examples",
    "F1 of each class",
    "Confusion matrices",
    "Class shares before and after sampling",
    "Precision and recall",
    "Reliability",
    "Cost and quality",
    "Training",
]
VOID = {"meta", "link", "img", "br", "wbr"}


class Page(html.parser.HTMLParser):
    """Tables by their name, plots by their section and title; checks that tags are closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tables, self.plots, self.figures = [], {}, {}, []
        self.scripts, self.section, self.texts = 0, None, []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.section = attrs["id"]
        if tag == "div" and attrs.get("class") == "table":
            self.tables.setdefault(attrs["aria-label"], []).append([])
            self.table = self.tables[attrs["aria-label"]][-1]
        if tag == "tr":
            self.table.append([])
        if tag in ("td", "th"):
            self.table[-1].append("")
        if tag == "div" and attrs.get("class") == "canvas":
            assert attrs["role"] == "img" and len(attrs["aria-label"]) > 40
        if tag == "img":
            assert attrs["src"].startswith("data:image/png;base64,") and attrs["alt"]
            self.figures.append(attrs["alt"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        inside = self.open[-1] if self.open else None
        if "td" in self.open or "th" in self.open:
            self.table[-1][-1] += data
        elif inside == "figcaption":
            self.title = data
        elif inside == "script" and data.startswith("[{"):
            self.plots[self.section, self.title] = json.loads(data)
        elif inside == "script":
            self.scripts += 1
        else:
            self.texts.append(data)


def page_of(tmp_path, paths):
    path = tmp_path / "report.html"
    write_document(path, sections(read_rows(paths)), "T <b> & co")
    text = path.read_text()
    return text, Page(text)


@pytest.fixture
def grid_page(tmp_path, write_grid, grid_rows):
    return page_of(tmp_path, [write_grid(grid_rows)])


def test_every_plot_is_there_and_plotly_knows_all_of_it(grid_page):
    _, page = grid_page
    assert [title for s, title in page.plots if s == "s0"] == TITLES
    assert [title for s, title in page.plots if s == "s1"] == TITLES[1:]  # No shots of masks.
    for views in page.plots.values():
        for view in views:
            go.Figure(data=view["traces"], layout=view["layout"])  # Raises for what it lacks.


def test_nothing_from_a_file_is_markup(grid_page):
    text, page = grid_page
    assert "alert(1)</script>" not in text and "<b>" not in text.split("<script>")[0]
    assert page.scripts == 2  # plotly.js and the page's own.
    classes = page.plots["s0", "F1 of each class"][0]["traces"][0]["y"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt; (60)" in classes
    (table,) = page.tables["F1 of each class"][:1]
    assert [row[0] for row in table[1:]] == [
        "rare & 100_% ~^\\{}",
        "<script>alert(1)</script>",
        "common",
    ]


def test_nothing_is_loaded_from_elsewhere(grid_page):
    text, _ = grid_page
    own = text.split("<script>/**")[0] + text.split("</script>")[-2]
    assert not re.search(r"(src|href)=\"(?!#|data:)", own)
    assert "url(" not in own and "@import" not in own and "http" not in own


def test_headline_table_and_overview(grid_page, grid_rows):
    _, page = grid_page
    (table,) = page.tables["Scores, lesions"]
    (overview,) = page.tables["All data sets"]
    for row in table[1:]:
        values = [r["test"]["macro_f1"] for r, _ in grid_rows[:9] if r["method"] == row[0]]
        expected = f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
        assert row[table[0].index("Macro F1")].startswith(expected)
        assert next(r[1] for r in overview if r[0] == row[0]).startswith(expected)
    marks = [row[table[0].index("Macro F1")][13:].strip("★≈ ") for row in table[1:]]
    assert sorted(marks) == ["", "best", "tied"]
    assert next(row[2] for row in overview if row[0] == "as_good") == "–"


def test_intervals_are_those_over_seeds_and_examples_cut_at_one(grid_page, grid_rows):
    _, page = grid_page
    arrays = [a for _, a in grid_rows[:3]]
    sample = ConfusionSample.from_labels(arrays[0]["y_true"], [a["y_pred"] for a in arrays], 3)
    value, low, high = seeds_interval(SCORES["class_f1"], sample, resamples=500)
    high = np.minimum(high, 1)
    f1 = [f1_score(a["y_true"], a["y_pred"], average=None) for a in arrays]
    np.testing.assert_allclose(value, np.mean(f1, axis=0))
    traces = page.plots["s0", "F1 of each class"][0]["traces"]
    (trace,) = [t for t in traces if t["meta"]["method"] == "good"]
    np.testing.assert_allclose(trace["x"], value[::-1], atol=1e-4)
    np.testing.assert_allclose(trace["error_x"]["array"], (high - value)[::-1], atol=1e-4)
    np.testing.assert_allclose(trace["error_x"]["arrayminus"], (value - low)[::-1], atol=1e-4)


def test_confusion_is_the_sum_over_seeds(grid_page, grid_rows):
    _, page = grid_page
    table = page.tables["Confusion matrices"][0]
    first = page.tables["Scores, lesions"][0][1][0]
    total = sum(
        np.array(r["test"]["confusion_matrix"]) for r, _ in grid_rows[:9] if r["method"] == first
    )
    assert [[int(c) for c in row[1:]] for row in table[1:]] == total.tolist()
    heat = page.plots["s0", "Confusion matrices"][0]["traces"][0]["z"]
    np.testing.assert_allclose(heat, 100 * total / total.sum(1, keepdims=True), atol=0.01)


def test_curves_of_class_groups(grid_page, grid_rows):
    _, page = grid_page
    few = page.plots["s0", "Precision and recall"][0]["traces"]
    (trace,) = [t for t in few if t["meta"]["method"] == "bad"]
    expected = np.zeros(101)
    for _, arrays in grid_rows[6:9]:
        truth = arrays["y_true"] == 2
        order = np.argsort(-arrays["probabilities"][:, 2], kind="stable")
        hits = truth[order].cumsum()
        precision = hits / np.arange(1, len(hits) + 1)
        # The first place at which at least this share was found, no ties among floats here.
        at = [np.argmax(hits >= max(1, r * truth.sum() - 1e-6)) for r in np.linspace(0, 1, 101)]
        expected += precision[at] / 3
    np.testing.assert_allclose(trace["y"], expected, atol=1e-4)
    lines = page.plots["s0", "Reliability"][0]["traces"]
    (trace,) = [t for t in lines if t.get("meta", {}).get("method") == "bad"]
    p = np.concatenate([a["probabilities"][:, 2] for _, a in grid_rows[6:9]])
    truth = np.concatenate([a["y_true"] == 2 for _, a in grid_rows[6:9]])
    bins = np.clip(np.ceil(p * 15), 1, 15)
    kept = [b for b in range(1, 16) if (bins == b).sum() >= 10]
    np.testing.assert_allclose(trace["x"], [p[bins == b].mean() for b in kept], atol=1e-4)
    np.testing.assert_allclose(trace["y"], [truth[bins == b].mean() for b in kept], atol=1e-4)


def test_training_is_the_mean_over_seeds_and_shares_stand_together(grid_page):
    _, page = grid_page
    first = page.plots["s0", "Training"][0]["traces"][0]
    assert first["y"] == [0.1, 0.3, 0.3]  # Means of 0.1, 0.3 and 0.2, 0.3, 0.4.
    before, after = page.plots["s0", "Class shares before and after sampling"][0]["traces"]
    np.testing.assert_allclose(before["x"], [100 * n / 567 for n in (7, 60, 500)], atol=1e-4)
    assert after["x"] == before["x"]


def test_parts_that_are_missing(tmp_path, write_run, grid_rows):
    row = {**grid_rows[0][0], "sampling": None, "history": {}}
    text, page = page_of(tmp_path, [write_run("demo", row)])
    shown = [title for _, title in page.plots]
    assert shown == TITLES[:3]  # No outputs, no history, no sampling, one method.
    assert "No pictures: none of these runs has kept them" in text
    assert "none for one seed without test outputs" in text
    assert page.tables["Scores, lesions"][0][1][2].strip() == f"{row['test']['macro_f1']:.3f}"
    assert "All data sets" not in page.tables and "best" not in page.tables["Scores, lesions"]


def test_pictures_of_run_folders_are_inlined(tmp_path, write_run, grid_rows):
    folder = write_run("demo", *grid_rows[-1])
    (folder / "figures").mkdir()
    (folder / "figures" / "masks.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    _, page = page_of(tmp_path, [folder])
    assert len(page.figures) == 1 and page.figures[0].startswith("Worst and best masks: demo")


def luminance(color):
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_colors_are_seen_on_both_pages():
    # WCAG 2.2, 1.4.11: 3:1 for graphics.
    for page in ("#ffffff", "#15191f"):
        for color in COLORS:
            low, high = sorted([luminance(color), luminance(page)])
            assert (high + 0.05) / (low + 0.05) >= 3, (page, color)


def test_colors_differ_for_the_color_blind():
    # Machado, Oliveira and Fernandes, 2009: deuteranopia and protanopia, in linear RGB.
    deuter = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
    protan = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in COLORS]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    for matrix in (np.eye(3), deuter, protan):
        seen = np.clip(linear @ np.transpose(matrix), 0, 1)
        lab = cielab(seen)
        distance = np.linalg.norm(lab[:, None] - lab, axis=-1)
        assert distance[~np.eye(len(COLORS), dtype=bool)].min() > 20, distance.round()


def cielab(linear):
    xyz = linear @ np.array(
        [[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]]
    )
    f = np.cbrt(xyz / [0.9505, 1, 1.089])
    x, y, z = f.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
