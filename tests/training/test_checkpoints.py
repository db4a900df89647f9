import subprocess
import sys

import keras
import numpy as np
import pytest

from dawn_tf.training.checkpoints import load_state, save_state


def variables(*values):
    return [keras.Variable(np.asarray(value)) for value in values]


def test_values_and_progress_come_back(tmp_path):
    path = tmp_path / "folder" / "state.npz"
    seed = keras.Variable(np.array([1, 4294967295], "uint32"), dtype="uint32", trainable=False)
    weight = keras.Variable(np.float32([[1 / 3, -0.0], [1e-38, np.inf]]))
    save_state(path, [weight, seed], {"history": [{"epoch": 0, "loss": 0.1}]})
    restored = [keras.Variable(np.zeros((2, 2), "float32")), keras.Variable([0, 0], dtype="uint32")]
    assert load_state(path, restored) == {"history": [{"epoch": 0, "loss": 0.1}]}
    np.testing.assert_array_equal(restored[0], weight)
    np.testing.assert_array_equal(restored[1], seed)


def test_more_than_ten_variables_keep_their_order(tmp_path):
    save_state(tmp_path / "s.npz", variables(*range(12)), {})
    restored = variables(*[0] * 12)
    load_state(tmp_path / "s.npz", restored)
    assert [int(v) for v in restored] == list(range(12))


@pytest.mark.parametrize("others", [([0.0, 0.0],), ([0.0], [0.0])])
def test_another_models_checkpoint_is_refused(tmp_path, others):
    save_state(tmp_path / "s.npz", variables([0.0]), {})
    with pytest.raises(ValueError, match="1 variables.*give another run folder"):
        load_state(tmp_path / "s.npz", variables(*others))


def test_a_full_disk_leaves_the_former_state(small_disk):
    path = small_disk.folder / "s.npz"
    save_state(path, variables([1.0]), {"epoch": 1})
    small_disk.fill()
    with pytest.raises(OSError, match="Expected room on the disk for .*s.npz.*Make room"):
        save_state(path, variables(np.ones(2**12)), {"epoch": 2})
    small_disk.free()
    assert state_of(path) == {"epoch": 1}
    assert [p.name for p in small_disk.folder.iterdir()] == ["s.npz"]


def two_states(folder):
    for epoch in (1, 2):
        save_state(folder / "s.npz", variables([float(epoch)]), {"epoch": epoch})
    return folder / "s.npz"


def state_of(path):
    """The progress there, once the weights are seen to be of the same epoch."""
    restored = variables([0.0])
    progress = load_state(path, restored)
    assert float(restored[0][0]) == progress["epoch"]
    return progress


def test_a_damaged_byte_is_noticed_and_the_checkpoint_before_is_taken(tmp_path, capsys):
    path = two_states(tmp_path)
    whole = path.read_bytes()
    assert state_of(path) == {"epoch": 2}
    places = range(0, len(whole), 3)
    fell_back = 0
    for i in places:
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :])
        epoch = state_of(path)["epoch"]  # A damaged time stamp, say, changes nothing.
        warned = "cannot be read" in capsys.readouterr().err
        assert warned == (epoch == 1)
        fell_back += warned
    assert fell_back > len(places) / 2
    for length in range(0, len(whole), 50):
        path.write_bytes(whole[:length])
        assert state_of(path) == {"epoch": 1}
    path.unlink()
    assert state_of(path) == {"epoch": 1}
    assert "s.npz.before" in capsys.readouterr().err


def test_without_a_whole_checkpoint_the_remedy_is_named(tmp_path):
    path = two_states(tmp_path)
    for file in tmp_path.iterdir():
        file.write_bytes(b"PK")
    with pytest.raises(ValueError, match="Expected a whole checkpoint.*Remove that folder"):
        load_state(path, variables([0.0]))


KILLED = """
import os, resource, signal, sys
from keras import Variable
from dawn_tf.training.checkpoints import save_state

def at_byte(number):
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (number, number))

def at_call(name, number):
    real, left = getattr(os, name), list(range(number))
    kill = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
    setattr(os, name, lambda *args: real(*args) if left and left.pop() is not None else kill())

for folder in sys.argv[1:]:
    how, number = os.path.basename(folder).split("-")
    if os.fork() == 0:
        at_byte(int(number)) if how == "byte" else at_call(how, int(number))
        save_state(f"{folder}/s.npz", [Variable([3.0])], {"epoch": 3})
        os._exit(0)
    assert os.WIFSIGNALED(os.wait()[1]), folder
"""


@pytest.mark.slow
def test_a_kill_at_any_point_of_writing_leaves_a_whole_checkpoint(tmp_path):
    # After so many bytes; before the flush, the first and the second renaming.
    points = [f"byte-{n}" for n in (1, 100, 300, 500)]
    points += ["fsync-0", "replace-0", "replace-1"]
    folders = [tmp_path / point for point in points]
    for folder in folders:
        two_states(folder)
    subprocess.run([sys.executable, "-c", KILLED, *map(str, folders)], check=True)
    for folder in folders:
        left = [path.name for path in folder.iterdir()]
        assert any(name.endswith(".tmp") for name in left)  # It was in the middle.
        assert state_of(folder / "s.npz") == {"epoch": 2}
        save_state(folder / "s.npz", variables([4.0]), {"epoch": 4})
        assert state_of(folder / "s.npz") == {"epoch": 4}
        assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]
