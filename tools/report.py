"""Makes a report of runs: one page, or tables for a README or a paper.

    python tools/report.py runs/demo                                    # one run
    python tools/report.py runs/dawn-seed* runs/plain-seed*             # a comparison
    python tools/report.py results/evidence.jsonl --out evidence.html   # a whole grid
    python tools/report.py results/evidence.jsonl --format md           # tables, printed
    python tools/report.py results/evidence.jsonl --format latex --out tables.tex

A run folder beside a grid that has the same run adds its pictures. docs/report.md explains the
page.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from dawn_tf.training.command_line import parse, run  # noqa: E402
from dawn_tf.training.reporting import ReportConfig, write_report_of  # noqa: E402


def main(argv=None):
    write_report_of(parse(ReportConfig, argv, __doc__))


if __name__ == "__main__":
    run(main)
