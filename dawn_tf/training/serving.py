"""What of a finished run goes into a served graph."""

import math

from dawn_tf.data.sources import SOURCES
from dawn_tf.export import PORTABLE, PostProcessing, columns_of
from dawn_tf.training.scoring import calibrator_of


def post_processing_of(metrics):
    """The `PostProcessing` of a run, by its `metrics.json`."""
    return PostProcessing(
        list(metrics["test"]["per_class"]),
        calibrator_of(metrics),
        metrics["calibration"]["prior"],
        decision=metrics["decision"]["value"],
    )


def served_columns(config, feature_names, encoder):
    """The `Columns` that rows come in, or `None` for images."""
    if feature_names is None:
        return None
    source = SOURCES[config.dataset] if config.source == "own" else None
    return columns_of(feature_names, encoder, source if hasattr(source, "features") else None)


def parse_shares(text, class_names):
    """`"healthy=0.99,sick=0.01"` as `{class: share}` in the order of the classes.

    Raises: `ValueError` unless every class has one share, above 0 or 0, with a sum above 0.
    """
    shares = {}
    for part in text.split(","):
        name, _, number = part.strip().rpartition("=")
        try:
            shares[name] = float(number)
        except ValueError:
            shares[name] = math.nan
    if set(shares) != set(class_names) or not (
        all(0 <= share < math.inf for share in shares.values()) and sum(shares.values()) > 0
    ):
        raise ValueError(
            f"Expected class_shares as class=number, class=number, ... of every class: "
            f"{', '.join(class_names)}. Received: {text!r}. Numbers are at least 0; counts do too."
        )
    return {name: shares[name] for name in class_names}


def parse_formats(text):
    """`"saved_model,onnx"` as a list; raises `ValueError` for a format that there is not."""
    formats = [part.strip() for part in text.split(",")]
    known = ("saved_model", *PORTABLE)
    if not set(formats) <= set(known):
        raise ValueError(
            f"Expected formats among {', '.join(known)}. Received: {text!r}. Choose of them."
        )
    return formats


def left_out(run, post_processing):
    """What a SavedModel of this run does and a file of `PORTABLE` cannot, as sentences."""
    shape = run.model.input_shape[1:]
    if len(shape) == 3:
        size = "x".join(map(str, shape))
        parts = [f"decoding and resizing of image files (it takes pixels, {size})"]
    else:
        parts = [f"columns by name, words and missing values (it takes {shape[0]} numbers a row)"]
    if len(run.model.output_shape) == 2:
        parts.append("class_name (class_names.txt has them in the order of class)")
    if post_processing.prior is not None:
        parts.append("class_shares in a request (--class-shares fixes them at export)")
    return [*parts, "checks of the inputs (NaN in, NaN out)"]
