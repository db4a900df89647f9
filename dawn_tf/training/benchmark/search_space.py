"""What a grid tunes: by flag, a range or a list of choices."""


def merged(*tables):
    """One search space of several, later ones win; `False` takes a flag out."""
    space = {name: values for table in tables for name, values in table.items()}
    return {name: values for name, values in space.items() if values is not False}


def wrong_parts(name, table):
    """Names of what is no search space: `{low, high}`, with `log` if wanted, or `{choices}`."""
    if not isinstance(table, dict):
        return [name]
    return [
        f"{name}.{flag}" for flag, values in table.items() if values is not False and _wrong(values)
    ]


def contains(values, value):
    """Whether a value is one that `{low, high}` or `{choices}` allows."""
    if "choices" in values:
        return value in values["choices"]
    return type(value) in (int, float) and values["low"] <= value <= values["high"]


def _wrong(values):
    if not isinstance(values, dict):
        return True
    if "choices" in values:
        choices = values["choices"]
        return len(values) > 1 or not isinstance(choices, list) or len(choices) < 2
    if not {"low", "high"} <= set(values) <= {"low", "high", "log"}:
        return True
    low, high, log = values["low"], values["high"], values.get("log", False)
    if not all(type(end) in (int, float) for end in (low, high)) or type(log) is not bool:
        return True
    return not low < high or (log and low <= 0)
