"""Imports inside the package point one way, and compute knows no TensorFlow."""

import ast
import os
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "dawn_tf"
MAY_IMPORT = {
    "ops": set(),
    "backend": {"ops"},
    "calibration": set(),
    "layers": {"ops"},
    "losses": {"backend", "ops"},
    "metrics": {"ops"},
    "data": {"ops"},
    "models": {"layers", "ops"},
    "export": {"calibration", "data", "metrics", "models"},
    "evaluation": {"calibration", "data", "losses", "metrics", "models"},
    "training": {"calibration", "data", "evaluation", "export", "losses", "metrics", "models"},
    "demo": {"data", "evaluation", "export", "models", "training"},
    "estimators": {"data", "evaluation", "models", "training"},
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


@pytest.mark.slow
def test_compute_runs_on_jax_where_there_is_no_tensorflow():
    code = """
import sys
sys.modules["tensorflow"] = None  # As if it were not installed.
import numpy as np
import dawn_tf
model = dawn_tf.DAWN(3, (16, 16, 3), width=4, cross_attention=False)
loss = dawn_tf.losses.DAWNLoss.from_class_counts([5, 4, 3])
value = loss(np.zeros((1, 16, 16)), model(np.ones((1, 16, 16, 3))))
metric = dawn_tf.metrics.MacroF1(3)
metric.update_state(np.zeros((1, 16, 16)), model(np.ones((1, 16, 16, 3))))
print(float(value), float(metric.result()))
"""
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    assert all(0 <= float(number) for number in result.stdout.split())


@pytest.mark.slow
def test_a_saved_model_loads_after_import_dawn_tf_alone(tmp_path):
    import numpy as np

    import dawn_tf

    model = dawn_tf.DAWN(3, (5,), task="classification", width=4)
    model.compile("sgd", dawn_tf.losses.DAWNLoss(w_region=0.6, w_lovasz=0.4, w_edge=0.0))
    model.save(tmp_path / "model.keras")
    code = (
        "import sys, dawn_tf, keras, numpy as np; model = keras.models.load_model(sys.argv[1]); "
        "print(np.asarray(model(np.ones((1, 5)))).tolist()[0])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "model.keras")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    values = [float(v) for v in result.stdout.strip().splitlines()[-1].strip("[]").split(",")]
    np.testing.assert_allclose(values, np.asarray(model(np.ones((1, 5))))[0], atol=1e-5)
