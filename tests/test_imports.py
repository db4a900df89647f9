"""Imports inside the package point one way, and compute knows no TensorFlow."""

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "dawn_tf"
MAY_IMPORT = {
    "ops": set(),
    "layers": {"ops"},
    "losses": {"ops"},
    "metrics": {"ops"},
    "data": {"ops"},
    "models": {"layers", "ops"},
    "export": {"data", "metrics", "models"},
    "evaluation": {"data", "losses", "metrics", "models"},
    "training": {"data", "evaluation", "export", "losses", "metrics", "models"},
}
KERAS_ONLY = ("ops", "layers", "losses", "metrics", "models")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_point_one_way(room):
    for path in (PACKAGE / room).rglob("*.py"):
        rooms = {name.split(".")[1] for name in imported(path) if name.startswith("dawn_tf.")}
        assert rooms & MAY_IMPORT.keys() <= MAY_IMPORT[room] | {room}, path


def test_every_room_has_its_rule():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == MAY_IMPORT.keys()


@pytest.mark.parametrize("room", KERAS_ONLY)
def test_compute_imports_keras_and_never_tensorflow(room):
    for path in (PACKAGE / room).rglob("*.py"):
        assert not any(name.split(".")[0] == "tensorflow" for name in imported(path)), path
