"""The exported files under TensorFlow's own loader, with no Python of TensorFlow's or Keras's."""

import io
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax
from tensorflow.core.protobuf import saved_model_pb2

CLIENT = pathlib.Path(__file__).with_name("c_api_client.py")


def call(version, signature, inputs, tmp_path):
    """Outputs by name of one signature."""
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((version / "saved_model.pb").read_bytes())
    definition = saved.meta_graphs[0].signature_def[signature]
    outputs = {name: info.name for name, info in definition.outputs.items()}
    arrays = {f"input/{definition.inputs[name].name}": x for name, x in inputs.items()}
    np.savez(
        tmp_path / "request.npz",
        version=str(version),
        outputs=",".join(outputs.values()),
        **arrays,
    )
    command = [sys.executable, str(CLIENT), str(tmp_path / "request.npz"), str(tmp_path / "a.npz")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    with np.load(tmp_path / "a.npz") as answer:
        return {name: answer[tensor] for name, tensor in outputs.items()}


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels.astype("uint8")).save(file, "PNG")
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("task", ["segmentation", "image", "rows"])
def test_answers_are_the_models(task, exports, tmp_path):
    made = exports(task)
    x = np.rint(made.x)
    p, chosen = made.post_processing.apply(softmax(np.asarray(made.model(x)), axis=-1))
    requests = {"serving_default": {"inputs": x}}
    if task == "rows":
        names = made.columns.input_names.values()
        requests["serving_rows"] = dict(zip(names, x.T, strict=True))
    else:
        # As an array of bytes; a PNG does not end in the zeros that numpy takes off.
        requests["serving_bytes"] = {"images": np.array([png(image) for image in x])}
    for signature, inputs in requests.items():
        out = call(made.version, signature, inputs, tmp_path)
        np.testing.assert_allclose(out["probabilities"], p, atol=1e-5)
        if task == "segmentation":
            np.testing.assert_array_equal(out["mask"], chosen)
        else:
            np.testing.assert_array_equal(out["class"], chosen)
            names = [made.post_processing.class_names[c].encode() for c in chosen]
            assert out["class_name"].tolist() == names
