"""No way that reads a file can run what stands in it: no pickle and the like, anywhere."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FILES = [path for room in ("dawn_tf", "tools") for path in (ROOT / room).rglob("*.py")]
MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "runpy", "shelve", "torch", "yaml"}
CALLS = {"eval", "exec", "compile", "__import__", "enable_unsafe_deserialization"}
ALLOWED = {
    # Reads the pickles of CIFAR by names it knows, none of which is called.
    "dawn_tf/data/pickles.py": {"import pickle"},
    # A grid may be a Python file: the user's own.
    "dawn_tf/training/benchmark/grid.py": {"import runpy"},
    "dawn_tf/models/saved.py": {"keras.models.load_model"},
}


def found_in(source):
    """What of it could run code from a file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            names = []
        yield from (f"import {name}" for name in names if name.split(".")[0] in MODULES)
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in CALLS or called.split(".")[-1] == "enable_unsafe_deserialization":
                yield called
            if called.endswith("load_model") and called != "load_model":
                yield called
            for keyword in node.keywords:
                unsafe = {"allow_pickle": True, "safe_mode": False}
                value = getattr(keyword.value, "value", "not a constant")
                if keyword.arg in unsafe and value in (unsafe[keyword.arg], "not a constant"):
                    yield f"{keyword.arg}={ast.unparse(keyword.value)}"


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_nothing_that_is_read_is_run(path):
    allowed = ALLOWED.get(path.relative_to(ROOT).as_posix(), set())
    assert set(found_in(path.read_text())) <= allowed


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import yaml",
        "from joblib import load",
        "import numpy as np; np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=trusted)",
        "keras.models.load_model(path)",
        "keras.saving.load_model(path, safe_mode=False)",
        "keras.config.enable_unsafe_deserialization()",
        "eval(text)",
    ],
)
def test_each_such_way_is_seen(source):
    assert list(found_in(source))
