"""What a row of results must have for tables and plots, checked as it is read."""

import math

from dawn_tf.evaluation.section import SCORES
from dawn_tf.evaluation.shots import NAMES

_NUMBER = (int, float)
_GROUP = {"recall?": _NUMBER, "classes": [int]}
# A name with "?" may be absent or null, "*" stands for all names, a list's item for all its items.
_FORM = {
    "dataset": str,
    "seed": int,
    "method": str,
    "cell?": str,
    "config": {},
    "run": {"parameters?": _NUMBER, "versions?": {}},
    "data": {
        "name": str,
        "task": str,
        "class_names": [str],
        "counts": [_NUMBER],
        "minority": [int],
        "examples": {"train": int, "test": int, "*": int},
        "test_part": str,
    },
    "test": {
        **{f"{key}?": _NUMBER for key in SCORES},
        "macro_f1": _NUMBER,
        "per_class": {"*": {"f1": _NUMBER, "support": _NUMBER}},
        "confusion_matrix": [[_NUMBER]],
        "calibration": {"ece": _NUMBER},
        "shots?": {**dict.fromkeys(NAMES, _GROUP), "*": _GROUP},
    },
    "sampling?": {"label_shares?": [_NUMBER]},
    "history?": {"*": [(int, float, type(None))]},
    "seconds?": _NUMBER,
    "peak_memory_mb?": _NUMBER,
    "machine?": str,
}


def check_row(row, place):
    """Raises `ValueError`, naming the part, unless a row has what tables and plots read.

    Args:
        row: Dict, as a grid's line.
        place: Where it comes from, for the error.
    """
    wrong = _wrong(row, _FORM, "") or _wrong_size(row)
    if wrong:
        raise ValueError(
            f"Expected the results of a run. Received: {place}, whose {wrong} is absent or of "
            "another kind. Run it again with this version, or put back what was written there."
        )


def _wrong(value, form, name):
    """Name of the first part of `value` that is not of its form, or `None`."""
    if isinstance(form, list) and isinstance(value, list):
        parts = ((one, form[0], f"{name}[{i}]") for i, one in enumerate(value))
    elif isinstance(form, dict) and isinstance(value, dict):
        parts = _parts(value, form, f"{name}." if name else "")
    else:
        plain = isinstance(form, type | tuple) and isinstance(value, form)
        finite = not isinstance(value, float) or math.isfinite(value)
        return None if plain and finite else name
    return next((found for part in parts if (found := _wrong(*part))), None)


def _parts(value, form, prefix):
    for key, of_key in form.items():
        name = key.removesuffix("?")
        if key == "*":
            yield from ((one, of_key, prefix + str(each)) for each, one in value.items())
        elif name == key or value.get(name) is not None:
            yield value.get(name), of_key, prefix + name


def _wrong_size(row):
    data, test = row["data"], row["test"]
    num_classes = len(data["class_names"])
    shares = (row.get("sampling") or {}).get("label_shares")
    shots = (test.get("shots") or {}).values()
    sized = {
        "data.counts": [data["counts"]],
        "test.per_class": [test["per_class"]],
        "test.confusion_matrix": [test["confusion_matrix"], *test["confusion_matrix"]],
        "sampling.label_shares": [shares] if shares is not None else [],
    }
    members = {
        "data.minority": data["minority"],
        "test.shots": [c for group in shots for c in group["classes"]],
    }
    wrong = [name for name, of in sized.items() if any(len(one) != num_classes for one in of)]
    wrong += [n for n, of in members.items() if not all(0 <= c < num_classes for c in of)]
    wrong += [] if num_classes and sum(data["counts"]) > 0 else ["data.counts"]
    return wrong[0] if wrong else None
