"""A trained model as a SavedModel that TF Serving loads as it is."""

import pathlib
import shutil
import tempfile

import keras
import numpy as np
import tensorflow as tf

from dawn_tf.calibration import FLOOR, check_decision
from dawn_tf.data.images import decode_image


def export_saved_model(model, out_dir, name, class_names, decision=None, calibrator=None):
    """Writes `<out_dir>/<name>/<version>/`, version being the next whole number.

    Signatures, each with a batch of any size:
    - `serving_default`: `inputs`, float32 pixels in 0..255 or table rows, of the model's shape.
    - `serving_bytes` (images only): `images`, encoded JPEG or PNG strings; decoding and resizing
      happen inside, as they did in training.

    Outputs: `probabilities`, and `class` with `class_name` for one label per example or `mask`
    for a label per pixel. `assets/class_names.txt` travels along.

    The version appears by one rename when it is complete: a server that watches the folder never
    sees half of it.

    Args:
        model: A network of `dawn_tf.models`; of several outputs "output" is served.
        out_dir: Folder of all exported models.
        name: Model name in the folder.
        class_names: In the order of the classes.
        decision: From probabilities to a class: `None`, a threshold or weights, as in
            `dawn_tf.calibration.decide`.
        calibrator: A fitted map of `dawn_tf.calibration.SCALINGS`, before the decision; or `None`.

    Returns: The version's path.
    """
    folder = pathlib.Path(out_dir) / name
    folder.mkdir(parents=True, exist_ok=True)
    check_decision(decision, len(class_names))
    serve = _with_decision(model, class_names, decision, calibrator)
    archive = keras.export.ExportArchive()
    archive.track(model)
    shape = model.input_shape[1:]
    archive.add_endpoint(
        "serving_default", serve, [tf.TensorSpec((None, *shape), tf.float32, name="inputs")]
    )
    if len(shape) == 3:

        def serve_bytes(images):
            decoded = tf.map_fn(
                lambda image: decode_image(image, shape[:2], shape[2]),
                images,
                fn_output_signature=tf.TensorSpec(shape, tf.uint8),
            )
            return serve(tf.cast(decoded, tf.float32))

        archive.add_endpoint(
            "serving_bytes", serve_bytes, [tf.TensorSpec((None,), tf.string, name="images")]
        )
    # Written on the same disk as the target, as a rename across disks is a copy; the leading dot
    # keeps it from looking like a version.
    partial = pathlib.Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    try:
        archive.write_out(str(partial), verbose=False)
        names = "".join(f"{class_name}\n" for class_name in class_names)
        (partial / "assets").mkdir(exist_ok=True)
        (partial / "assets" / "class_names.txt").write_text(names)
        partial.chmod(0o755)
        return _publish(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _with_decision(model, class_names, decision, calibrator):
    """A function from model inputs to the served outputs."""
    output = model.output["output"] if isinstance(model.output, dict) else model.output
    is_mask = len(output.shape) == 4
    names = tf.constant(list(class_names))

    def serve(inputs):
        out = model(inputs, training=False)
        out = out["output"] if isinstance(out, dict) else out
        probabilities = out if model.gives_probabilities else tf.nn.softmax(out)
        if calibrator is not None:
            log_p = tf.math.log(tf.maximum(probabilities, FLOOR))
            matrix = tf.constant(calibrator.matrix.T, tf.float32)
            probabilities = tf.nn.softmax(
                tf.tensordot(log_p, matrix, 1) + tf.constant(calibrator.bias, tf.float32)
            )
        if decision is not None and np.ndim(decision) == 0:
            chosen = tf.cast(probabilities[..., 1] >= decision, tf.int32)
        else:
            weights = 1.0 if decision is None else tf.constant(decision, tf.float32)
            chosen = tf.argmax(probabilities * weights, -1, output_type=tf.int32)
        if is_mask:
            return {"probabilities": probabilities, "mask": chosen}
        return {
            "probabilities": probabilities,
            "class": chosen,
            "class_name": tf.gather(names, chosen),
        }

    return serve


def _publish(partial, folder):
    """Renames `partial` to the next version; another exporter may take a number first."""
    while True:
        taken = [int(p.name) for p in folder.iterdir() if p.name.isdecimal()]
        version = folder / str(max(taken, default=0) + 1)
        try:
            return partial.rename(version)
        except OSError:
            if not version.exists():
                raise
