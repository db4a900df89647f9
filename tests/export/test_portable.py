"""Files for other runtimes answer what the network and numpy's post-processing do."""

import json
import sys

import numpy as np
import pytest
import tensorflow as tf

import dawn_tf
from dawn_tf.calibration import VectorScaling, decide
from dawn_tf.export import PostProcessing, export_portable, verify
from dawn_tf.export.litert import LiteRTFile, to_litert
from dawn_tf.export.onnx_graph import ONNXFile, to_onnx

NAMES = ["common", "middling", "rare"]
DECISION = [0.2, 0.4, 1.0]
SPEC = tf.TensorSpec((1, 5), tf.float32, name="inputs")


def post_processing():
    rng = np.random.default_rng(0)
    calibrator = VectorScaling().fit(rng.dirichlet([1, 1, 1], 500), rng.integers(0, 3, 500))
    return PostProcessing(NAMES, calibrator, [0.5, 0.3, 0.2], [0.6, 0.3, 0.1], DECISION)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def exported(model, format, folder, **options):
    """`(opened file, version)`, with checks that let everything pass."""
    if format.startswith("litert"):
        pytest.importorskip("ai_edge_litert")
        pytest.importorskip("ai_edge_quantizer")
    else:
        pytest.importorskip("tf2onnx")
    opened = []

    def check(file):
        opened.append(file)
        return {"largest_difference": 0.0, "examples": 7}

    version = export_portable(model, folder, "m", format, post_processing(), check, **options)
    return opened[0], version


@pytest.mark.parametrize(
    "task, format",
    [
        ("rows", "litert"),
        ("image", "onnx"),
        # The whole numbers below are made of an image network's LiteRT file.
        pytest.param("image", "litert", marks=pytest.mark.slow),
        pytest.param("rows", "onnx", marks=pytest.mark.slow),
        pytest.param("segmentation", "litert", marks=pytest.mark.slow),
        pytest.param("segmentation", "onnx", marks=pytest.mark.slow),
    ],
)
def test_a_float_file_answers_what_the_network_does(dawn, task, format, tmp_path):
    model, x = dawn(task)
    file, version = exported(model, format, tmp_path, extra_outputs=("gate", "detail"))
    answer = file(x)
    p, chosen = post_processing().apply(softmax(np.asarray(model(x))))
    np.testing.assert_allclose(answer["probabilities"], p, atol=1e-5)
    label = "mask" if task == "segmentation" else "class"
    assert set(answer) == {"probabilities", label, "gate", "detail"}
    assert answer[label].dtype == np.int32
    # A class may differ where two are equal to rounding.
    top = np.sort(p * DECISION, -1)
    clear = top[..., -1] - top[..., -2] > 1e-5
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(answer[label][clear], chosen[clear])
    assert 0 <= answer["gate"].min() and answer["gate"].max() <= 1

    assert version == tmp_path / f"m-{format}" / "1"
    assert verify(version) == 4
    assert (version / "class_names.txt").read_text().split() == NAMES
    card = json.loads((version / "model_card.json").read_text())
    assert card["format"]["examples"] == 7
    assert card["format"]["examples_in_a_call"] == ("any number" if format == "onnx" else 1)
    assert card["format"]["bytes"] == file_of(version).stat().st_size
    assert "- examples: 7" in (version / "model_card.md").read_text()


@pytest.mark.slow
def test_a_network_that_onnx_takes_by_single_examples_alone(tmp_path):
    options = {"task": "classification", "encoder": "mit_b0", "cross_attention": False}
    model = dawn_tf.DAWN(3, (64, 64, 3), **options)
    x = np.random.default_rng(0).uniform(0, 255, (4, 64, 64, 3)).astype("float32")
    model.adapt(x)
    file, version = exported(model, "onnx", tmp_path)
    p, _ = post_processing().apply(softmax(np.asarray(model(x))))
    np.testing.assert_allclose(file(x)["probabilities"], p, atol=1e-5)
    card = json.loads((version / "model_card.json").read_text())
    assert card["format"]["examples_in_a_call"] == 1


def file_of(version):
    return next(path for path in version.iterdir() if path.name.startswith("model."))


def test_whole_numbers_leave_the_probabilities_fine(dawn, tmp_path):
    model, x = dawn("image")
    file, version = exported(model, "litert_int8", tmp_path, calibration=x)
    answer = file(x)
    p, _ = post_processing().apply(softmax(np.asarray(model(x))))
    assert np.abs(answer["probabilities"] - p).max() < 0.1
    # Steps of 1/256 would not sum to 1, and could not decide about a rare class.
    np.testing.assert_allclose(answer["probabilities"].sum(-1), 1, atol=1e-6)
    np.testing.assert_array_equal(answer["class"], decide(answer["probabilities"], DECISION))

    from ai_edge_litert.interpreter import Interpreter

    kinds = [t["dtype"] for t in Interpreter(str(file_of(version))).get_tensor_details()]
    assert kinds.count(np.int8) > len(kinds) / 2


@pytest.mark.parametrize("difference", [0.01, np.nan])
def test_a_file_that_answers_something_else_is_not_published(tiny, difference, tmp_path):
    pytest.importorskip("tf2onnx")
    post = PostProcessing(["a", "b"])
    with pytest.raises(ValueError, match="with the network's probabilities, to 0.001. Received: a"):
        export_portable(
            tiny, tmp_path, "m", "onnx", post, lambda file: {"largest_difference": difference}
        )
    assert list((tmp_path / "m-onnx").iterdir()) == []


@tf.function(autograph=False)
def with_strange_operation(inputs):
    return {"out": tf.math.betainc(inputs, inputs, inputs)}


@pytest.mark.parametrize("convert, extra", [(to_litert, "tensorflow"), (to_onnx, "tf2onnx")])
def test_an_operation_that_the_format_lacks_is_named(convert, extra):
    pytest.importorskip(extra)
    with pytest.raises(ValueError, match=r"Expected operations that .* has. Received: .*Betainc"):
        convert(with_strange_operation, SPEC)


@pytest.mark.parametrize(
    "package, open, extra",
    [
        ("ai_edge_litert.interpreter", LiteRTFile, "litert"),
        ("onnxruntime", ONNXFile, "onnx"),
        ("tf2onnx", lambda path: to_onnx(with_strange_operation, SPEC), "onnx"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(package, open, extra, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ValueError, match=rf"pip install 'dawn_tf\[{extra}\]'"):
        open(tmp_path / "model")
