import errno

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
    with pytest.raises(ValueError, match="Give another run folder"):
        load_state(tmp_path / "s.npz", variables(*others))


def test_a_full_disk_leaves_the_former_state(tmp_path, monkeypatch):
    path = tmp_path / "s.npz"
    save_state(path, variables([1.0]), {"epoch": 1})

    def full(file, **arrays):
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        save_state(path, variables([2.0]), {"epoch": 2})
    restored = variables([0.0])
    assert load_state(path, restored) == {"epoch": 1}
    assert float(restored[0][0]) == 1.0
    assert [p.name for p in tmp_path.iterdir()] == ["s.npz"]
