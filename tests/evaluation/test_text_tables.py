import re

import numpy as np
import pytest

from dawn_tf.evaluation.section import sections
from dawn_tf.evaluation.sources import read_rows
from dawn_tf.evaluation.text_tables import escape_latex, latex, markdown


@pytest.fixture
def found(write_grid, grid_rows):
    return sections(read_rows([write_grid(grid_rows)]))


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_markdown_has_means_and_sample_deviations(found, grid_rows):
    first, second = markdown(found).split("### masks")
    table = [cells(line) for line in first.splitlines() if line.startswith("|")]
    head, rows = table[0], {row[0].replace("\\", ""): row for row in table[2:]}
    assert set(rows) == {"good", "as_good", "bad"}
    for method, row in rows.items():
        f1 = [r["test"]["macro_f1"] for r, _ in grid_rows[:9] if r["method"] == method]
        ece = [r["test"]["calibration"]["ece"] for r, _ in grid_rows[:9] if r["method"] == method]
        assert row[1] == "3"
        assert f"{np.mean(f1):.3f} ± {np.std(f1, ddof=1):.3f}" in row[head.index("Macro F1")]
        assert f"{np.mean(ece):.4f} ± {np.std(ece, ddof=1):.4f}" in row[-1]
    assert head[-1] == "Calibration error ↓" and "Recall, few" in head
    best, tied, worst = (rows[m][head.index("Macro F1")] for m in ("good", "as_good", "bad"))
    if not best.startswith("**"):
        best, tied = tied, best
    assert best.startswith("**") and tied.endswith("≈")
    assert "**" not in worst and "≈" not in worst
    assert "Dice per image" in second and "Recall, few" not in second
    assert "paired test over seeds and test examples (n = 3 seeds, 200 test examples)" in first


def test_methods_are_ordered_by_the_primary_score(found):
    means = [found[1].columns["dice_per_image_mean"].entries[m].mean for m in found[1].methods]
    assert means == sorted(means, reverse=True)


def test_one_seed_has_no_best(write_grid, grid_rows):
    rows = [pair for pair in grid_rows if pair[0]["seed"] == 0]
    for text in (markdown, latex):
        made = text(sections(read_rows([write_grid(rows)])))
        assert "nothing was tested" in made
        assert not any(mark in made for mark in ("**", "≈", r"\textbf", r"\approx"))


def test_names_mean_nothing_to_markdown(write_grid, grid_rows):
    rows = [({**row, "method": "a|b_*c*\n<i>"}, arrays) for row, arrays in grid_rows[:1]]
    text = markdown(sections(read_rows([write_grid(rows)])))
    assert r"| a\|b\_\*c\* \<i\> | 1 |" in text


def test_latex_is_whole_and_escaped(write_grid, grid_rows):
    name = r"50%_of & #1 {x} \input ~^ $5 <a|b>"
    renamed = [
        ({**row, "method": name if row["method"] == "good" else row["method"]}, arrays)
        for row, arrays in grid_rows
    ]
    text = latex(sections(read_rows([write_grid(renamed)])))
    assert escape_latex(name) in text and "%_of" not in text
    assert text.isascii()
    bare = re.sub(r"\\[\\&%$#_{}]", "", text)  # Without escaped characters and ends of rows.
    assert bare.count("{") == bare.count("}") and bare.count("$") % 2 == 0
    assert not re.search("[%#~]", bare)
    begun, ended = (re.findall(rf"\\{word}{{(\w+\*?)}}", text) for word in ("begin", "end"))
    assert begun == ["table", "tabular"] * 2 and ended == ["tabular", "table"] * 2
    for table in text.split(r"\begin{table}")[1:]:
        columns = len(re.search(r"begin{tabular}{(\w+)}", table)[1])
        rows = [line for line in table.splitlines() if line.endswith(r"\\")]
        assert len(rows) == 1 + len(set(re.findall(r"^(.*?) & 3 &", table, re.MULTILINE)))
        assert all(len(re.findall(r"(?<!\\)&", row)) == columns - 1 for row in rows)
    assert [escape_latex(c) for c in "_\\~^"] == [
        r"\_",
        r"\textbackslash{}",
        r"\textasciitilde{}",
        r"\textasciicircum{}",
    ]
