import json
import os
import zipfile

import keras
import numpy as np
import pytest

import dawn_tf
from dawn_tf.models import load_model


@pytest.fixture(scope="module")
def model():
    return dawn_tf.DAWN(2, (3,), task="classification", width=4)


@pytest.fixture
def path(model, tmp_path):
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_a_model_comes_back(model, path):
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    np.testing.assert_array_equal(load_model(path).predict_on_batch(x), model.predict_on_batch(x))


def test_code_in_a_file_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layer = keras.layers.Lambda(lambda x: __import__("os").mkdir("ran") or x, output_shape=(1,))
    network = keras.Sequential([keras.Input((1,)), layer])
    network.save("model.keras")
    with pytest.raises(ValueError, match="Expected a model without code of its own.*Lambda"):
        load_model("model.keras")
    assert os.listdir() == ["model.keras"]


@pytest.mark.parametrize(
    "named",
    [
        {"module": "os", "class_name": "mkdir", "config": {"path": "{}"}},
        {"module": "builtins", "class_name": "exec", "config": {"source": "open('{}', 'w')"}},
        {"module": "subprocess", "class_name": "Popen", "config": {"args": ["touch", "{}"]}},
    ],
    ids=["os", "builtins", "subprocess"],
)
def test_what_is_neither_of_keras_nor_registered_is_refused(path, tmp_path, named):
    ran = tmp_path / "ran"
    named = json.loads(json.dumps({**named, "registered_name": None}).replace("{}", str(ran)))
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for config in (named, {**json.loads(files["config.json"]), "build_config": None, **named}):
        files["config.json"] = json.dumps(config).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        with pytest.raises(ValueError, match="Expected a model without code of its own"):
            load_model(path)
        assert not ran.exists()


def test_damaged_and_other_files_are_refused(path, tmp_path):
    content = path.read_bytes()
    for damaged in (b"", b"x", content[: len(content) // 2], content[:-300] + bytes(300)):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"Received: {path}"):
            load_model(path)
    with pytest.raises(ValueError, match="Expected a file that ends in .keras"):
        load_model(tmp_path / "model.h5")
    with pytest.raises(ValueError, match="Received: "):
        load_model(tmp_path / "absent.keras")
    assert os.listdir(tmp_path) == ["model.keras"]
