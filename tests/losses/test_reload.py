"""Models compiled with these losses load in a fresh process, and in every later version."""

import json
import pathlib
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

import dawn_tf
from dawn_tf import layers, losses, models  # noqa: F401 (registered by being imported)

KEPT = sorted((pathlib.Path(__file__).parent / "models").glob("version_*.zip"))

LOAD = """
import sys
import keras
import numpy as np
import dawn_tf.losses  # Registers its classes; nothing of it is named.
model = keras.models.load_model(sys.argv[1])
data = np.load(sys.argv[2])
print(float(model.evaluate(data["x"], data["y"], batch_size=len(data["x"]), verbose=0)))
"""


@pytest.mark.slow
def test_a_fresh_process_gives_the_same_loss(tmp_path, random_case):
    labels, logits = random_case((4, 5, 6), void=0.1)
    x = keras.Input((5, 6, 4))
    model = keras.Model(x, keras.layers.Dense(4)(x))
    model.compile("sgd", losses.DAWNLoss.from_class_counts([9, 5, 2, 1], ignore_class=255))
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "data.npz", x=logits, y=labels)
    result = subprocess.run(
        [sys.executable, "-c", LOAD, str(tmp_path / "model.keras"), str(tmp_path / "data.npz")],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    want = model.evaluate(logits, labels, batch_size=4, verbose=0)
    np.testing.assert_allclose(float(result.stdout.split()[-1]), want, rtol=1e-6)


def test_this_version_is_kept():
    assert f"version_{dawn_tf.__version__}" in [path.stem for path in KEPT]


@pytest.mark.slow
@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_models_of_every_version_give_what_they_gave(path, tmp_path):
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    files = sorted(tmp_path.glob("*.keras"))
    assert len(files) > 5
    for file in files:
        data = np.load(file.with_suffix(".npz"))
        model = keras.models.load_model(file)
        outputs = model(data["x"])
        y = data["y"]
        if isinstance(outputs, dict):
            outputs, y = outputs["output"], dict.fromkeys(model.loss, y)
        # Processors add in another order: logits of 10 differ by 1e-5.
        np.testing.assert_allclose(
            outputs, data["outputs"], rtol=1e-5, atol=1e-5, err_msg=file.stem
        )
        value = model.evaluate(data["x"], y, batch_size=len(y), verbose=0, return_dict=True)
        np.testing.assert_allclose(value["loss"], data["loss"], rtol=1e-5, err_msg=file.stem)


def test_the_kept_files_are_small():
    assert all(path.stat().st_size < 300_000 for path in KEPT)


def test_configs_hold_nothing_but_json():
    hybrid = losses.DAWNLoss.from_class_counts([9, 5, 2, 1], focal_alpha=np.ones(4))
    for loss in (hybrid, losses.LDAM(np.array([9, 5])), losses.LabelAwareSmoothing([9, 5])):
        config = keras.losses.serialize(loss)
        assert json.loads(json.dumps(config)) == config
