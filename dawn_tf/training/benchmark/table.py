import statistics

from rich.console import Console
from rich.table import Table

from dawn_tf.evaluation import atomic
from dawn_tf.evaluation.section import sections
from dawn_tf.evaluation.sources import read_rows
from dawn_tf.evaluation.text_tables import markdown

_COLUMNS = {
    "macro_f1": "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "minority_recall": "minority recall",
    "pr_auc": "PR-AUC",
    "miou": "mIoU",
}


def print_table(results, cells):
    """Prints mean and deviation over the seeds of what is there of a grid, test part."""
    table = Table(title="test part, mean ± deviation over the seeds that are there")
    for column in ("data", "method", "seeds", *_COLUMNS.values()):
        table.add_column(column, justify="left" if column in ("data", "method") else "right")
    groups = {}
    for cell in cells:
        if results.has(cell):
            row = results.lines[cell.name]["test"]
            groups.setdefault((cell.dataset, cell.method), []).append(row)
    for (dataset, method), rows in groups.items():
        values = ([row[key] for row in rows if row.get(key) is not None] for key in _COLUMNS)
        table.add_row(dataset, method, str(len(rows)), *(_mean(of_seeds) for of_seeds in values))
    Console().print(table)


def write_markdown(results, cells):
    """Writes what is there of a grid as `<grid>.md`, as `tools/report.py --format md` prints it.

    Of lines that an earlier version wrote it says so and writes nothing.
    """
    names = {cell.name for cell in cells if results.has(cell)}
    if not names:
        return
    try:
        rows = [row for row in read_rows([results.path]) if row["cell"] in names]
        text = markdown(sections(rows))
    except ValueError as error:
        print(f"no {results.path.with_suffix('.md')}: {error}", flush=True)
        return
    with atomic(results.path.with_suffix(".md")) as file:
        file.write(text.encode())


def _mean(values):
    if not values:
        return "-"
    deviation = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{deviation}"
