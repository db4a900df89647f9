"""The report of a run as one HTML file that needs nothing beside it."""

import base64
import pathlib
from html import escape

from dawn_tf.evaluation.files import atomic

HEADLINES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "balanced_accuracy": "Balanced accuracy",
    "minority_recall": "Minority recall",
    "pr_auc": "PR-AUC",
    "macro_precision": "Macro precision",
    "macro_recall": "Macro recall",
    "miou": "Mean IoU",
    "dice_per_image_mean": "Dice per image",
    "iou_per_image_mean": "IoU per image",
    "thresholded_jaccard": "Thresholded Jaccard",
    "ece": "Calibration error (ECE)",
    "brier": "Brier score",
    "log_loss": "Log loss (nats)",
    "decision": "Decision threshold",
    "num_examples": "Examples",
}
PER_CLASS = {
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "iou": "IoU",
    "average_precision": "Average precision",
    "dice_per_image": "Dice per image",
    "iou_per_image": "IoU per image",
    "support": "True examples",
}
SPLITS = {"val": "Validation", "test": "Test"}

CSS = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d8dee4;
  --page: #ffffff; --stripe: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9da7b1; --line: #363d46; --page: #15191f; --stripe: #1d232b; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; color: var(--ink);
  background: var(--page); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0.75rem; }
p { color: var(--soft); margin: 0.25rem 0 1rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 0.4rem 0.75rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th:first-child { text-align: left; white-space: normal; overflow-wrap: break-word;
  min-width: 8rem; }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; white-space: normal; }
tbody th { font-weight: 500; }
tbody tr:nth-child(even) { background: var(--stripe); }
figure { margin: 0 0 2rem; }
figcaption { font-weight: 600; margin-bottom: 0.5rem; }
.picture { overflow-x: auto; background: #fff; border: 1px solid var(--line);
  border-radius: 0.5rem; padding: 0.75rem; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
details { margin-top: 2.5rem; }
summary { cursor: pointer; font-size: 1.25rem; font-weight: 700; }
.config td { text-align: left; white-space: normal; overflow-wrap: anywhere;
  font-family: ui-monospace, monospace; font-size: 0.875rem; }
@media (max-width: 40rem) {
  body { padding: 1rem 0.75rem 3rem; } th, td { padding: 0.35rem; }
  th:first-child { min-width: 6.5rem; }
  table { font-size: 0.875rem; } .picture { padding: 0.25rem; }
  img { max-width: none; width: 38rem; } /* Scrolls in its frame: shrunk, it is illegible. */
}
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #333; --line: #bbb; --page: #fff;
    --stripe: #f3f3f3; }
  body { max-width: none; font-size: 10pt; padding: 0; }
  figure, tr { break-inside: avoid; } h2 { break-after: avoid; } .table { overflow: visible; }
  .picture { border: 0; padding: 0; } img { max-height: 22cm; }
}
"""


def page_head(title, style=""):
    """Everything of a page before its body: title, the house style, and more `style`."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{CSS}{style}</style>
</head>"""


def write_report(run_dir, title, config, metrics, figures):
    """Writes `report.html`: scores, per-class scores, figures and configuration of a run.

    Figures are inlined, so the file can be mailed or moved; nothing is loaded from elsewhere.

    Args:
        run_dir: Folder of the run.
        title: Title of the page.
        config: The run's configuration, name -> value.
        metrics: As in `metrics.json`: `val` and `test` with the scores of the selected epoch,
            and, optionally, `last_epoch` with `val` and `test` of the last epoch.
        figures: Tuples `(title, path of a PNG, alternative text)`.

    Returns:
        Path of the file.
    """
    path = pathlib.Path(run_dir) / "report.html"
    sections = [
        headline_table(metrics),
        per_class_table(metrics),
        "<h2>Figures</h2>" if figures else "",
        *(figure(*one) for one in figures),
        config_table(config),
    ]
    text = f"""{page_head(title)}
<body>
<h1>{escape(title)}</h1>
{"".join(sections)}
</body>
</html>
"""
    with atomic(path) as file:
        file.write(text.encode())
    return path


def headline_table(metrics):
    """One row for each score; columns are split and epoch."""
    last = metrics.get("last_epoch", {})
    columns = []
    for split, label in SPLITS.items():
        if split in metrics:
            columns.append((f"{label}, selected" if last else label, flat(metrics[split])))
        if split in last:
            columns.append((f"{label}, last", flat(last[split])))
    rows = {
        label: [number(scores.get(key)) for _, scores in columns]
        for key, label in HEADLINES.items()
        if any(scores.get(key) is not None for _, scores in columns)
    }
    note = "The epoch was selected on the validation part only."
    if last:
        note += " The last epoch stands beside it."
    return f"<h2>Scores</h2><p>{note}</p>" + table("Score", [label for label, _ in columns], rows)


def per_class_table(metrics):
    """One row for each class, of the test part if there is one."""
    split = "test" if "test" in metrics else "val"
    per_class = metrics[split]["per_class"]
    keys = [k for k in PER_CLASS if any(one.get(k) is not None for one in per_class.values())]
    rows = {name: [number(one.get(key)) for key in keys] for name, one in per_class.items()}
    heading = f"<h2>Scores of each class ({SPLITS[split].lower()})</h2>"
    return heading + table("Class", [PER_CLASS[key] for key in keys], rows)


def config_table(config):
    rows = "".join(
        f'<tr><th scope="row">{escape(str(key))}</th><td>{escape(str(value))}</td></tr>'
        for key, value in config.items()
    )
    return (
        "<details><summary>Configuration</summary>"
        f'<div class="table"><table class="config"><tbody>{rows}</tbody></table></div></details>'
    )


def table(corner, columns, rows):
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in (corner, *columns))
    body = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th>'
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>"
        for name, cells in rows.items()
    )
    return (
        f'<div class="table"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def figure(title, path, alt):
    data = base64.b64encode(pathlib.Path(path).read_bytes()).decode()
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<div class="picture"><img src="data:image/png;base64,{data}" '
        f'alt="{escape(alt)}"></div></figure>'
    )


def flat(scores):
    scores = {**scores, **scores.get("calibration", {})}
    if isinstance(scores.get("decision"), list):
        del scores["decision"]  # One weight a class has no place in a row of scores.
    return scores


def number(value):
    """A score to four decimals, a count with thin spaces, a dash where it is undefined."""
    if value is None:
        return "–"
    return f"{value:,}".replace(",", "\u202f") if isinstance(value, int) else f"{value:.4f}"
