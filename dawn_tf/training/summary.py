"""What a person sees of a run: the final table, the figures, the report page."""

import dataclasses

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from dawn_tf.metrics import minority_classes
from dawn_tf.training.callbacks import best_epoch
from dawn_tf.training.streams import label_prior
from dawn_tf.training.table_rivals import RIVALS

_HEADLINE = {
    "macro_f1": "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "minority_recall": "minority recall",
    "pr_auc": "PR-AUC",
    "accuracy": "accuracy",
    "miou": "mIoU",
    "dice_per_image_mean": "Dice, mean over images",
    "iou_per_image_mean": "IoU, mean over images",
}
_SHOWN_BAD = 10
_SHOWN = 4  # Example images in a figure.


def print_summary(config, metrics):
    """Prints the scores of a finished run and where its files are."""
    console = Console(highlight=False)
    table = Table(title=config.run_name(), caption=_selection(metrics["selection"]))
    columns = {"validation": metrics["val"]}
    if config.score_test:
        columns["test"] = metrics["test"]
    if "last_epoch" in metrics:
        columns["test, last epoch"] = metrics["last_epoch"]["test"]
    console.print(_headline(table, columns))
    if not config.score_test:
        return
    console.print(_by_class(metrics["test"], "test, by class"))
    if metrics["calibration"]["map"] != "none":
        console.print(_calibration(metrics))
    console.print(_decision(metrics["decision"]))
    print_bad_inputs(metrics.get("bad_inputs", {}))  # Rivals for rows have none.
    if config.scores_only:
        return
    console.print(f"report:     {config.out}/report.html", soft_wrap=True)
    if metrics["saved_model"]:
        console.print(f"SavedModel: {config.out}/{metrics['saved_model']}", soft_wrap=True)
    elif config.model in RIVALS:
        console.print(f"no SavedModel; scikit-learn's: {config.out}/model.skops", soft_wrap=True)
    else:
        command = f"KERAS_BACKEND=tensorflow python tools/export.py --run {config.out}"
        console.print(f"SavedModel: {command} makes it", soft_wrap=True)


def _selection(selection):
    """What validation selected, in a line."""
    if "epochs" in selection:
        epochs = ", ".join(str(epoch) for epoch in selection["epochs"])
        return f"best epoch by {selection['monitor']}: {epochs}"
    if selection["trees"]:
        return f"trees by {selection['monitor']}: {selection['trees']}"
    return "validation selected nothing but the decision"


def _calibration(metrics):
    """What calibration did to the test part, in a line."""
    before, after = (metrics["test"][key] for key in ("before_calibration", "calibration"))
    names = {"ece": "ECE", "classwise_ece": "class-wise ECE", "brier": "Brier"}
    changes = [f"{names[key]} {before[key]:.4f} to {after[key]:.4f}" for key in names]
    return f"calibration: {metrics['calibration']['map']}, test: {', '.join(changes)}"


def _decision(decision):
    """How probabilities became classes, in a line."""
    if decision["rule"] == "argmax":
        return "decision: the most probable class"
    if decision["rule"] == "threshold":
        return f"decision: threshold {decision['value']:.4f}, chosen on validation"
    if decision["rule"] == "prior_power":
        power = decision["prior_power"]
        return f"decision: argmax(p / prior^{power:g}), the power chosen on validation"
    weights = ", ".join(f"{weight:.3g}" for weight in decision["value"])
    return f"decision: argmax(weights * p), chosen on validation: {weights}"


def print_bad_inputs(bad):
    """Names the images that were left out, if there were any."""
    names = [f"{name} ({part})" for part in ("train", "val", "test") for name in bad.get(part, ())]
    if names:
        shown = ", ".join(names[:_SHOWN_BAD]) + (", ..." if len(names) > _SHOWN_BAD else "")
        line = f"left out, not decodable: {len(names)}: {shown}"
        Console(highlight=False).print(line, soft_wrap=True)


def print_scores(title, scores):
    """Prints one part's scores."""
    console = Console(highlight=False)
    console.print(title, soft_wrap=True)  # As a table's title it would wrap at the table's width.
    console.print(_headline(Table(), {"": scores}))
    console.print(_by_class(scores, "by class"))


def _headline(table, columns):
    table.add_column("score")
    for column in columns:
        table.add_column(column, justify="right")
    for key, name in _HEADLINE.items():
        if all(key in scores for scores in columns.values()):
            table.add_row(name, *(_number(scores[key]) for scores in columns.values()))
    return table


def _number(score):
    """Four digits, or a dash for a score the part does not define (no example of a class)."""
    return "-" if score is None else f"{score:.4f}"


def _by_class(scores, title):
    is_mask = "miou" in scores
    keys = ["precision", "recall", "f1", *(["iou"] if is_mask else [])]
    table = Table(title=title)
    table.add_column("class")
    for column in (*keys, "pixels" if is_mask else "examples"):
        table.add_column(column, justify="right")
    for name, row in scores["per_class"].items():
        table.add_row(name, *(f"{row[key]:.3f}" for key in keys), f"{row['support']:,}")
    return table


def write_summary(run, config, data, model, metrics, outputs, histories):
    """Writes `figures/*.png` and `report.html` into the run folder.

    Without matplotlib (extra `report`) it says so and writes neither.

    Args:
        run: The folder.
        config: Its resolved `TrainConfig`.
        data: `DataSplits`.
        model: One trained network, for maps and masks; a rival for rows needs none.
        metrics: As in `metrics.json`.
        outputs: What `evaluate` gave beside the test scores.
        histories: One list of epochs a network; none for a rival without epochs.
    """
    try:
        from dawn_tf.evaluation import report
    except ImportError as error:
        print(error)
        return
    test = metrics["test"]
    minority = minority_classes(data.class_counts)
    figures = {
        "class_shares": (
            "Class shares before and after sampling",
            _class_shares(report, data, metrics["sampling"]),
        ),
        "per_class_f1": ("F1 by class, test", report.per_class_f1(test["per_class"], minority)),
        "confusion_matrix": (
            "Confusion matrix, test",
            report.confusion_matrix(test["confusion_matrix"], data.class_names),
        ),
    }
    if data.task == "segmentation":
        curves = report.segmentation_curves(outputs, test)
        bins = {key: outputs[f"bin_{key}"] for key in ("count", "confidence", "accuracy")}
        figures["masks"] = ("Worst and best masks, test", _masks(report, model, data, outputs))
    else:
        curves = report.classification_curves(
            outputs["y_true"], outputs["probabilities"], data.class_names
        )
        bins = report.reliability_bins(outputs["y_true"], outputs["probabilities"])
    figures["pr_curves"] = ("Precision and recall, test", report.pr_curves(curves))
    figures["reliability"] = (
        "Reliability, test",
        report.reliability(bins, test["calibration"]["ece"]),
    )
    for history in histories[:1]:
        figures["training_curves"] = (
            "Training",
            report.training_curves(
                {key: [row[key] for row in history] for key in history[0] if key != "epoch"},
                best_epoch(history, config.monitor) + 1,
            ),
        )
    gated = config.fusion == "gate" and config.decoders == "both"
    if config.model == "dawn" and gated and len(data.input_shape) == 3:
        figures["decoder_maps"] = ("Gate and decoders", _decoder_maps(report, model, data))
    listed = []
    for name, (title, figure) in figures.items():
        path = run / "figures" / f"{name}.png"
        report.save(figure, path)
        listed.append((title, path, f"{title}: {config.run_name()}"))
    report.write_report(run, config.run_name(), dataclasses.asdict(config), metrics, listed)


def _class_shares(report, data, sampling):
    """Shares of examples (pixels for masks) as they are and as drawn, and draws per example."""
    if sampling is None:
        return report.class_shares(data.class_names, data.class_counts, data.class_counts)
    rows = sampling["per_class"].values()
    shares, repeats = ([row[key] for row in rows] for key in ("share", "mean"))
    after = label_prior(data, np.array(shares))
    return report.class_shares(data.class_names, data.class_counts, after, repeats)


def _decoder_maps(report, model, data):
    """Maps of one test image of each of the rarest classes."""
    test = data.parts["test"]
    rarest = np.argsort(data.class_counts)[:_SHOWN]
    present = [np.flatnonzero(test.sampling_labels == c) for c in rarest]
    chosen = [indices[0] for indices in present if len(indices)]
    names = ("gate", "global_logits", "detail_logits")
    inner = {layer.name: layer.output for layer in model.layers}
    inner["gate"] = inner["gate"][1]
    # Without attention the detail decoder gives the logits itself.
    inner.setdefault("detail_logits", inner["detail_decoder"])
    maps = keras.Model(model.input, [inner[name] for name in names])
    x = test.x[chosen].astype("float32")
    captions = [f"{data.class_names[test.sampling_labels[i]]}: {test.ids[i]}" for i in chosen]
    return report.decoder_maps(x, *(np.asarray(m) for m in maps(x)), captions)


def _masks(report, model, data, outputs):
    """The two worst and two best test images by mean IoU."""
    test = data.parts["test"]
    iou = outputs["iou"].mean(1)
    order = np.argsort(iou)
    order = order[np.isfinite(iou[order])]  # An image of void pixels alone has none.
    chosen = [*order[:2], *order[-2:]]
    z = model.predict_on_batch(test.x[chosen].astype("float32"))
    z = z["output"] if isinstance(z, dict) else z
    captions = [f"{test.ids[i]}: IoU {iou[i]:.2f}" for i in chosen]
    return report.mask_overlays(
        test.x[chosen], test.y[chosen], z.argmax(-1), captions, data.class_names, data.ignore_class
    )
