"""Whatever is sent to a signature: an error status or an answer that makes sense, never a crash.

Requests go through TensorFlow's C API, where nothing of Python's checks them first.
"""

import importlib.util
import io
import pathlib

import numpy as np
import pytest
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2

ROUNDS = 40


@pytest.fixture(scope="module")
def client():
    path = pathlib.Path(__file__).with_name("c_api_client.py")
    spec = importlib.util.spec_from_file_location("c_api_client", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def senders(client, exports):
    """`f(task) -> send(signature, inputs)`, which gives the outputs or raises `RuntimeError`."""

    def sender(task):
        version = exports(task).version
        saved = saved_model_pb2.SavedModel()
        saved.ParseFromString((version / "saved_model.pb").read_bytes())
        signatures = saved.meta_graphs[0].signature_def
        model = client.Model(version)

        def send(signature, inputs):
            definition = signatures[signature]
            outputs = {name: info.name for name, info in definition.outputs.items()}
            named = {definition.inputs[name].name: x for name, x in inputs.items()}
            return dict(zip(outputs, model.run(named, [*outputs.values()]), strict=True))

        return send

    return sender


def check_answer(out, count):
    p = out["probabilities"]
    assert len(p) == count and np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(-1), 1, atol=1e-4)


def encode(kind, rng):
    pixels = rng.integers(0, 255, (*rng.integers(1, 40, 2), 3), dtype="uint8")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def spoiled(rng):
    """A file that may or may not be an image still."""
    data = bytearray(encode(rng.choice(["PNG", "JPEG"]), rng))
    how = rng.integers(4)
    if how == 0:
        return bytes(data[: rng.integers(len(data))])
    if how == 1:
        for place in rng.integers(len(data), size=rng.integers(1, 9)):
            data[place] = rng.integers(256)
    if how == 2:
        return rng.bytes(rng.integers(0, 200))
    if how == 3:
        return bytes(data[:8]) + rng.bytes(rng.integers(0, 200))
    return bytes(data)


@pytest.mark.slow
def test_files_that_may_be_images(senders):
    send, rng = senders("image"), np.random.default_rng(0)
    errors = 0
    for _ in range(5 * ROUNDS):
        try:
            out = send("serving_bytes", {"images": np.array([spoiled(rng)], object)})
        except RuntimeError as error:
            assert str(error)
            errors += 1
        else:
            check_answer(out, 1)
    assert errors > ROUNDS
    good = np.array([encode("PNG", rng), encode("JPEG", rng)], object)
    check_answer(send("serving_bytes", {"images": good}), 2)  # It is still there.
    check_answer(send("serving_bytes", {"images": good[:0]}), 0)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["segmentation", "image", "rows"])
def test_arrays_of_wrong_shapes_types_and_values(task, exports, senders):
    send, x = senders(task), exports(task).x
    shares = np.full((len(x), 3), 1 / 3, "float32")
    wrong = [
        {"inputs": x[0]},
        {"inputs": x[..., :1]},
        {"inputs": np.concatenate([x, x], 1)},
        {"inputs": x[:, None]},
        {"inputs": np.float32(3)},
        {"inputs": x.astype("float64")},
        {"inputs": x.astype("int32")},
        {"inputs": np.array([b"pixels"])},
        {},
    ]
    for value in (np.nan, np.inf, -np.inf):
        spoiled = x.copy()
        spoiled.flat[-1] = value
        wrong.append({"inputs": spoiled})
    for inputs in wrong:
        with pytest.raises(RuntimeError):
            send("serving_default", inputs)
    for bad in (shares[:1], shares[:, :2], shares * np.nan, -shares, shares * 0, shares[0]):
        with pytest.raises(RuntimeError):
            send("serving_shares", {"inputs": x, "class_shares": bad})
    huge = np.full_like(x, 3e38)
    try:
        check_answer(send("serving_default", {"inputs": huge}), len(x))
    except RuntimeError as error:
        assert "finite" in str(error)
    check_answer(send("serving_default", {"inputs": x[:0]}), 0)
    check_answer(send("serving_shares", {"inputs": x, "class_shares": shares}), len(x))


@pytest.mark.slow
def test_columns_that_do_not_go_together(exports, senders):
    send, made = senders("rows"), exports("rows")
    names = list(made.columns.input_names.values())
    good = dict(zip(names, made.x.T, strict=True))
    rng = np.random.default_rng(0)
    for _ in range(ROUNDS):
        inputs, name = dict(good), rng.choice(names)
        how = rng.integers(5)
        if how == 0:
            del inputs[name]
        elif how == 1:
            inputs[name] = inputs[name][:2]
        elif how == 2:
            inputs[name] = np.array([b"1", b"2", b"3", b"4"])
        elif how == 3:
            inputs[name] = inputs[name] * np.nan
        else:
            inputs[name] = inputs[name][:, None]
        with pytest.raises(RuntimeError):
            send("serving_rows", inputs)
    check_answer(send("serving_rows", good), len(made.x))
