"""Which code and libraries made a run."""

import pathlib
import platform
import subprocess

import keras
import numpy as np
import tensorflow as tf

import dawn_tf


def provenance(model, seconds, commit):
    """What a run came from, for `metrics.json`."""
    return {
        "seconds_this_process": round(seconds, 1),
        "parameters": model.count_params(),
        "versions": {
            "dawn_tf": dawn_tf.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
            "numpy": np.__version__,
            "python": platform.python_version(),
            **getattr(model, "versions", {}),
        },
        "commit": commit,
    }


def current_commit():
    """Commit of the checkout the package runs from, or `None` for an installed package."""
    root = pathlib.Path(dawn_tf.__file__).parents[1]
    try:
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
