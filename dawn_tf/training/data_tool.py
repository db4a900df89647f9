"""What `tools/data.py` does: prints or draws what a data set holds."""

import dataclasses
import json

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from dawn_tf.data import Augmenter, load
from dawn_tf.data.checks import check
from dawn_tf.data.description import describe
from dawn_tf.evaluation.files import to_plain
from dawn_tf.training.options import given_options, with_options
from dawn_tf.training.streams import AUGMENTATION

EXAMPLES = 5  # Of each class in a sheet.
_MAX_ROWS = 20


def _field(default, help, **metadata):
    return dataclasses.field(default=default, metadata={"help": help, **metadata})


@with_options
@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What to look at."""

    action: str = _field(
        dataclasses.MISSING,
        "info: numbers; check: what two parts share; show: a sheet of examples",
        choices=("info", "check", "show"),
        positional=True,
    )
    dataset: str = _field("digits", "data set to look at")
    data_dir: str | None = _field(None, "folder with the data; default: $DAWN_DATA_DIR")
    task: str | None = _field(None, "classification, segmentation or both")
    protocol: str | None = _field(None, "how the data is split; see docs/data.md")
    image_size: int | None = _field(None, "side in pixels that images are resized to")
    seed: int = _field(0, "of the split and of the examples shown")
    download: bool = _field(False, "fetch what is missing into the folder")
    near: int | None = _field(None, "check: also report images whose hashes differ in so many bits")
    json: bool = _field(False, "info and check: JSON instead of tables")
    out: str = _field("examples.png", "show: the picture to write")


def look(config):
    """Loads the data set and does what `config.action` says.

    Returns: exit code: 1 if `check` found something in two parts, otherwise 0.
    """
    data = load(
        config.dataset,
        data_dir=config.data_dir,
        task=config.task,
        protocol=config.protocol,
        seed=config.seed,
        image_size=config.image_size and (config.image_size,) * 2,
        download=config.download,
        **given_options(config),
    )
    if config.action == "show":
        return _show(config, data)
    found = describe(data) if config.action == "info" else check(data, config.near)
    if config.json:
        print(json.dumps(to_plain(found), indent=2, ensure_ascii=False))
    else:
        _print_info(data, found) if config.action == "info" else _print_check(data, found)
    return int(config.action == "check" and bool(found["in_two_parts"]))


def _print_info(data, info):
    console = Console(highlight=False)
    shape = " x ".join(str(length) for length in info["input_shape"])
    console.print(f"{data.name}, {data.task}, protocol {data.protocol}, input {shape}")
    for note in info["notes"]:
        console.print(note, soft_wrap=True)
    parts = info["parts"]
    for kind, sizes in parts["train"]["classes"].items():
        unit = "pixels" if kind == "mask" else "examples"
        ratio = f"imbalance ratio {info['imbalance_ratio'][kind]:,.1f}"
        table = Table(title=f"{unit} by class, {ratio} in train", title_justify="left")
        table.add_column("class")
        for part in parts:
            table.add_column(part, justify="right")
            table.add_column("share", justify="right")
        for name in sizes:
            cells = []
            for part in parts.values():
                size = part["classes"][kind][name]
                cells += [f"{size['count']:,}", f"{size['share']:.2%}"]
            table.add_row(name, *cells)
        table.add_section()
        table.add_row("all", *_totals(parts, kind))
        console.print(table)
    counted = [f"{part} {one['examples']:,}" for part, one in parts.items()]
    console.print(f"examples: {', '.join(counted)}")
    if parts["train"]["groups"] is not None:
        counted = [f"{part} {one['groups']:,}" for part, one in parts.items()]
        console.print(f"groups: {', '.join(counted)}")
    console.print(_scale(data, info))


def _totals(parts, kind):
    for part in parts.values():
        yield f"{sum(size['count'] for size in part['classes'][kind].values()):,}"
        yield ""


def _scale(data, info):
    """Table of mean and standard deviation of the inputs in the training part."""
    names = data.feature_names or [f"channel {c}" for c in range(len(info["training_mean"]))]
    table = Table(title="inputs in train", title_justify="left")
    table.add_column("input")
    table.add_column("mean", justify="right")
    table.add_column("standard deviation", justify="right")
    for name, mean, std in zip(names, info["training_mean"], info["training_std"], strict=True):
        table.add_row(name, f"{mean:.4g}", f"{std:.4g}")
    return table


def _print_check(data, found):
    console = Console(highlight=False, soft_wrap=True)
    counted = ", ".join(f"{part} {len(records):,}" for part, records in data.parts.items())
    console.print(f"{data.name}, protocol {data.protocol}: {counted}")
    findings = found["in_two_parts"]
    nothing = "no example, group or exact duplicate"
    console.print(f"in two parts: {'' if findings else nothing}")
    for finding in [*findings, *(found["near_duplicates"] or ())]:
        first, second = finding["parts"]
        pairs = ", ".join(f"{b} = {a}" for a, b in finding["pairs"])
        more = ", ..." if finding["examples"] > len(finding["pairs"]) else ""
        console.print(
            f"  {finding['what']}: {finding['examples']:,} of {second} are in {first} "
            f"({pairs}{more})"
        )
    repeated = ", ".join(f"{part} {n:,}" for part, n in found["repeated_within"].items())
    console.print(f"exact duplicates of an earlier example of the same part: {repeated}")
    console.print(f"duplicates with different labels: {found['contradictions']:,}")
    for part, names in found["absent_classes"].items():
        if names:
            console.print(f"classes without an example in {part}: {', '.join(names)}")


def _show(config, data):
    from dawn_tf.evaluation import report

    train = data.parts["train"]
    if train.x.ndim == 2:
        figure = report.column_histograms(
            f"{data.name}: columns of the training part by class",
            train.x,
            train.y,
            data.feature_names,
            data.class_names,
        )
    else:
        figure = _sheet(report, config, data, train)
    report.save(figure, config.out)
    print(f"wrote {config.out}")
    return 0


def _sheet(report, config, data, train):
    """Examples of the training part, a row a class, beside what augmentation makes of them."""
    names = data.class_names["label"] if data.task == "both" else data.class_names
    counts = np.bincount(train.sampling_labels, minlength=len(names))
    classes = [c for c in np.argsort(-counts, kind="stable") if counts[c]]
    title = f"{data.name}, training part"
    if len(classes) > _MAX_ROWS:
        title += f": {_MAX_ROWS} of its {len(classes)} classes"
        places = np.linspace(0, len(classes) - 1, _MAX_ROWS).round().astype(int)
        classes = [classes[place] for place in places]
    rng = np.random.default_rng(config.seed)
    chosen = [
        np.sort(rng.permutation(np.flatnonzero(train.sampling_labels == c))[:EXAMPLES])
        for c in classes
    ]
    augmenter = Augmenter(
        counts,
        ignore_class=data.ignore_class,
        seed=config.seed,
        **AUGMENTATION.get(data.name, {}),
    )
    shown = np.concatenate(chosen)
    plain = train.x[shown], _masks(train, shown)
    numbers = tf.range(len(shown), dtype=tf.int64)
    changed = augmenter(
        tf.constant(plain[0]),
        None if plain[1] is None else tf.constant(plain[1]),
        tf.constant(train.sampling_labels[shown]),
        numbers,
    )
    rows, stops = [], np.cumsum([len(members) for members in chosen])
    for c, members, stop in zip(classes, chosen, stops, strict=True):
        row = slice(stop - len(members), stop)
        share, p = report.percent(100 * counts[c] / counts.sum()), augmenter.probabilities[c]
        text = f"{names[c]}\n{counts[c]:,} ({share} %)\np = {p:.2f}"
        rows.append((text, _cut(plain, row), _cut(changed, row)))
    mask_names = data.class_names["mask"] if data.task == "both" else names
    by = "rarest class in the image" if data.task == "segmentation" else "class"
    headings = f"by {by}", "the same, augmented; p: probability of each change"
    return report.example_sheet(title, headings, rows, mask_names, data.ignore_class)


def _masks(records, indices):
    if records.task == "classification":
        return None
    return (records.y["mask"] if records.task == "both" else records.y)[indices]


def _cut(arrays, row):
    return tuple(None if array is None else np.asarray(array[row]) for array in arrays)
