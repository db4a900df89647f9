"""Options of the data sets as flags: `load(..., rho=50)` is `--rho 50`."""

import ast
import dataclasses

from dawn_tf.data.sources import SOURCES


def value(text):
    """A number if `text` is one, otherwise the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def option_users():
    """Names of the data sets that know an option, by option."""
    users = {}
    for name, source in sorted(SOURCES.items()):
        for option in getattr(source, "OPTIONS", {}):
            users.setdefault(option, []).append(name)
    return users


def with_options(config_class):
    """`config_class` with a field more for each option of any data set; `None` if not given."""
    fields = [
        (
            option,
            value,
            dataclasses.field(default=None, metadata={"help": f"option of {', '.join(names)}"}),
        )
        for option, names in option_users().items()
    ]
    made = dataclasses.make_dataclass(
        config_class.__name__, fields, bases=(config_class,), frozen=True
    )
    made.__doc__ = config_class.__doc__
    return made


def given_options(config):
    """The options that a config made by `with_options` was given."""
    options = {option: getattr(config, option) for option in option_users()}
    return {option: chosen for option, chosen in options.items() if chosen is not None}
