import contextlib
import dataclasses
import pathlib
import random
import tempfile

import keras
import numpy as np
import tensorflow as tf
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import average_precision_score
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from dawn_tf.data.lazy import chunks
from dawn_tf.data.pipeline import DataSplits, training_batches
from dawn_tf.data.records import Records
from dawn_tf.data.sampling import ClassAwareSampler
from dawn_tf.data.splits import hold_out
from dawn_tf.evaluation.evaluate import softmax
from dawn_tf.models import AveragedNetworks, load_model
from dawn_tf.training.callbacks import averaged_weights
from dawn_tf.training.config import TrainConfig
from dawn_tf.training.fit import (
    build_model,
    compile_model,
    losses_of,
    steps_per_epoch,
    uncompiled_copy,
)


class DAWNClassifier(ClassifierMixin, BaseEstimator):
    """DAWN, or another network of this package, as a scikit-learn classifier of rows or images.

    Trains as `tools/train.py` does (AdamW, warm-up and cosine, averaged weights, the recipes'
    losses) and leaves no files. Of each class `validation_fraction` is held out; the weights of the
    epoch with the best average precision on it (one-vs-rest, mean over the classes) are kept, the
    latest of equally good ones. `predict` gives the most probable class: a threshold comes from
    `TunedThresholdClassifierCV`. Images are taken as they are, without augmentation.

    With an integer `random_state` the same data gives the same model on a CPU. `fit` seeds
    TensorFlow; Python's and numpy's global generators go on as if it had not been called.

    ```python
    DAWNClassifier(loss="class_balanced_focal", random_state=0).fit(x, y).predict_proba(x)
    ```

    Args:
        model: Network, one of `dawn_tf.models.names()` that classifies.
        recipe: "dawn", "paper", "cross_entropy" or "balanced_softmax"; the last two for any
            `model`.
        loss: Name in `dawn_tf.training.loss_choices.LOSSES`, in place of the recipe's loss.
        sampling: Class shares of the batches, a name in `dawn_tf.data.shares.TARGETS`. Defaults
            to the recipe's.
        networks: Networks trained from different seeds, whose probabilities are averaged.
        encoder: As in `DAWN`. Defaults to "tabular" for rows, "resnet32" for images.
        width: Units or channels of the encoder's first level, or `None` for its own.
        epochs: Looks at the held-out part.
        steps_per_epoch: Batches before each look; the default 20 * 75 batches take the same time
            for any number of rows. `None` is one pass over the data.
        batch_size: Examples a batch.
        learning_rate: Peak of the schedule.
        weight_decay: AdamW's, of kernels.
        validation_fraction: Share held out of each class, at least one example but never its last
            one. 0 holds out nothing and keeps the last epoch.
        random_state: Integer, `RandomState`, or `None` for a random one.

    `fit` takes rows `(n, features)` or images `(n, height, width, channels)` in 0..255, labels of
    any kind, `(n,)`, and `sample_weight`, `(n,)`, at least 0: factors of the examples' losses, and
    of their part in class counts, prior and validation. Examples of weight 0 count as absent.

    Attributes:
        classes_: The labels in order, `(num_classes,)`.
        n_features_in_: Columns (of images: height).
        model_: The trained `AveragedNetworks`, which gives probabilities.

    Raises: `ValueError` for fewer than two classes, for inputs that are neither rows nor images,
        and for arguments no network can have.
    """

    def __init__(
        self,
        model="dawn",
        recipe="dawn",
        loss=None,
        sampling=None,
        networks=1,
        encoder=None,
        width=None,
        epochs=20,
        steps_per_epoch=75,
        batch_size=256,
        learning_rate=3e-3,
        weight_decay=1e-4,
        validation_fraction=0.15,
        random_state=None,
    ):
        self.model = model
        self.recipe = recipe
        self.loss = loss
        self.sampling = sampling
        self.networks = networks
        self.encoder = encoder
        self.width = width
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        x, y = validate_data(self, X, y, dtype=_DTYPES, allow_nd=True)
        check_classification_targets(y)
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, x, ensure_non_negative=True)
            x, y, weights = x[weights > 0], y[weights > 0], weights[weights > 0]
        else:
            weights = np.ones(len(x))
        self.classes_, y = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"Expected at least two classes. Received: y with {len(self.classes_)} class, "
                f"{self.classes_.tolist()}. Give examples of another one."
            )
        if x.ndim not in (2, 4):
            raise ValueError(
                "Expected rows (n, features) or images (n, height, width, channels). Received: X "
                f"of shape {x.shape}. Reshape it."
            )
        config = self._config(x.ndim == 4)
        config.check()
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=self.networks + 1)
        kept, held_out = np.arange(len(y)), []
        if self.validation_fraction:
            kept, held_out = hold_out(y, self.validation_fraction, int(seeds[-1]))
        # Mean 1, so that the rate of learning stays what it is.
        weights = weights / weights[kept].mean()
        data = _splits(x[kept], y[kept], weights[kept], self.classes_)
        validation = (x[held_out], y[held_out], weights[held_out]) if len(held_out) else None
        weights = None if sample_weight is None else weights[kept]
        networks = [_train(config, data, weights, validation, seed) for seed in seeds[:-1].tolist()]
        self.model_ = AveragedNetworks(networks)
        return self

    def predict_proba(self, X):
        """Class probabilities in the order of `classes_`, float32 `(n, num_classes)`."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=_DTYPES, allow_nd=True, reset=False)
        expected = self.model_.input_shape[1:]
        if x.shape[1:] != expected:
            raise ValueError(
                f"Expected inputs of shape (n, {', '.join(map(str, expected))}), as in fit. "
                f"Received: X of shape {x.shape}. Reshape it."
            )
        return _outputs(self.model_, x)

    def predict(self, X):
        """The most probable class of each example, `(n,)`."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(1)]

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = _to_bytes(state["model_"])
        return state

    def __setstate__(self, state):
        if "model_" in state:
            state = {**state, "model_": _from_bytes(state["model_"])}
        super().__setstate__(state)

    def _config(self, takes_images):
        arguments = self.get_params()
        del arguments["random_state"], arguments["validation_fraction"]
        dataset = "folder" if takes_images else "csv"  # Whose defaults hold for all else.
        return TrainConfig(dataset=dataset, task="classification", **arguments).resolved()


# Pixels stay small; all else is what networks compute with.
_DTYPES = (np.float32, np.uint8)


def _splits(x, y, weights, classes):
    """The training part in the form that the package's own data has."""
    labels = y.astype("int32")
    names = [str(name) for name in classes]
    ids = np.arange(len(x)).astype(str)
    parts = {"train": Records(x, labels, ids, labels, names, "classification")}
    counts = np.bincount(labels, weights, len(classes))
    return DataSplits("arrays", "classification", "given", names, counts, parts, [])


def _train(config, data, weights, validation, seed):
    """One trained network, uncompiled."""
    train, steps = data.parts["train"], steps_per_epoch(config, data)
    # Over the last hundred steps, or the last tenth of a short training.
    config = dataclasses.replace(config, ema=max(0.0, min(0.99, 1 - 10 / (steps * config.epochs))))
    sampler = ClassAwareSampler(train.y, target=config.sampling, seed=seed)
    # A class's weight in the loss is the same to it as so many more examples.
    prior = sampler.prior * data.class_counts / np.bincount(train.y)
    batches = training_batches(train, sampler, config.batch_size)
    if weights is not None:
        batches = _with_weights(batches, sampler, config.batch_size, weights)
    with _seeded(seed):
        model = build_model(config, data)
        model.adapt(chunks(train.x))
        loss, loss_weights = losses_of(config, data, prior / prior.sum())
        compile_model(config, model, loss, loss_weights, steps * config.epochs)
        best = _BestWeights(validation)
        model.fit(
            batches,
            epochs=config.epochs,
            steps_per_epoch=steps,
            callbacks=[best],
            shuffle=False,  # The sampler has done it.
            verbose=0,
        )
        model.set_weights(best.weights)
        return uncompiled_copy(model)


def _with_weights(batches, sampler, batch_size, weights):
    weights = tf.constant(weights, tf.float32)
    # The sampler's stream is a function of its seed: these are the same draws.
    drawn = sampler.batches(batch_size).map(lambda indices: tf.gather(weights, indices))
    return tf.data.Dataset.zip(batches, drawn).map(lambda example, weight: (*example, weight))


class _BestWeights(keras.callbacks.Callback):
    """Keeps the averaged weights of the best epoch, of the last one without `validation`."""

    def __init__(self, validation):
        super().__init__()
        self.validation = validation
        self.score = -np.inf
        self.weights = None

    def on_epoch_end(self, epoch, logs):
        if not np.isfinite(logs["loss"]):
            raise ValueError(
                f"Expected a finite loss. Received: loss={logs['loss']} in epoch {epoch + 1}. "
                "Choose a lower learning_rate."
            )
        with averaged_weights(self.model):
            score = self._score()
            if score >= self.score:
                self.score, self.weights = score, self.model.get_weights()

    def _score(self):
        if self.validation is None:
            return 0.0
        x, y, weights = self.validation
        p = softmax(_outputs(self.model, x))
        scores = [
            average_precision_score(y == c, p[:, c], sample_weight=weights) for c in np.unique(y)
        ]
        return float(np.mean(scores))


def _outputs(model, x):
    """Outputs for all of `x`, `(n, num_classes)`, a few rows or images at a time."""
    outputs = []
    for piece in chunks(x, 2**19):
        z = model(piece.astype("float32"), training=False)
        outputs.append(np.asarray(z["output"] if isinstance(z, dict) else z))
    return np.concatenate(outputs)


@contextlib.contextmanager
def _seeded(seed):
    """Keras and TensorFlow seeded; Python's and numpy's generators as before at the end."""
    python, numpy = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _to_bytes(model):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


def _from_bytes(content):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        path.write_bytes(content)
        return load_model(path)
