import os
import pickle
import struct
import tracemalloc

import numpy as np
import pytest

from dawn_tf.data.errors import DataError
from dawn_tf.data.pickles import load_pickle


class Harmful:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_values_and_arrays_come_back(protocol, order):
    array = np.arange(24, dtype="uint8").reshape(4, 6, order=order)
    values = {"data": array, "labels": [1, 300, 70000], "names": ["a"], "none": None}
    loaded = load_pickle(pickle.dumps(values, protocol), "x")
    np.testing.assert_array_equal(loaded.pop("data"), array)
    assert loaded == {"labels": [1, 300, 70000], "names": ["a"], "none": None}


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    "function, arguments",
    [(os.mkdir, ("harmed",)), (eval, ("__import__('os').mkdir('harmed')",)), (exec, ("1",))],
    ids=["os", "eval", "exec"],
)
def test_nothing_is_run(tmp_path, monkeypatch, protocol, function, arguments):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps({"data": Harmful(function, *arguments)}, protocol)
    with pytest.raises(DataError, match=rf"'x', .*it wants to run \w+.{function.__name__}"):
        load_pickle(content, "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x02}q\x00U\x05lab",
        pickle.dumps([1]),
        pickle.dumps({"x": np.zeros(3)}, 4),
        pickle.dumps({"x": np.array([os.mkdir])}, 4),
        # Sets attributes of what it names, `numpy.ndarray` and `numpy.dtype`.
        b"\x80\x02}U\x01xcnumpy\nndarray\nN}U\x01aK\x01s\x86bs.",
        b"\x80\x02}U\x01xcnumpy\ndtype\nN}U\x01aK\x01s\x86bs.",
    ],
    ids=["empty", "cut", "list", "floats", "objects", "state of None", "state of a class"],
)
def test_anything_else_is_named(content):
    with pytest.raises(DataError, match="Received: 'x', which cannot be read"):
        load_pickle(content, "x")


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x80\x04}r" + struct.pack("<I", 30_000_000) + b"0N.",
        b"\x80\x05\x96" + struct.pack("<Q", 500_000_000) + b".",
    ],
    ids=["memo", "bytearray"],
)
def test_a_few_bytes_cannot_fill_the_memory(bomb):
    tracemalloc.start()
    with pytest.raises(DataError, match="cannot be read"):
        load_pickle(bomb, "x")
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
