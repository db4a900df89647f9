import io
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import dawn_tf
from dawn_tf.calibration import SCALINGS
from dawn_tf.export import export_saved_model
from dawn_tf.models import AveragedNetworks

NAMES = ["common", "rare"]

# What TF Serving knows: the files and TensorFlow, neither keras nor dawn_tf.
CLIENT = """
import json, sys
sys.modules["keras"] = sys.modules["dawn_tf"] = None  # As if neither were installed.
import numpy as np
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
signature = model.signatures[sys.argv[2]]
name = "inputs" if sys.argv[2] == "serving_default" else "images"
x = np.load(sys.argv[3], allow_pickle=True)
x = tf.constant(x) if name == "inputs" else tf.constant(x.tolist())
out = signature(**{name: x})
print(json.dumps({k: (v.numpy().astype(str) if v.dtype == tf.string else v.numpy()).tolist()
                  for k, v in out.items()}))
"""


def call_without_keras(version, signature, x, tmp_path):
    np.save(tmp_path / "x.npy", x, allow_pickle=True)
    command = [sys.executable, "-c", CLIENT, str(version), signature, str(tmp_path / "x.npy")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def make(task, **kwargs):
    shapes = {"segmentation": (16, 12, 3), "image": (16, 12, 3), "rows": (5,)}
    kind = "segmentation" if task == "segmentation" else "classification"
    model = dawn_tf.DAWN(2, shapes[task], task=kind, encoder=kwargs.pop("encoder", None), **kwargs)
    x = np.random.default_rng(0).uniform(0, 255, (3, *shapes[task])).astype("float32")
    model.adapt(x)
    for _ in range(20):  # Normalisation sees the data, as it has in any trained model.
        model(x, training=True)
    return model, x


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["segmentation", "image", "rows"])
def test_outputs_are_the_models_own_in_a_process_without_keras(task, tmp_path):
    model, x = make(task, aux_outputs=True, width=4)
    version = export_saved_model(model, tmp_path, "m", NAMES)
    out = call_without_keras(version, "serving_default", x, tmp_path)
    expected = softmax(np.asarray(model(x)["output"]))
    np.testing.assert_allclose(out["probabilities"], expected, atol=1e-5)
    if task == "segmentation":
        np.testing.assert_array_equal(out["mask"], expected.argmax(-1))
    else:
        np.testing.assert_array_equal(out["class"], expected.argmax(-1))
        assert out["class_name"] == [NAMES[c] for c in expected.argmax(-1)]


@pytest.mark.slow
def test_encoded_images_are_decoded_and_resized_inside(tmp_path):
    from PIL import Image

    model, _ = make("image", width=4)
    version = export_saved_model(model, tmp_path, "m", NAMES)
    rng = np.random.default_rng(1)
    encoded, pixels = [], []
    for kind, size in (("PNG", (12, 16)), ("JPEG", (40, 30)), ("PNG", (7, 9))):
        image = rng.integers(0, 255, (size[1], size[0], 3), dtype="uint8")
        file = io.BytesIO()
        Image.fromarray(image).save(file, kind)
        encoded.append(file.getvalue())
        decoded = tf.io.decode_image(file.getvalue(), channels=3).numpy().astype("float32")
        resized = tf.image.resize(decoded, (16, 12), antialias=True).numpy()
        pixels.append(decoded if size == (12, 16) else np.rint(resized))
    out = call_without_keras(version, "serving_bytes", np.array(encoded, object), tmp_path)
    expected = softmax(np.asarray(model(np.stack(pixels).clip(0, 255))))
    np.testing.assert_allclose(out["probabilities"], expected, atol=1e-5)


@pytest.mark.parametrize("task", ["segmentation", "image", "rows"])
def test_kerass_own_export_gives_every_output(task, tmp_path):
    model, x = make(task, aux_outputs=True, width=4)
    model.export(tmp_path / "m", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    out = loaded.serve(tf.constant(x))
    expected = model(x)
    assert set(out) == {"output", "global", "detail", "gate"}
    for name, value in expected.items():
        np.testing.assert_allclose(out[name], value, rtol=1e-4, atol=1e-4)


def test_probabilities_of_an_average_are_not_normalised_twice(tmp_path):
    members = [make("rows")[0] for _ in range(2)]
    model = AveragedNetworks(members)
    _, x = make("rows")
    version = export_saved_model(model, tmp_path, "m", NAMES)
    signature = tf.saved_model.load(str(version)).signatures["serving_default"]
    out = signature(inputs=tf.constant(x))["probabilities"]
    np.testing.assert_allclose(out, model(x), atol=1e-6)


def test_the_threshold_decides_between_two_classes(tmp_path):
    model, x = make("rows")
    p = np.sort(softmax(np.asarray(model(x)))[:, 1])
    threshold = float(p[:2].mean())  # Between the least and the other two.
    version = export_saved_model(model, tmp_path, "m", NAMES, decision=threshold)
    signature = tf.saved_model.load(str(version)).signatures["serving_default"]
    chosen = np.asarray(signature(inputs=tf.constant(x))["class"])
    np.testing.assert_array_equal(chosen, softmax(np.asarray(model(x)))[:, 1] >= threshold)
    assert chosen.sum() == 2
    with pytest.raises(ValueError, match="Expected a decision for 3 classes"):
        export_saved_model(model, tmp_path, "m", ["a", "b", "c"], decision=0.5)


def test_weights_decide_between_classes(tmp_path):
    model, x = make("rows")
    p = softmax(np.asarray(model(x)))
    weights = [1.0, float(np.median(p[:, 0] / p[:, 1])) * 1.001]
    version = export_saved_model(model, tmp_path, "m", NAMES, decision=weights)
    signature = tf.saved_model.load(str(version)).signatures["serving_default"]
    chosen = np.asarray(signature(inputs=tf.constant(x))["class"])
    np.testing.assert_array_equal(chosen, (p * weights).argmax(-1))
    assert chosen.sum() == 2


def test_versions_count_up_and_class_names_travel(tmp_path):
    model, _ = make("rows")
    first = export_saved_model(model, tmp_path, "m", NAMES)
    second = export_saved_model(model, tmp_path, "m", NAMES)
    assert [first.name, second.name] == ["1", "2"]
    assert (second / "assets" / "class_names.txt").read_text() == "common\nrare\n"
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == ["1", "2"]


def test_a_failed_export_leaves_nothing(tmp_path, monkeypatch):
    model, _ = make("rows")

    def full_disk(obj, path, *args, **kwargs):
        (tmp_path / "m").joinpath(path, "saved_model.pb").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        export_saved_model(model, tmp_path, "m", NAMES)
    assert list((tmp_path / "m").iterdir()) == []


@pytest.mark.parametrize("name", ["temperature", "dirichlet"])
def test_calibration_comes_before_the_decision(name, tmp_path):
    model, x = make("rows")
    p = softmax(np.asarray(model(x)))
    rng = np.random.default_rng(0)
    fitted = SCALINGS[name]().fit(rng.dirichlet([1, 1], 200), rng.integers(0, 2, 200))
    calibrated = fitted.transform(p)
    threshold = float(np.sort(calibrated[:, 1])[:2].mean())
    version = export_saved_model(model, tmp_path, "m", NAMES, decision=threshold, calibrator=fitted)
    signature = tf.saved_model.load(str(version)).signatures["serving_default"]
    out = signature(inputs=tf.constant(x))
    np.testing.assert_allclose(out["probabilities"], calibrated, atol=1e-5)
    np.testing.assert_array_equal(out["class"], calibrated[:, 1] >= threshold)
    assert np.asarray(out["class"]).sum() == 2
