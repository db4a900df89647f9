# %% [markdown]
# # From raw images to an answered request
#
# Images in a folder with a CSV of labels, one class of them rare; at the end a server's answer
# about an image that the network has not seen. `python examples/images_to_serving.py` takes about
# a minute and leaves its files in `runs/images_to_serving`. Editors that know `# %%` run it cell by
# cell.

# %%
import csv
import os
import pathlib
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402

from dawn_tf import data  # noqa: E402
from dawn_tf.evaluation import read_json  # noqa: E402
from dawn_tf.training import TrainConfig, train  # noqa: E402

WORK = pathlib.Path("runs/images_to_serving")
RAW, PHOTOS = WORK / "raw", WORK / "photos"
shutil.rmtree(WORK, ignore_errors=True)

# %% [markdown]
# ## Raw images
# Scans of handwritten digits, which scikit-learn brings along, as somebody would hand them over:
# PNG files and one `labels.csv`. Of the eights every third is kept and of the nines every sixth,
# so that these are rare.

# %%
RAW.mkdir(parents=True)
KEEP_EVERY = {8: 3, 9: 6}
digits = load_digits()
seen = dict.fromkeys(range(10), 0)
with open(RAW / "labels.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["file", "label"])
    for i, (scan, label) in enumerate(zip(digits.images, digits.target.tolist(), strict=True)):
        seen[label] += 1
        if seen[label] % KEEP_EVERY.get(label, 1) == 0:
            pixels = np.uint8(scan * 255 / 16)[..., None]
            (RAW / f"{i:04}.png").write_bytes(tf.io.encode_png(pixels).numpy())
            rows.writerow([f"{i:04}.png", label])

# %% [markdown]
# ## A folder a class
# That is what `load("folder", ...)` reads, with all its checks (docs/data.md). Two scans are held
# back for the requests at the end.

# %%
with open(RAW / "labels.csv", newline="") as file:
    labels = {row["file"]: row["label"] for row in csv.DictReader(file)}
new = {label: max(name for name in labels if labels[name] == label) for label in ("3", "9")}
for name, label in labels.items():
    if name not in new.values():
        (PHOTOS / label).mkdir(parents=True, exist_ok=True)
        shutil.copy(RAW / name, PHOTOS / label / name)

photos = data.load("folder", PHOTOS, image_size=(8, 8), channels=1)
print({part: len(records) for part, records in photos.parts.items()})
print(
    "training examples:", dict(zip(photos.class_names, photos.class_counts.tolist(), strict=True))
)

# %% [markdown]
# ## Training, calibration, decision, scores, export
# One call does them, and `tools/train.py` with the same names as flags does too. Validation
# chooses the epoch, the calibration map and the decision; the test part is looked at once.

# %%
config = TrainConfig(
    dataset="folder",
    data_dir=str(PHOTOS),
    image_size=8,
    channels=1,
    encoder="unet",
    width=8,
    epochs=12,
    ema=0.9,
    calibration="bias_corrected",
    out=str(WORK / "run"),
)
metrics = train(config)

# %% [markdown]
# ## What it is worth
# Scores of the test part with intervals at 95 %. Of a rare class there are few test images, and
# its interval says so.

# %%
card = read_json(WORK / "run" / "model_card.json")
for name, row in {**card["scores"], **card["recall"]}.items():
    interval = f"  ({row['low']:.3f} to {row['high']:.3f})" if "low" in row else ""
    examples = f"  of {row['support']} images" if "support" in row else ""
    print(f"{name:18} {row['value']:.3f}{interval}{examples}")

# %% [markdown]
# ## A request
# The message that a client sends to TensorFlow Serving. Its class comes with the extra `serving`.
# Signature `serving_bytes` takes files as they are: decoding, resizing, the network, calibration
# and decision are all in the exported graph.

# %%
images = [(RAW / name).read_bytes() for name in new.values()]
try:
    from tensorflow_serving.apis import predict_pb2
except ImportError:
    inputs = {"images": tf.constant(images)}
    print("The request itself takes `pip install dawn_tf[serving]`; its inputs do not.")
else:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "folder"
    request.model_spec.signature_name = "serving_bytes"
    request.inputs["images"].CopyFrom(tf.make_tensor_proto(images))
    message = request.SerializeToString()  # These bytes go over the wire.
    received = predict_pb2.PredictRequest.FromString(message)
    inputs = {name: tf.make_ndarray(proto) for name, proto in received.inputs.items()}
    inputs = {name: tf.constant(values) for name, values in inputs.items()}

# %% [markdown]
# ## The answer
# The graph that the server would run, loaded here without any class of this package.

# %%
served = tf.saved_model.load(WORK / "run" / metrics["saved_model"])
answer = served.signatures["serving_bytes"](**inputs)
names = [name.decode() for name in answer["class_name"].numpy()]
for name, p in zip(names, answer["probabilities"].numpy().max(1), strict=True):
    print(f"answer: {name}, probability {p:.3f}")

# %% [markdown]
# ## The same with a server
# A server is a container away (docs/serving.md has the whole command):
#
# ```bash
# docker run --rm -p 8500:8500 -p 8501:8501 -e MODEL_NAME=folder \
#   -v "$PWD/runs/images_to_serving/run/saved_models/folder:/models/folder:ro" \
#   tensorflow/serving:2.21.0
# ```
#
# Over gRPC it takes the `request` from above:
#
# ```python
# import grpc
# from tensorflow_serving.apis import prediction_service_pb2_grpc
#
# channel = grpc.insecure_channel("localhost:8500")
# result = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request)
# print(tf.make_ndarray(result.outputs["class_name"]))
# ```
#
# and over REST the file as base64:
#
# ```bash
# curl http://localhost:8501/v1/models/folder:predict -d '{"signature_name": "serving_bytes",
#   "instances": [{"images": {"b64": "'$(base64 -w0 runs/images_to_serving/raw/0002.png)'"}}]}'
# ```
