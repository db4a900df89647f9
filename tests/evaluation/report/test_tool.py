"""`tools/report.py` as a user calls it."""

import importlib.util
import pathlib

import pytest

from dawn_tf.training.command_line import run

TOOL = pathlib.Path(__file__).parents[3] / "tools" / "report.py"


@pytest.fixture(scope="module")
def report():
    spec = importlib.util.spec_from_file_location("tool_report", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_a_page_and_tables_of_one_grid(report, write_grid, grid_rows, tmp_path, capsys):
    grid = str(write_grid(grid_rows))
    page = tmp_path / "made" / "page.html"
    report([grid, "--out", str(page), "--title", "A & B"])
    assert "<title>A &amp; B</title>" in page.read_text()
    assert capsys.readouterr().out == f"report: {page}\n"

    report([grid, "--format", "md"])
    printed = capsys.readouterr().out
    assert printed.startswith("### lesions\n") and "### masks" in printed
    report([grid, "--format", "md", "--out", str(tmp_path / "tables.md")])
    assert (tmp_path / "tables.md").read_text() == printed
    capsys.readouterr()
    report([grid, "--format", "latex"])
    assert capsys.readouterr().out.startswith("\\begin{table}\n")


def test_mistakes_are_one_line(report, tmp_path, capsys):
    for arguments in (["--help"], ["--format", "pdf", "x"], []):
        with pytest.raises(SystemExit):
            report(arguments)
    capsys.readouterr()
    with pytest.raises(SystemExit, match="2"):
        run(lambda: report([str(tmp_path / "absent"), "--out", str(tmp_path / "a.html")]))
    line = capsys.readouterr().err
    assert line.startswith("error: Expected run folders") and line.count("\n") == 1
    assert not (tmp_path / "a.html").exists()
