"""Packages that only some exports need."""

import importlib


def import_extra(module, extra):
    """The module; raises `ValueError` that says how to install it if it is not there."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"Expected the package {module.partition('.')[0]}. Received: {error}. Install it with "
            f"pip install 'dawn_tf[{extra}]'."
        ) from error
