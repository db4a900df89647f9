"""A trained model as a SavedModel that TF Serving loads as it is."""

import keras
import numpy as np
import tensorflow as tf

from dawn_tf.export.card import write_card
from dawn_tf.export.encoded_images import decode_images
from dawn_tf.export.version_folder import next_version
from dawn_tf.export.warmup import write_warmup
from dawn_tf.models import VIEWS, decoder_views

_UNSEEN = "Expected finite inputs, within float32. Received: NaN or infinity"


def export_saved_model(
    model, out_dir, name, post_processing, columns=None, extra_outputs=(), card=None
):
    """Writes `<out_dir>/<name>/<version>/`, version being the next whole number.

    Signatures, each with a batch of any size:
    - `serving_default`: `inputs`, float32 pixels in 0..255 or table rows, of the model's shape.
    - `serving_bytes` (images only): `images`, encoded JPEG or PNG strings; decoding and resizing
      happen inside, as they did in training.
    - `serving_rows` (rows only): an input for each of `columns`, float32 or string.
    - `serving_shares`, `serving_bytes_shares`, `serving_rows_shares`: the same with one more input,
      `class_shares`, float32 `(batch, C)`: the class shares at work that probabilities are
      corrected for. Only if `post_processing` knows the prior.

    Outputs: `probabilities`, and `class` with `class_name` for one label per example or `mask`
    for a label per pixel; and those of `extra_outputs`. Files beside the graph:
    `assets/class_names.txt`, `assets/model_card.json` and `.md`, requests to warm up with in
    `assets.extra`, and `checksums.txt`, see `verify`.

    The version appears by one rename when it is complete: a server that watches the folder never
    sees half of it.

    Args:
        model: A network of `dawn_tf.models`; of several outputs "output" is served.
        out_dir: Folder of all exported models.
        name: Model name in the folder.
        post_processing: A `PostProcessing`.
        columns: `Columns` of rows, or `None` for no `serving_rows`.
        extra_outputs: Of "gate", "global" and "detail", see `dawn_tf.models.decoder_views`.
        card: What else the model card says, JSON-able by key; see `card.CARD`.

    Returns: The version's path.

    Raises:
        ValueError: for extra outputs that the model does not have.
    """
    endpoints = _endpoints(model, post_processing, columns, extra_outputs)
    archive = keras.export.ExportArchive()
    archive.track(model)
    for signature, (function, specs, _) in endpoints.items():
        traced = tf.function(function, autograph=False)
        traced.get_concrete_function(**specs)
        archive.add_endpoint(signature, traced)
    with next_version(f"{out_dir}/{name}") as place:
        path = place[0]
        archive.write_out(str(path), verbose=False)
        assets = path / "assets"
        assets.mkdir(exist_ok=True)
        names = "".join(f"{class_name}\n" for class_name in post_processing.class_names)
        (assets / "class_names.txt").write_text(names)
        inputs = columns.input_names if columns else None
        write_card(assets, {"name": name, "inputs_of_columns": inputs, **(card or {})})
        warmup = path / "assets.extra" / "tf_serving_warmup_requests"
        requests = {signature: example for signature, (_, _, example) in endpoints.items()}
        if not write_warmup(warmup, name, requests):
            print("No warm-up requests: they take `pip install dawn_tf[serving]`.")
    return place[0]


def network_function(model, extra_outputs=()):
    """The model as one concrete function: inputs to `(probabilities, extra outputs by name)`."""
    run = tf.function(network(model, extra_outputs), autograph=False)
    return run.get_concrete_function(tf.TensorSpec((None, *model.input_shape[1:]), tf.float32))


def network(model, extra_outputs=()):
    """The model as a function of inputs, giving `(probabilities, extra outputs by name)`.

    Raises: `ValueError` for extra outputs that the model does not have.
    """
    _check_extra(extra_outputs)
    views = decoder_views(model) if extra_outputs else model

    def run(inputs):
        out = views(inputs, training=False)
        z = out["output"] if isinstance(out, dict) else out
        probabilities = z if model.gives_probabilities else tf.nn.softmax(z)
        return probabilities, {name: out[name] for name in extra_outputs}

    return run


def _check_extra(names):
    if not set(names) <= set(VIEWS):
        raise ValueError(
            f"Expected extra outputs among {', '.join(VIEWS)}. Received: {', '.join(names)}. "
            "Choose of them."
        )


def _endpoints(model, post_processing, columns, extra_outputs):
    """`(function, specs by input, an example of the inputs)` by signature."""
    shape = model.input_shape[1:]
    run = network_function(model, extra_outputs)

    def answer(inputs, class_shares=None):
        # A loader checks no shapes, and much of a network takes images of any size.
        inputs = tf.debugging.check_numerics(tf.ensure_shape(inputs, (None, *shape)), _UNSEEN)
        probabilities, extra = run(inputs)
        return {**post_processing.graph(probabilities, class_shares), **extra}

    def from_bytes(images, class_shares=None):
        return answer(decode_images(images, shape), class_shares)

    def from_rows(class_shares=None, **values):
        given = {
            column: values[name] if column in columns.words else tf.cast(values[name], tf.float64)
            for column, name in columns.input_names.items()
        }
        rows = tf.cast(columns.to_rows(given), tf.float32)
        return answer(rows, class_shares)

    example = {"inputs": np.zeros((1, *shape), "float32")}
    made = {"serving_default": (answer, example), "serving_shares": (answer, example)}
    if len(shape) == 3:
        png = tf.io.encode_png(np.zeros((*shape[:2], 1), "uint8")).numpy()
        example = {"images": np.array([png], object)}
        made["serving_bytes"] = made["serving_bytes_shares"] = (from_bytes, example)
    if columns is not None:
        example = {
            name: np.array([b""], object) if column in columns.words else np.zeros(1, "float32")
            for column, name in columns.input_names.items()
        }
        made["serving_rows"] = made["serving_rows_shares"] = (from_rows, example)
    endpoints = {}
    for signature, (function, example) in made.items():
        if signature.endswith("_shares"):
            if post_processing.prior is None:
                continue
            example = {**example, "class_shares": np.float32([post_processing.prior])}
        endpoints[signature] = (function, _specs(example), example)
    return endpoints


def _specs(example):
    """A spec for each input, of any number of examples."""
    return {
        name: tf.TensorSpec(
            (None, *values.shape[1:]),
            tf.string if values.dtype == object else tf.float32,
            name=name,
        )
        for name, values in example.items()
    }
