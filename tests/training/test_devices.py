import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

from dawn_tf.models import load_model
from dawn_tf.training import TrainConfig
from dawn_tf.training.devices import as_one_batch, make_strategy

SCRIPT = pathlib.Path(__file__).with_name("devices_script.py")


def train(devices, folder):
    """In a process of its own: the CPU is divided before TensorFlow uses it."""
    command = [sys.executable, str(SCRIPT), str(devices), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return result(folder)


def result(folder):
    with np.load(folder / "result.npz") as file:
        return json.loads(str(file["history"])), file["weights"], int(file["epoch"])


def assert_same(left, right):
    assert left[2] == right[2] and len(left[0]) == len(right[0]) == 3
    for a, b in zip(left[0], right[0], strict=True):
        assert a.keys() == b.keys()
        np.testing.assert_allclose(list(a.values()), list(b.values()), atol=1e-4)
    np.testing.assert_allclose(left[1], right[1], atol=1e-3)


@pytest.mark.slow
def test_two_devices_train_what_one_does(tmp_path):
    # The dual decoder with batch normalisation, clipping, moving averages, auxiliary losses.
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir(), two.mkdir()
    alone = train(1, one)
    assert_same(train(2, two), alone)
    x = np.zeros((2, 16, 16, 3), "float32")
    kept = load_model(two / "best.keras").predict_on_batch(x)["output"]
    np.testing.assert_allclose(
        kept, load_model(one / "best.keras").predict_on_batch(x)["output"], atol=1e-3
    )
    # A checkpoint of two devices goes on with one: here from the second epoch.
    (two / "state.npz").unlink()
    assert_same(train(1, two), alone)


def test_more_devices_than_there_are_is_an_error():
    make_strategy(1)
    keras.ops.zeros(1) + 1  # The CPU is in use.
    with pytest.raises(ValueError, match="Expected 3 devices. Received: 1 of kind CPU"):
        make_strategy(3)


def test_a_model_is_saved_without_a_trace_of_the_devices():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.BatchNormalization()(inputs))
    with pytest.raises(KeyError), as_one_batch(model, Two()):
        assert model.layers[1].synchronized
        raise KeyError
    assert not model.layers[1].synchronized


class Two:
    num_replicas_in_sync = 2


@pytest.mark.parametrize(
    "values, message",
    [
        ({"devices": 2, "xla": "on"}, "several devices without XLA"),
        ({"devices": 2, "accumulate": 2}, "without accumulated gradients"),
        ({"devices": 3, "batch_size": 64}, "batch_size=64 for 3"),
        ({"devices": 0}, "Expected devices >= 1"),
        ({"accumulate": 0}, "Expected accumulate >= 1"),
    ],
)
def test_what_devices_cannot_do_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**values).check()
