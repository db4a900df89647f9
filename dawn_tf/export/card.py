"""The model card that travels with an exported model: for machines (JSON) and people (Markdown)."""

import json
import pathlib

_SCORES = {
    "macro_f1": "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "minority_recall": "minority recall",
    "pr_auc": "PR-AUC",
    "accuracy": "accuracy",
    "miou": "mIoU over pixels",
    "dice_per_image_mean": "Dice, mean over images",
    "ece": "calibration error (ECE)",
    "classwise_ece": "class-wise calibration error",
    "brier": "Brier score",
}


def write_card(folder, card):
    """Writes `model_card.json` and `model_card.md`.

    Args:
        folder: Where to.
        card: What is known of the model, JSON-able: "name" and, each if known, "task", "classes",
            "intended_use", "limits" (a list), "data" (with "parts": counts by part and class),
            "model", "scores" and "recall" (of the test part; each with "value" and, where there
            is one, an interval "low" to "high"), "decision", "calibration", "class_shares",
            "inputs_of_columns", "format", "versions", "commit".
    """
    folder = pathlib.Path(folder)
    text = json.dumps(card, indent=2, ensure_ascii=False)
    (folder / "model_card.json").write_text(text + "\n")
    (folder / "model_card.md").write_text(to_markdown(card))


def to_markdown(card):
    """The card as a page."""
    lines = [f"# {card['name']}"]
    if "intended_use" in card:
        lines += ["", "## Intended use", card["intended_use"]]
    if "limits" in card:
        lines += ["", "## Limits", *(f"- {limit}" for limit in card["limits"])]
    if "scores" in card:
        lines += ["", "## Scores on the test part", *_table("score", card["scores"], _SCORES)]
    if "recall" in card:
        lines += ["", "## Recall by class, test part", *_table("class", card["recall"])]
    if "data" in card:
        lines += ["", "## Data", *_data(card["data"])]
    for key, title in (
        ("decision", "Decision"),
        ("calibration", "Calibration"),
        ("class_shares", "Class shares that probabilities are corrected for"),
        ("model", "Model"),
        ("inputs_of_columns", "Names of the inputs of serving_rows"),
        ("format", "Format"),
        ("versions", "Made with"),
    ):
        if card.get(key):
            lines += ["", f"## {title}", *(f"- {k}: {_show(v)}" for k, v in card[key].items())]
    if card.get("commit"):
        lines += [f"- commit: {card['commit']}"]
    return "\n".join(lines) + "\n"


def _table(first, rows, names=None):
    """Values with their intervals and, where rows have it, the number of examples."""
    lines = [f"| {first} | value | 95 % interval | examples |", "|---|---|---|---|"]
    for name, row in rows.items():
        interval = f"{row['low']:.3f} to {row['high']:.3f}" if "low" in row else ""
        support = f"{row['support']:,}" if "support" in row else ""
        name = (names or {}).get(name, name)
        lines.append(f"| {name} | {_show(row['value'])} | {interval} | {support} |")
    return lines


def _data(data):
    lines = [f"{data['name']}, divided by protocol {data['protocol']}."]
    lines += [f"- {note}" for note in data["notes"]]
    for kind in next(iter(data["parts"].values())):
        parts = {part: sizes[kind] for part, sizes in data["parts"].items()}
        lines += ["", f"| {kind} | {' | '.join(parts)} |", f"|---|{'---|' * len(parts)}"]
        for name in next(iter(parts.values())):
            counts = " | ".join(f"{sizes[name]['count']:,}" for sizes in parts.values())
            lines.append(f"| {name} | {counts} |")
    return lines


def _show(value):
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(_show(v) for v in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_show(v)}" for name, v in value.items())
    return "-" if value is None else str(value)
