"""Requests as TF Serving's own protos have them: the warm-up file, and there and back."""

import json

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from dawn_tf.export import PostProcessing, columns_of, export_saved_model

NAMES = ["common", "rare"]


def requests_of(version):
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        yield prediction_log_pb2.PredictionLog.FromString(record).predict_log.request


@pytest.fixture
def version(tiny, tmp_path):
    columns = columns_of([*"abcd", "my column"])
    return export_saved_model(
        tiny, tmp_path, "tiny", PostProcessing(NAMES, prior=[0.9, 0.1]), columns
    )


def test_every_signature_is_warmed_up_with_a_request_it_takes(version):
    loaded = tf.saved_model.load(str(version))
    warmed = set()
    for request in requests_of(version):
        assert request.model_spec.name == "tiny"
        signature = request.model_spec.signature_name
        inputs = {k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()}
        assert loaded.signatures[signature](**inputs)["class"].shape == (1,)
        warmed.add(signature)
    assert warmed == set(loaded.signatures) and len(warmed) == 4


def test_images_are_warmed_up_as_files(exports):
    (request,) = (
        r
        for r in requests_of(exports("image").version)
        if r.model_spec.signature_name == "serving_bytes"
    )
    (png,) = tf.make_ndarray(request.inputs["images"])
    assert tf.io.decode_png(png).shape[:2] == (16, 12)


def test_requests_and_answers_survive_the_wire_and_json(version):
    signature = tf.saved_model.load(str(version)).signatures["serving_shares"]
    x, shares = np.float32([[1, 2, 0, 0, 0]]), np.float32([[0.5, 0.5]])
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "tiny", "serving_shares"
    request.inputs["inputs"].CopyFrom(tf.make_tensor_proto(x))
    request.inputs["class_shares"].CopyFrom(tf.make_tensor_proto(shares))
    received = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    received = json_format.Parse(json_format.MessageToJson(received), predict_pb2.PredictRequest())
    inputs = {k: tf.constant(tf.make_ndarray(v)) for k, v in received.inputs.items()}
    response = predict_pb2.PredictResponse()
    for name, value in signature(**inputs).items():
        response.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
    response = predict_pb2.PredictResponse.FromString(response.SerializeToString())
    # softmax of (1, 2), and then odds times (0.5 / 0.9) / (0.5 / 0.1).
    odds = np.exp(1) * 9
    p = tf.make_ndarray(response.outputs["probabilities"])
    np.testing.assert_allclose(p, [[1 / (1 + odds), odds / (1 + odds)]], rtol=1e-5)
    assert response.outputs["class_name"].string_val == [b"rare"]
    # The REST form: a row of JSON numbers becomes the tensor that the signature takes.
    body = json.loads(json.dumps({"instances": [{"inputs": x[0].tolist()}]}))
    again = np.float32([one["inputs"] for one in body["instances"]])
    np.testing.assert_array_equal(again, x)


def test_without_the_protos_there_are_no_requests_and_it_says_so(
    tiny, tmp_path, monkeypatch, capsys
):
    import sys

    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    version = export_saved_model(tiny, tmp_path, "tiny", PostProcessing(NAMES))
    assert not (version / "assets.extra").exists()
    assert "dawn_tf[serving]" in capsys.readouterr().out
