import base64
import html.parser

import numpy as np
import pytest

from dawn_tf.evaluation import classification_scores
from dawn_tf.evaluation.report import write_report

PNG = b"\x89PNG\r\n\x1a\n not really"
VOID = {"meta", "link", "img", "br"}


class Page(html.parser.HTMLParser):
    """Collects images, the rows of each table and all addresses; checks that tags are closed."""

    def __init__(self, text):
        super().__init__()
        self.images, self.tables, self.addresses, self.open = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.addresses += [attrs[key] for key in ("src", "href", "srcset") if key in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            self.images.append(attrs)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("th", "td"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("th", "td"):
            self.tables[-1][-1][-1] += data


def some_scores(seed):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet([1, 1], 2000)
    return classification_scores(rng.integers(0, 2, 2000), probabilities, ["a", "<b> & c"], [1])


@pytest.fixture
def figures(tmp_path):
    figures = []
    for i in range(3):
        path = tmp_path / f"{i}.png"
        path.write_bytes(PNG + bytes([i]))
        figures.append((f"Figure <{i}>", path, f'The "{i}th" <picture>'))
    return figures


def test_every_figure_is_inlined_with_its_text(tmp_path, figures):
    path = write_report(tmp_path / "run", "T", {}, {"test": some_scores(0)}, figures)
    assert path == tmp_path / "run" / "report.html"
    page = Page(path.read_text())
    assert [image["alt"] for image in page.images] == [alt for _, _, alt in figures]
    for i, image in enumerate(page.images):
        head, data = image["src"].split(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(data) == PNG + bytes([i])


def test_nothing_is_loaded_from_elsewhere(tmp_path, figures):
    text = write_report(tmp_path, "T", {"a": 1}, {"test": some_scores(0)}, figures).read_text()
    assert all(address.startswith("data:") for address in Page(text).addresses)
    for word in ("http:", "https:", "//", "url(", "@import", "<script"):
        assert word not in text.replace("base64,", "").split("</style>")[0]
    assert "http" not in text


def test_headline_table_has_both_splits_and_both_epochs(tmp_path):
    val, test, last_val, last_test = map(some_scores, range(4))
    metrics = {"val": val, "test": test, "last_epoch": {"val": last_val, "test": last_test}}
    table = Page(write_report(tmp_path, "T", {}, metrics, []).read_text()).tables[0]
    heads = ["Validation, selected", "Validation, last", "Test, selected", "Test, last"]
    assert table[0] == ["Score", *heads]
    rows = {row[0]: row[1:] for row in table[1:]}
    columns = (val, last_val, test, last_test)
    assert rows["Macro F1"] == [f"{s['macro_f1']:.4f}" for s in columns]
    assert rows["Log loss (nats)"] == [f"{s['calibration']['log_loss']:.4f}" for s in columns]
    assert rows["Examples"] == 4 * ["2\u202f000"]
    assert "Mean IoU" not in rows and "Decision threshold" not in rows


def test_class_table_is_of_the_test_part_and_undefined_scores_are_dashes(tmp_path):
    val, test = some_scores(0), some_scores(1)
    test["per_class"]["a"]["average_precision"] = None
    page = Page(write_report(tmp_path, "T", {}, {"val": val, "test": test}, []).read_text())
    assert page.tables[0][0] == ["Score", "Validation", "Test"]
    head, a, b = page.tables[1]
    assert head == ["Class", "Precision", "Recall", "F1", "Average precision", "True examples"]
    assert a[1] == f"{test['per_class']['a']['precision']:.4f}" and a[4] == "–"
    assert b[0] == "<b> & c"


def test_everything_is_escaped(tmp_path, figures):
    config = {"note <i>": "<script>alert(1)</script>", "nested": {"a": ["<b>", 1]}}
    path = write_report(tmp_path, "<h1> & T", config, {"test": some_scores(0)}, figures)
    text = path.read_text()
    for raw in ("<script", "<i>", "<b>", "Figure <", "<picture>", "<h1> &"):
        assert raw not in text
    assert Page(text).tables[-1] == [
        ["note <i>", "<script>alert(1)</script>"],
        ["nested", "{'a': ['<b>', 1]}"],
    ]
