import io
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dawn_tf.export import PostProcessing, export_saved_model, verify
from dawn_tf.models import AveragedNetworks, decoder_views

NAMES = ["common", "rare"]
TASKS = ("segmentation", "image", "rows")

# What TF Serving knows: the files and TensorFlow, neither keras nor dawn_tf.
CLIENT = """
import json, sys
sys.modules["keras"] = sys.modules["dawn_tf"] = None  # As if neither were installed.
import numpy as np
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
answers = {}
with np.load(sys.argv[2], allow_pickle=True) as requests:
    for key in requests.files:
        signature, name = key.split("/")
        x = requests[key]
        x = tf.constant(x.tolist() if x.dtype == object else x)
        answers.setdefault(signature, {})[name] = x
for signature, inputs in answers.items():
    out = model.signatures[signature](**inputs)
    answers[signature] = {k: (v.numpy().astype(str) if v.dtype == tf.string else v.numpy()).tolist()
                          for k, v in out.items()}
print(json.dumps(answers))
"""


def call_without_keras(version, requests, tmp_path):
    """Answers by signature of requests `{signature: {input: array}}`, in another process."""
    arrays = {
        f"{signature}/{name}": np.asarray(x)
        for signature, inputs in requests.items()
        for name, x in inputs.items()
    }
    np.savez(tmp_path / "requests.npz", **arrays)
    command = [sys.executable, "-c", CLIENT, str(version), str(tmp_path / "requests.npz")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def signature_of(version, name="serving_default"):
    return tf.saved_model.load(str(version)).signatures[name]


def encoded(x):
    """Each image as a PNG."""
    files = [io.BytesIO() for _ in x]
    for file, image in zip(files, x.astype("uint8"), strict=True):
        Image.fromarray(image).save(file, "PNG")
    return np.array([file.getvalue() for file in files], object)


def check_answer(out, post_processing, probabilities, class_shares=None):
    p, chosen = post_processing.apply(probabilities, class_shares)
    np.testing.assert_allclose(out["probabilities"], p, atol=1e-5)
    if "mask" in out:
        np.testing.assert_array_equal(out["mask"], chosen)
    else:
        np.testing.assert_array_equal(out["class"], chosen)
        assert out["class_name"] == [post_processing.class_names[c] for c in chosen]


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_every_signature_answers_as_numpy_does_in_a_process_without_keras(task, exports, tmp_path):
    made = exports(task)
    shares = np.float32([[0.98, 0.01, 0.01], [0.2, 0.3, 0.5], [1, 1, 1], [0, 0.5, 0.5]])
    requests = {"serving_default": {"inputs": made.x}}
    if task == "rows":
        names = made.columns.input_names.values()
        requests["serving_rows"] = dict(zip(names, made.x.T, strict=True))
    else:
        requests["serving_bytes"] = {"images": encoded(made.x)}
    for signature, inputs in list(requests.items()):
        name = "serving_shares" if signature == "serving_default" else f"{signature}_shares"
        requests[name] = {**inputs, "class_shares": shares}
    answers = call_without_keras(made.version, requests, tmp_path)
    of_bytes = np.asarray(tf.nn.softmax(made.model(made.x.astype("uint8").astype("float32"))))
    views = decoder_views(made.model)(made.x)
    for signature, out in answers.items():
        p = of_bytes if "bytes" in signature else made.probabilities
        if signature.endswith("_shares"):
            for i in range(len(p)):
                one = {name: values[i : i + 1] for name, values in out.items()}
                check_answer(one, made.post_processing, p[i : i + 1], shares[i])
        else:
            check_answer(out, made.post_processing, p)
        if "bytes" not in signature:
            for name in ("gate", "global", "detail"):
                np.testing.assert_allclose(out[name], views[name], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_kerass_own_export_gives_every_output(task, dawn, tmp_path):
    model, x = dawn(task, aux_outputs=True)
    model.export(tmp_path / "m", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    out = loaded.serve(tf.constant(x))
    expected = model(x)
    assert set(out) == {"output", "global", "detail", "gate"}
    for name, value in expected.items():
        np.testing.assert_allclose(out[name], value, rtol=1e-4, atol=1e-4)


def test_probabilities_of_an_average_are_not_normalised_twice(dawn, tmp_path):
    model = AveragedNetworks([dawn("rows")[0] for _ in range(2)])
    x = np.ones((2, 5), "float32")
    version = export_saved_model(model, tmp_path, "m", PostProcessing(["a", "b", "c"]))
    out = signature_of(version)(inputs=tf.constant(x))["probabilities"]
    np.testing.assert_allclose(out, model(x), atol=1e-6)


def test_versions_count_up_and_files_travel_along(tiny, tmp_path):
    post = PostProcessing(NAMES)
    first = export_saved_model(tiny, tmp_path, "m", post)
    second = export_saved_model(tiny, tmp_path, "m", post, card={"limits": ["It is tiny."]})
    assert [first.name, second.name] == ["1", "2"]
    assert (second / "assets" / "class_names.txt").read_text() == "common\nrare\n"
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == ["1", "2"]
    card = json.loads((second / "assets" / "model_card.json").read_text())
    assert (card["name"], card["limits"]) == ("m", ["It is tiny."])
    assert "- It is tiny." in (second / "assets" / "model_card.md").read_text()
    assert verify(second) >= 6
    # Without a prior nothing can be corrected for other class shares.
    assert set(tf.saved_model.load(str(first)).signatures) == {"serving_default"}


def test_a_failed_export_leaves_nothing(tiny, tmp_path, monkeypatch):
    def full_disk(obj, path, *args, **kwargs):
        (tmp_path / "m").joinpath(path, "saved_model.pb").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        export_saved_model(tiny, tmp_path, "m", PostProcessing(NAMES))
    assert list((tmp_path / "m").iterdir()) == []


def test_what_the_model_does_not_have_is_refused(tiny, tmp_path):
    with pytest.raises(ValueError, match="Expected a DAWN with both decoders and a gate"):
        export_saved_model(tiny, tmp_path, "m", PostProcessing(NAMES), extra_outputs=["gate"])
    with pytest.raises(ValueError, match="Expected extra outputs among"):
        export_saved_model(tiny, tmp_path, "m", PostProcessing(NAMES), extra_outputs=["mask"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_inputs_that_are_no_numbers_are_an_error(value, tiny, tmp_path):
    version = export_saved_model(tiny, tmp_path, "m", PostProcessing(NAMES))
    signature = signature_of(version)
    x = np.zeros((2, 5), "float32")
    assert signature(inputs=tf.constant(x))["class_name"].numpy().tolist() == [b"common"] * 2
    x[1, 4] = value  # Which the model does not even look at.
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected finite inputs"):
        signature(inputs=tf.constant(x))
    assert signature(inputs=tf.constant(x[:0]))["class"].shape == (0,)  # None is not one.
