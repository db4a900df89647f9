"""From a config to a trained network: model, loss, data, optimizer, `model.fit`."""

import math

import keras
import numpy as np
import tensorflow as tf

from dawn_tf import models
from dawn_tf.data.augmentation import Augmenter
from dawn_tf.data.pipeline import evaluation_batches, training_batches
from dawn_tf.data.rejection import RejectionSampler
from dawn_tf.data.sampling import ClassAwareSampler
from dawn_tf.evaluation import evaluate
from dawn_tf.metrics import minority_classes
from dawn_tf.training.callbacks import EpochEnd, averaged_weights, training_variables
from dawn_tf.training.checkpoints import load_state
from dawn_tf.training.config import SCORES
from dawn_tf.training.progress import ProgressBar
from dawn_tf.training.recipes import make_loss, uses_auxiliary

# What may be done to the images of a data set without changing what they show.
AUGMENTATION = {
    "digits": {"flip_left_right": False},
    "ham10000": {"flip_up_down": True},
    "isic2017": {"flip_up_down": True},
}


def build_model(config, data):
    """The network that `config` names, untrained."""
    kwargs = {"width": config.width, "l2": config.l2, "dtype": config.precision}
    if config.encoder:
        kwargs["encoder"] = config.encoder
    if config.model == "dawn":
        kwargs["cross_attention"] = config.cross_attention
        kwargs["fusion"] = config.fusion
        kwargs["aux_outputs"] = uses_auxiliary(config.recipe, len(data.input_shape))
    return models.build(config.model, data.num_classes, data.input_shape, data.task, **kwargs)


def make_sampler(config, data, seed):
    """The stream of training indices."""
    labels = data.parts["train"].sampling_labels
    kind = {"index": ClassAwareSampler, "rejection": RejectionSampler}[config.resampling]
    return kind(labels, target=config.sampling, seed=seed)


def sampled_prior(data, sampler):
    """Class shares of what the sampler draws: labels, or pixels for masks."""
    train = data.parts["train"]
    if data.task == "classification":
        return sampler.prior
    pixels = np.stack([(train.y == c).mean((1, 2)) for c in range(data.num_classes)], axis=1)
    of_label = [pixels[train.sampling_labels == c] for c in range(len(sampler.prior))]
    prior = sum(s * rows.mean(0) for s, rows in zip(sampler.prior, of_label, strict=True) if s)
    return prior / prior.sum()


def make_optimizer(config, steps):
    """AdamW with a tenth of warm-up, cosine to zero, and a moving average of the weights."""
    warmup = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), warmup_target=config.learning_rate, warmup_steps=warmup
    )
    return keras.optimizers.AdamW(
        schedule,
        weight_decay=config.weight_decay,
        global_clipnorm=1.0,
        use_ema=bool(config.ema),
        ema_momentum=config.ema or 0.99,
    )


def train_network(config, data, folder, seed):
    """Trains one network, or goes on where a killed run stopped.

    Returns:
        `(best, last, history)`: the model at its best epoch and as it ended (both with averaged
        weights, uncompiled), and one dict of scores an epoch.
    """
    keras.utils.set_random_seed(seed)
    model = build_model(config, data)
    train = data.parts["train"]
    model.adapt(train.x)
    sampler = make_sampler(config, data, seed)
    steps = config.steps_per_epoch or math.ceil(len(train) / config.batch_size)
    loss, loss_weights = make_loss(
        config.recipe,
        data.task,
        len(data.input_shape),
        data.class_counts,
        sampled_prior(data, sampler),
        config.tau,
        data.ignore_class,
    )
    optimizer = make_optimizer(config, steps * config.epochs)
    # Decay pulls kernels towards zero; biases and normalisation have no reason to be there.
    optimizer.exclude_from_weight_decay(
        var_list=[v for v in model.trainable_variables if len(v.shape) < 2]
    )
    model.compile(
        optimizer,
        loss,
        loss_weights,
        jit_compile={"on": True, "off": False}.get(
            config.xla, bool(tf.config.list_physical_devices("GPU"))
        ),
    )
    optimizer.build(model.trainable_variables)

    state, best = folder / "state.npz", folder / "best.npz"
    progress = {"history": []}
    if state.exists():
        progress = load_state(state, training_variables(model))
    first = len(progress["history"])
    augmenter = None
    if config.augment and len(data.input_shape) == 3:
        counts = np.bincount(train.sampling_labels)
        options = AUGMENTATION.get(data.name, {})
        augmenter = Augmenter(counts, ignore_class=data.ignore_class, seed=seed, **options)
    batches = training_batches(
        train, sampler, config.batch_size, augmenter, start_step=first * steps
    )
    val = evaluation_batches(data.parts["val"], max(config.batch_size, 64))
    minority = minority_classes(data.class_counts)

    def validate():
        scores, _ = evaluate(
            model, val, data.task, data.class_names, minority, ignore_class=data.ignore_class
        )
        # Scores that the part does not define (no example of a class) are None.
        return {name: scores[name] for name in SCORES if scores.get(name) is not None}

    callback = EpochEnd(validate, state, best, config.monitor, config.patience, progress)
    stopped = first and callback.is_over(first - 1)
    if first < config.epochs and not stopped:
        with ProgressBar(first, config.monitor) as bar:
            model.fit(
                batches,
                epochs=config.epochs,
                initial_epoch=first,
                steps_per_epoch=steps,
                callbacks=[callback, bar, *_tensorboard(folder)],
                shuffle=False,  # The sampler has done it.
                verbose=0,
            )
    last = _snapshot(model)
    load_state(best, model.variables)
    with_best = keras.models.clone_model(model)
    with_best.set_weights(model.get_weights())
    return with_best, last, progress["history"]


def _snapshot(model):
    """An uncompiled copy of `model` with averaged weights."""
    with averaged_weights(model):
        copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())
    return copy


def _tensorboard(folder):
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        print("TensorBoard logs are left out: pip install 'dawn_tf[tensorboard]' writes them.")
        return []
    return [keras.callbacks.TensorBoard(folder / "logs", write_graph=False)]
