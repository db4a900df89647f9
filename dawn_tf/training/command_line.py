"""What the scripts in tools/ share: flags from a dataclass, errors in one line."""

import argparse
import dataclasses
import os
import sys
import types
import typing


def parse(config_class, argv, description, presets=None):
    """Makes a `config_class` from the command line: one flag a field.

    Args:
        config_class: A dataclass whose fields carry `metadata={"help": ...}` and, where the
            choice is limited, `"choices"`; `"positional"` ones need no flag and may be several
            (`"nargs"`).
        argv: Arguments, or `None` for those of the process.
        description: Text above the flags in `--help`.
        presets: Named sets of values that `--preset` starts from; flags win over them.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if presets:
        parser.add_argument("--preset", choices=sorted(presets), help="named set of values")
    for field in dataclasses.fields(config_class):
        if field.metadata.get("positional"):
            options = {key: field.metadata.get(key) for key in ("choices", "nargs", "help")}
            parser.add_argument(field.name, **options)
            continue
        kind = _plain_type(field.type)
        required = field.default is dataclasses.MISSING
        shown = "" if required or field.default is None else f" (default: {field.default})"
        options = {
            "default": argparse.SUPPRESS,
            "required": required,
            "help": (field.metadata["help"] + shown).replace("%", "%%"),
        }
        if kind is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options.update(
                type=kind,
                choices=field.metadata.get("choices"),
                metavar=None if "choices" in field.metadata else kind.__name__.upper(),
            )
        # Both spellings, as people type both.
        flags = dict.fromkeys([f"--{field.name}", f"--{field.name.replace('_', '-')}"])
        parser.add_argument(*flags, dest=field.name, **options)
    given = vars(parser.parse_args(argv))
    preset = (presets or {}).get(given.pop("preset", None), {})
    return config_class(**{**preset, **given})


def _plain_type(annotation):
    """`int` for `int` and for `int | None`."""
    if isinstance(annotation, types.UnionType):
        return next(t for t in typing.get_args(annotation) if t is not type(None))
    return annotation


def run(main):
    """Calls `main()`; what a user can mend is one line on stderr and exit code 2.

    `DAWN_DEBUG=1` shows the traceback instead.
    """
    try:
        sys.exit(main())
    except (ValueError, OSError) as error:
        if os.environ.get("DAWN_DEBUG"):
            raise
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last whole epoch", file=sys.stderr)
        sys.exit(130)
