"""Small models that are exported once and looked at by many tests."""

import dataclasses
import pathlib

import keras
import numpy as np
import pytest

import dawn_tf
from dawn_tf.calibration import VectorScaling
from dawn_tf.export import Columns, PostProcessing, columns_of, export_saved_model

NAMES = ["common", "middling", "rare"]
SHAPES = {"segmentation": (16, 12, 3), "image": (16, 12, 3), "rows": (5,)}
EXTRA = ("gate", "global", "detail")


@dataclasses.dataclass
class Exported:
    """A model, inputs, the softmax of its outputs, and where it was exported to."""

    model: keras.Model
    x: np.ndarray
    probabilities: np.ndarray
    post_processing: PostProcessing
    columns: Columns | None
    version: pathlib.Path


def make_dawn(task, **kwargs):
    kind = "segmentation" if task == "segmentation" else "classification"
    model = dawn_tf.DAWN(3, SHAPES[task], task=kind, width=4, cross_attention=False, **kwargs)
    x = np.random.default_rng(0).uniform(0, 255, (4, *SHAPES[task])).astype("float32")
    model.adapt(x)
    for _ in range(20):  # Normalisation sees the data, as it has in any trained model.
        model(x, training=True)
    return model, x


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.fixture(scope="session")
def dawn():
    """`f(task) -> (model, inputs)`."""
    return make_dawn


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    """`f(task) -> Exported`, with everything switched on; made once a task."""
    made = {}

    def export(task):
        if task not in made:
            keras.utils.set_random_seed(0)
            model, x = make_dawn(task)
            rng = np.random.default_rng(0)
            calibrator = VectorScaling().fit(rng.dirichlet([1, 1, 1], 500), rng.integers(0, 3, 500))
            post = PostProcessing(
                NAMES, calibrator, [0.5, 0.3, 0.2], [0.6, 0.3, 0.1], decision=[0.2, 0.4, 1.0]
            )
            columns = columns_of(["age", "height (cm)", "class", "x", "y"])
            columns = columns if task == "rows" else None
            folder = tmp_path_factory.mktemp("exports")
            version = export_saved_model(model, folder, "m", post, columns, EXTRA)
            made[task] = Exported(model, x, softmax(np.asarray(model(x))), post, columns, version)
        return made[task]

    return export


class Tiny(keras.Model):
    """Two classes of rows, exported in no time; it gives its first two inputs as logits."""

    gives_probabilities = False

    def __init__(self):
        inputs = keras.Input((5,))
        super().__init__(inputs, inputs[:, :2])


@pytest.fixture
def tiny():
    return Tiny()
