"""TensorFlow Serving itself, where a `tensorflow_model_server` binary is on the PATH.

`make serving-test` runs this and says so where there is none.
"""

import base64
import io
import json
import pathlib
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from tensorflow_serving.config import model_server_config_pb2

CONFIGS = pathlib.Path(__file__).parents[2] / "configs" / "serving"
SERVER = shutil.which("tensorflow_model_server")


def test_the_models_file_is_one_that_the_server_reads():
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((CONFIGS / "models.config").read_text(), config)
    (model,) = config.model_config_list.config
    assert model.base_path == "/models/digits"
    assert model.model_version_policy.latest.num_versions == 2


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One model behind a server of its own, with the batching and monitoring of `configs/`."""

    def __init__(self, version):
        self.grpc_port, self.rest_port = free_port(), free_port()
        command = [
            SERVER,
            f"--port={self.grpc_port}",
            f"--rest_api_port={self.rest_port}",
            "--model_name=m",
            f"--model_base_path={version.parent}",
            "--enable_batching=true",
            f"--batching_parameters_file={CONFIGS / 'batching.config'}",
            f"--monitoring_config_file={CONFIGS / 'monitoring.config'}",
        ]
        self.process = subprocess.Popen(command)
        deadline = time.monotonic() + 120
        while "AVAILABLE" not in self._status():
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}")

    def _status(self):
        try:
            return self.get("/v1/models/m")
        except OSError:
            return ""

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.rest_port}{path}", timeout=10) as page:
            return page.read().decode()

    def rest(self, signature, instances):
        """Rows of the answer, one dict an instance."""
        body = json.dumps({"signature_name": signature, "instances": instances}).encode()
        url = f"http://127.0.0.1:{self.rest_port}/v1/models/m:predict"
        with urllib.request.urlopen(url, body, timeout=60) as page:
            return json.load(page)["predictions"]

    def predict(self, signature, inputs):
        """Arrays by output name, over gRPC."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = "m", signature
        for name, values in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
        stub = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        response = stub.Predict(request, timeout=60)
        return {name: tf.make_ndarray(value) for name, value in response.outputs.items()}

    def close(self):
        self.channel.close()
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture
def serve():
    """`f(version) -> Server`; skips where there is no server to start."""
    if SERVER is None:
        pytest.skip("TensorFlow Serving: no tensorflow_model_server on the PATH")
    servers = []

    def start(version):
        servers.append(Server(version))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels.astype("uint8")).save(file, "PNG")
    return file.getvalue()


@pytest.mark.slow
def test_images_over_grpc_and_rest(serve, exports):
    made = exports("image")
    server = serve(made.version)
    p, chosen = made.post_processing.apply(made.probabilities)
    out = server.predict("serving_default", {"inputs": made.x})
    np.testing.assert_allclose(out["probabilities"], p, atol=1e-5)
    np.testing.assert_array_equal(out["class"], chosen)
    rows = server.rest("serving_default", [{"inputs": x.tolist()} for x in made.x])
    np.testing.assert_allclose([row["probabilities"] for row in rows], p, atol=1e-5)
    names = [made.post_processing.class_names[c] for c in chosen]
    assert [row["class_name"] for row in rows] == names

    files = [png(image) for image in made.x]
    by_grpc = server.predict("serving_bytes", {"images": np.array(files, object)})
    instances = [{"images": {"b64": base64.b64encode(file).decode()}} for file in files]
    by_rest = server.rest("serving_bytes", instances)
    np.testing.assert_allclose(
        [row["probabilities"] for row in by_rest], by_grpc["probabilities"], atol=1e-5
    )
    shares = np.tile(np.float32([0.9, 0.05, 0.05]), (len(p), 1))
    out = server.predict("serving_shares", {"inputs": made.x, "class_shares": shares})
    expected = made.post_processing.apply(made.probabilities, shares[0])[0]
    np.testing.assert_allclose(out["probabilities"], expected, atol=1e-5)

    with pytest.raises(grpc.RpcError) as caught:
        server.predict("serving_bytes", {"images": np.array([b"no image"], object)})
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(urllib.error.HTTPError, match="400"):
        server.rest("serving_bytes", [{"images": {"b64": "AAAA"}}])
    counts = re.findall(r':tensorflow:serving:request_count\{.*\} \d+', server.get(
        "/monitoring/prometheus/metrics"
    ))  # fmt: skip
    assert counts
    assert server.predict("serving_default", {"inputs": made.x})["class"].shape == (len(p),)


@pytest.mark.slow
def test_rows_over_grpc_and_rest(serve, exports):
    made = exports("rows")
    server = serve(made.version)
    p, _ = made.post_processing.apply(made.probabilities)
    names = list(made.columns.input_names.values())
    out = server.predict("serving_rows", dict(zip(names, made.x.T, strict=True)))
    np.testing.assert_allclose(out["probabilities"], p, atol=1e-5)
    instances = [dict(zip(names, row.tolist(), strict=True)) for row in made.x]
    rows = server.rest("serving_rows", instances)
    np.testing.assert_allclose([row["probabilities"] for row in rows], p, atol=1e-5)
