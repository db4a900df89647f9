"""Reports of finished runs and of grids: a page, or tables as text."""

import dataclasses
import pathlib

from dawn_tf.evaluation import atomic
from dawn_tf.evaluation.section import sections
from dawn_tf.evaluation.sources import read_rows
from dawn_tf.evaluation.text_tables import latex, markdown

_TEXTS = {"md": markdown, "latex": latex}


@dataclasses.dataclass(frozen=True)
class ReportConfig:
    """Flags of `tools/report.py`."""

    runs: list[str] = dataclasses.field(
        metadata={
            "help": "folders of finished runs, results/<grid>.jsonl, or both",
            "positional": True,
            "nargs": "+",
        }
    )
    out: str | None = dataclasses.field(
        default=None,
        metadata={"help": "file to write; default: report.html; md and latex: printed"},
    )
    format: str = dataclasses.field(
        default="html",
        metadata={
            "help": "a page (html), or tables for a README (md) or a paper (latex, with booktabs)",
            "choices": ("html", *_TEXTS),
        },
    )
    title: str = dataclasses.field(default="Results", metadata={"help": "title of the page"})


def write_report_of(config):
    """Writes the report; tables are printed if `config.out` names no file.

    Raises:
        ValueError: for what is no run and no grid, and for broken ones.
    """
    found = sections(read_rows(config.runs))
    if config.format != "html":
        text = _TEXTS[config.format](found)
        if config.out is None:
            print(text, end="")
            return
        with atomic(pathlib.Path(config.out)) as file:
            file.write(text.encode())
    else:
        _write_page(config, found)
    print(f"report: {_out(config)}")


def _out(config):
    return pathlib.Path(config.out or "report.html")


def _write_page(config, found):
    try:
        from dawn_tf.evaluation.report.document import write_document

        write_document(_out(config), found, config.title)
    except ImportError as error:
        # A page is what was asked for, unlike with a run, which goes on without its figures.
        raise ValueError(str(error)) from error
