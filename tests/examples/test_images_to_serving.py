"""The example as a user runs it: from raw images to an answered request."""

import pathlib
import runpy

import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.training.rerun import FinishedRun

EXAMPLE = pathlib.Path(__file__).parents[2] / "examples" / "images_to_serving.py"


def test_the_example_ends_with_the_answer_of_the_trained_model(tmp_path, monkeypatch, capsys):
    predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
    monkeypatch.chdir(tmp_path)
    scope = runpy.run_path(EXAMPLE)

    # New scans of a common and of a rare class, and both are known.
    assert scope["names"] == ["3", "9"]
    assert scope["metrics"]["test"]["macro_f1"] > 0.7
    counts = dict(zip(scope["photos"].class_names, scope["photos"].class_counts, strict=True))
    assert counts["3"] > 4 * counts["9"]

    # What went over the wire are the files, and the answer is what the Keras model says of them.
    request = predict_pb2.PredictRequest.FromString(scope["message"])
    images = tf.make_ndarray(request.inputs["images"])
    assert [*images] == scope["images"]
    run = FinishedRun.open("runs/images_to_serving/run")
    x = np.stack([tf.io.decode_png(image, 1).numpy() for image in images]).astype("float32")
    p, _ = run.post_processing.apply(run.model.predict_on_batch(x))
    np.testing.assert_allclose(scope["answer"]["probabilities"].numpy(), p, atol=1e-5)
    shown = capsys.readouterr().out
    assert "macro_f1" in shown and " to " in shown and "answer: 9" in shown
