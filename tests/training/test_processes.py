"""Two processes that train one network over loopback: what one does, also after a kill."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from dawn_tf.data.sampling import ClassAwareSampler
from dawn_tf.training import TrainConfig
from dawn_tf.training.processes import join

ROOT = pathlib.Path(__file__).parents[2]
# The dual decoder with batch normalisation, clipping, moving averages, augmentation, auxiliary
# losses, and the Lovász term over the whole batch.
FLAGS = ["--encoder", "unet", "--width", "4", "--epochs", "4", "--ema", "0.8", "--scores_only"]


def start(out, *flags):
    command = [sys.executable, "tools/train.py", *FLAGS, "--out", str(out), *flags]
    env = {**os.environ, "KERAS_BACKEND": "jax"}
    return subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def start_two(out):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    flags = ["--coordinator", address, "--processes", "2", "--process"]
    return [start(out, *flags, str(k)) for k in range(2)]


def finish(*processes):
    for process in processes:
        output, _ = process.communicate(timeout=900)
        assert process.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    out = tmp_path_factory.mktemp("processes") / "one"
    finish(start(out))
    return out


def assert_same(run, alone):
    histories = [json.loads((folder / "history.json").read_text())[0] for folder in (run, alone)]
    assert len(histories[0]) == 4
    for row, want in zip(*histories, strict=True):
        assert row.keys() == want.keys()
        np.testing.assert_allclose(list(row.values()), list(want.values()), atol=1e-4)
    with np.load(run / "outputs_test.npz") as a, np.load(alone / "outputs_test.npz") as b:
        np.testing.assert_allclose(a["probabilities"], b["probabilities"], atol=1e-3)


@pytest.mark.slow
def test_two_processes_train_what_one_does(alone, tmp_path):
    said = finish(*start_two(tmp_path / "two"))
    assert "macro" not in said  # The first alone prints, and writes.
    assert_same(tmp_path / "two", alone)


@pytest.mark.slow
def test_after_one_is_killed_they_go_on_from_the_last_epoch(alone, tmp_path):
    out = tmp_path / "killed"
    first, second = start_two(out)
    state = out / "network_0" / "state.npz"
    while not state.exists():
        assert first.poll() is None, first.stdout.read()
        time.sleep(0.05)
    second.send_signal(signal.SIGKILL)
    second.communicate()
    first.communicate(timeout=300)
    assert first.returncode != 0 and not (out / "metrics.json").exists()
    with np.load(state) as file:
        done = len(json.loads(str(file["progress"]))["history"])
    assert 1 <= done < 4
    finish(*start_two(out))
    assert_same(out, alone)


def test_the_parts_of_two_readers_are_the_batches_of_one():
    labels = np.arange(40) % 3
    whole, *parts = [
        ClassAwareSampler(labels, target="balanced", seed=3, replica=k, num_replicas=n)
        for k, n in ((0, 1), (0, 2), (1, 2))
    ]
    batches = zip(whole.batches(8, 5), parts[0].batches(4, 5), parts[1].batches(4, 5), strict=False)
    for _, (batch, even, odd) in zip(range(9), batches, strict=False):
        np.testing.assert_array_equal(batch[::2], even)
        np.testing.assert_array_equal(batch[1::2], odd)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="it is JAX")
def test_another_backend_is_refused():
    with pytest.raises(ValueError, match="Expected Keras on JAX .* Received: tensorflow"):
        join("127.0.0.1:1", 0, 2)


@pytest.mark.parametrize(
    "values, message",
    [
        ({"processes": 2}, "process=0, processes=2, coordinator=None"),
        ({"processes": 2, "process": 2, "coordinator": "h:1"}, "process=2, processes=2"),
        ({"coordinator": "h:1"}, "processes=1, coordinator='h:1'"),
        ({"processes": 2, "coordinator": "h:1", "devices": 2}, "several devices or several proc"),
        ({"processes": 3, "coordinator": "h:1", "batch_size": 64}, "batch_size=64 for 3"),
        ({"processes": 0}, "Expected processes >= 1"),
    ],
)
def test_what_processes_cannot_do_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**values).check()
