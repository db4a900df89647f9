"""Methods beside each other on one data set: means over seeds, the best, and what is tied with it.

For the lines of `results/<grid>.jsonl` and for run folders alike.
"""

import dataclasses

import numpy as np

from dawn_tf.evaluation.statistics import (
    SCORES,
    ConfusionSample,
    holm,
    mean_recall,
    paired_t_test,
    seeds_test,
)
from dawn_tf.evaluation.statistics.inputs import differences

_PER_IMAGE = {"dice_per_image_mean": "dice", "iou_per_image_mean": "iou"}


@dataclasses.dataclass(frozen=True)
class Entry:
    """A method's score.

    Attributes:
        values: Score of each seed, seed -> value.
        best: Whether its mean is the best of two or more methods with two or more seeds.
        p: Against the best, Holm-corrected; `None` for the best and where nothing was tested.
        tied: Whether it is the best or not shown to differ from it at 0.05; `None` if not tested.
    """

    values: dict
    best: bool = False
    p: float | None = None
    tied: bool | None = None

    @property
    def n(self):
        return len(self.values)

    @property
    def mean(self):
        return float(np.mean(list(self.values.values())))

    @property
    def deviation(self):
        """Sample deviation over seeds; `None` for one."""
        return float(np.std(list(self.values.values()), ddof=1)) if self.n > 1 else None


@dataclasses.dataclass(frozen=True)
class Column:
    """One score of all methods.

    Attributes:
        entries: `Entry` by method, those that have the score.
        test: What "tied" rests on, in words; `None` where nothing was tested.
    """

    entries: dict
    test: str | None


def compare_methods(rows, keys, load=None, alpha=0.05, resamples=1000):
    """Compares the methods of one data set, score by score.

    The best method is the one with the best mean of those with two seeds or more. The others are
    tested against it on the seeds both have, at least two, and Holm's correction is over them:

    - where all runs were scored on one test part and their predictions are at hand, by
      `seeds_test`, over seeds and test examples together (images for masks, patients or lesions
      where examples come in such);
    - else by the paired t-test over seeds, with the correction of Nadeau and Bengio where seeds
      split the data anew;
    - not at all where two methods had other test parts with the same seed.

    Args:
        rows: Dicts with "method", "seed", "test" (scores) and "data" (as `metrics.json` has it);
            one for each method and seed.
        keys: Scores to compare: of "test", or "many", "medium", "few" for the recall of those
            classes.
        load: Function of a row to its test outputs (arrays by name), or to `None`.
        alpha: Level of "tied".
        resamples: Of the test part.

    Returns: dict of `Column` by key, of those that some method has.
    """
    methods = {}
    for row in rows:
        methods.setdefault(row["method"], {})[row["seed"]] = row
    values = {
        key: {
            method: {seed: score_of(row, key) for seed, row in sorted(of_seeds.items())}
            for method, of_seeds in methods.items()
        }
        for key in keys
    }
    drawn = _resampled(rows, keys, load, resamples) if len(methods) > 1 else {}
    columns = {}
    for key, by_method in values.items():
        by_method = {
            method: known
            for method, of_seeds in by_method.items()
            if (known := {seed: value for seed, value in of_seeds.items() if value is not None})
        }
        if by_method:
            columns[key] = _column(key, by_method, methods, drawn.get(key), alpha)
    return columns


def score_of(row, key):
    """A score of a row's test part; `None` if it is not defined."""
    if key in ("many", "medium", "few"):
        return (row["test"].get("shots") or {}).get(key, {}).get("recall")
    if key in ("ece", "classwise_ece", "brier", "log_loss"):
        return row["test"]["calibration"][key]
    return row["test"].get(key)


def lower_is_better(key):
    """Whether a score is an error."""
    return key in ("ece", "classwise_ece", "brier", "log_loss")


def test_parts(rows):
    """The different test parts of rows."""
    return {row["data"]["test_part"] for row in rows}


def _column(key, values, methods, drawn, alpha):
    entries = {method: Entry(of_seeds) for method, of_seeds in values.items()}
    seeded = [method for method, entry in entries.items() if entry.n > 1]
    if len(seeded) < 2:
        return Column(entries, None)
    sign = -1 if lower_is_better(key) else 1
    best = max(seeded, key=lambda method: sign * entries[method].mean)
    tests = {}
    for method in seeded:
        outcome = method != best and _outcome(values, methods, method, best, drawn)
        if outcome:
            tests[method] = outcome
    p_values = holm([p for p, _ in tests.values()]).tolist()
    for method, p in zip(tests, p_values, strict=True):
        entries[method] = dataclasses.replace(entries[method], p=p, tied=p >= alpha)
    entries[best] = dataclasses.replace(entries[best], best=True, tied=True)
    names = dict.fromkeys(name for _, name in tests.values())
    return Column(entries, "; ".join(names) or None)


def _outcome(values, methods, method, best, drawn):
    """`(p, test in words)` of two methods, or `None` if they can't be paired."""
    seeds = [seed for seed in values[method] if seed in values[best]]
    pairs = [(methods[method][seed], methods[best][seed]) for seed in seeds]
    if len(seeds) < 2 or any(len(test_parts(pair)) > 1 for pair in pairs):
        return None
    a, b = ([values[name][seed] for seed in seeds] for name in (method, best))
    parts = test_parts(row for pair in pairs for row in pair)
    of_models = [drawn and [drawn.get((name, seed)) for seed in seeds] for name in (method, best)]
    if len(parts) == 1 and all(m and all(x is not None for x in m) for m in of_models):
        resampled = np.mean(of_models[0], axis=0) - np.mean(of_models[1], axis=0)
        outcome = seeds_test(differences(a, b), resampled)
        examples = pairs[0][0]["data"]["examples"]["test"]
        return outcome.p_value, (
            f"{outcome.test} (n = {len(seeds)} seeds, {examples:,} test examples)"
        )
    anew = len(parts) > 1
    sizes = pairs[0][0]["data"]["examples"]
    outcome = paired_t_test(a, b, sizes["test"] / sizes["train"] if anew else 0.0)
    # Equal differences, all one way, have no t, but one method is better each time.
    p = 0.0 if np.isnan(outcome.p_value) else outcome.p_value
    corrected = ", corrected for seeds that split the data anew" if anew else ""
    return p, f"{outcome.test} over seeds (n = {len(seeds)}){corrected}"


def _resampled(rows, keys, load, resamples):
    """Scores on resampled test sets: key -> (method, seed) -> `(resamples,)`.

    Of rows with outputs, if all rows have one test part; else nothing.
    """
    if load is None or len(test_parts(rows)) != 1:
        return {}
    models = {(row["method"], row["seed"]): outputs for row in rows if (outputs := load(row))}
    if not models:
        return {}
    functions = _functions(rows[0]["data"], rows[0]["test"])
    wanted = [key for key in keys if key in functions]
    sample = sample_of(models.values(), len(rows[0]["data"]["class_names"]))
    parts = {key: [] for key in wanted}
    for totals in sample.resamples(resamples, np.random.default_rng(0)):
        for key in wanted:
            parts[key].append(functions[key](totals))
    drawn = {
        key: dict(zip(models, np.concatenate(blocks).T, strict=True))
        for key, blocks in parts.items()
    }
    drawn.update(
        {
            key: _resampled_means(models, array, resamples)
            for key, array in _PER_IMAGE.items()
            if key in keys and all(array in outputs for outputs in models.values())
        }
    )
    return drawn


def sample_of(outputs, num_classes):
    """The `ConfusionSample` of models scored on one test part, of their outputs."""
    outputs = list(outputs)
    if "matrices" in outputs[0]:
        return ConfusionSample.from_matrices([one["matrices"] for one in outputs])
    predicted = [one["y_pred"] for one in outputs]
    groups = outputs[0]["groups"] if "groups" in outputs[0] else None
    return ConfusionSample.from_labels(outputs[0]["y_true"], predicted, num_classes, groups)


def _functions(data, test):
    functions = {key: SCORES[key] for key in SCORES if not key.startswith("class_")}
    functions["minority_recall"] = mean_recall(data["minority"])
    for name, group in (test.get("shots") or {}).items():
        functions[name] = mean_recall(group["classes"])
    return functions


def _resampled_means(models, array, resamples):
    """The mean over images and classes, with images drawn anew."""
    images = {model: np.asarray(outputs[array]).mean(1) for model, outputs in models.items()}
    known = np.isfinite(next(iter(images.values())))  # An image of void pixels has no score.
    n = int(known.sum())
    weights = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=resamples)
    return {model: weights @ of_images[known] / n for model, of_images in images.items()}
