"""From a config to a trained network: model, loss, data, optimizer, `model.fit`."""

import functools
import math

import keras
import tensorflow as tf

from dawn_tf import models
from dawn_tf.data.lazy import chunks
from dawn_tf.data.pipeline import evaluation_batches, training_batches
from dawn_tf.data.sampling import ClassAwareSampler
from dawn_tf.evaluation import evaluate
from dawn_tf.losses import DiverseExperts
from dawn_tf.training import second_stage
from dawn_tf.training.callbacks import EpochEnd, averaged_weights, training_variables
from dawn_tf.training.checkpoints import has_state, load_state
from dawn_tf.training.config import SCORES
from dawn_tf.training.deferred_reweighting import DeferredReweighting
from dawn_tf.training.devices import Predictor, as_one_batch, make_strategy
from dawn_tf.training.finite_check import FiniteCheck
from dawn_tf.training.learned_terms import learn_terms, plain_network
from dawn_tf.training.matching import matching_arguments
from dawn_tf.training.optimizer import make_optimizer
from dawn_tf.training.processes import FirstValidates, by_itself, wait_for_all
from dawn_tf.training.progress import ProgressBar
from dawn_tf.training.recipes import make_loss, uses_auxiliary
from dawn_tf.training.scheduled_prior import ScheduledPrior
from dawn_tf.training.streams import (
    make_augmenter,
    make_mixing,
    make_sampler,
    make_substitutes,
    trained_prior,
)

_WITH_COSINE_HEAD = ("classifier", "mlp", "resnet32", "resnet50", "ride")


def build_model(config, data):
    """The network that `config` names, untrained."""
    kwargs = {"width": config.width, "l2": config.l2, "dtype": config.precision}
    kwargs["experts"] = config.experts
    if config.encoder:
        kwargs["encoder"] = config.encoder
    if config.model == "dawn":
        kwargs["cross_attention"] = config.cross_attention
        kwargs["fusion"] = config.fusion
        kwargs["aux_outputs"] = has_auxiliary(config, data)
        kwargs["global_only"] = config.decoders == "global"
        kwargs["detail_only"] = config.decoders == "detail"
    if config.model == "ride":
        kwargs["aux_outputs"] = True
    if config.loss == "ldam" and config.model in _WITH_COSINE_HEAD:
        kwargs["head"] = "cosine"
    if config.match_parameters:
        kwargs |= matching_arguments(
            config.model,
            config.match_parameters,
            data.num_classes,
            tuple(data.input_shape),
            data.task,
            config.encoder,
            config.width,
        )
    return models.build(config.model, data.num_classes, data.input_shape, data.task, **kwargs)


def losses_of(config, data, prior):
    """`(loss, loss_weights)` for `compile`; `prior` as in `make_loss`."""
    # With a loss of its own a rival needs no recipe, least of all the dual decoder's.
    of_rival = config.loss is not None and config.model != "dawn"
    loss, weights = make_loss(
        "cross_entropy" if of_rival else config.recipe,
        data.task,
        len(data.input_shape),
        data.class_counts,
        prior,
        config.tau,
        data.ignore_class,
        config.loss,
        config.label_smoothing,
        config.without,
        has_auxiliary(config, data),
    )
    if config.model == "ride":
        return {"experts": DiverseExperts(loss, data.class_counts)}, None
    return loss, weights


def has_auxiliary(config, data):
    """Whether the decoders' own outputs are trained too."""
    both = config.decoders == "both" and config.without != "auxiliary"
    return config.model == "dawn" and both and uses_auxiliary(config.recipe, len(data.input_shape))


def compile_model(config, model, loss, loss_weights, steps):
    """Compiles `model` for so many steps in all."""
    optimizer = make_optimizer(config, steps)
    # Decay pulls kernels towards zero; biases and normalisation have no reason to be there.
    optimizer.exclude_from_weight_decay(
        var_list=[v for v in model.trainable_variables if len(v.shape) < 2]
    )
    model.compile(
        optimizer,
        loss,
        loss_weights,
        jit_compile={"on": True, "off": False, "auto": _gains_from_xla(config)}[config.xla],
    )
    optimizer.build(model.trainable_variables)


def _gains_from_xla(config):
    """Whether to compile steps by XLA where the user has not said: on JAX, and on a GPU."""
    if keras.backend.backend() == "jax":
        return True
    return config.devices == 1 and bool(tf.config.list_physical_devices("GPU"))


def train_network(config, data, folder, seed, minority):
    """Trains one network, or goes on where a killed run stopped.

    Args:
        config: Resolved `TrainConfig`.
        data: `DataSplits` to train on, resampled or as it was read.
        folder: Of this network.
        seed: Of weights, order and augmentation.
        minority: Classes whose recall is "minority_recall".

    Returns:
        `(best, last, history, epoch)`: the model at its best epoch and as it ended (both with
        averaged weights, uncompiled), one dict of scores an epoch, and which was the best. `None`
        in another process than the first.
    """
    keras.utils.set_random_seed(seed)
    train = data.parts["train"]
    steps = steps_per_epoch(config, data)
    reader = config.process, config.processes
    batch_size = config.batch_size // config.processes
    sampler = make_sampler(config, data, seed, steps, *reader)
    mixing = make_mixing(config, data, seed, *reader)
    strategy = make_strategy(config.devices)
    with strategy.scope():
        model, schedules = _compiled_model(config, data, sampler, mixing, steps)

    state, best = folder / "state.npz", folder / "best.npz"
    progress = {"history": []}
    if has_state(state):
        progress = load_state(state, training_variables(model))
    first = len(progress["history"])
    batches = training_batches(
        train,
        sampler,
        batch_size,
        make_augmenter(config, data, seed),
        start_step=first * steps,
        mixing=mixing,
        substitutes=make_substitutes(config, data),
    )
    val = evaluation_batches(data.parts["val"], max(config.batch_size, 64))

    def scores_of(predictor):
        scores, _ = evaluate(
            predictor, val, data.task, data.class_names, minority, ignore_class=data.ignore_class
        )
        # Scores that the part does not define (no example of a class) are None.
        return {name: scores[name] for name in SCORES if scores.get(name) is not None}

    if config.processes > 1:
        validate = FirstValidates(scores_of, model, uncompiled_copy, config.process, SCORES)
    else:
        predictor = model if config.devices == 1 else Predictor(model)
        validate = functools.partial(scores_of, predictor)

    def indices_of(step):
        return next(iter(sampler.batches(batch_size, step)))

    check = FiniteCheck(indices_of, train.ids, folder)
    is_first = config.process == 0
    callback = EpochEnd(validate, state, best, config.monitor, config.patience, progress, is_first)
    stopped = first and callback.is_over(first - 1)
    if first < config.epochs and not stopped:
        with ProgressBar(first, config.monitor) as bar, as_one_batch(model, strategy):
            shown = [bar, *_tensorboard(folder)] if is_first else []
            model.fit(
                batches,
                epochs=config.epochs,
                initial_epoch=first,
                steps_per_epoch=steps,
                callbacks=[*schedules, check, callback, *shown],
                shuffle=False,  # The sampler has done it.
                verbose=0,
            )
    # What a variable of all processes is given, all give it.
    with averaged_weights(model):
        averages = model.get_weights()
    wait_for_all("training", config.processes)  # Until the best weights are written.
    epoch = load_state(best, model.variables)["epoch"]
    if not is_first:
        return None
    with by_itself():
        last, chosen = uncompiled_copy(model), uncompiled_copy(model)
        last.set_weights(averages)
        last, chosen = plain_network(last), plain_network(chosen)
        if config.method != "none":
            _second_stage(config, data, chosen, steps, seed)
            chosen = uncompiled_copy(chosen)  # Without the second stage's optimizer.
    return chosen, last, progress["history"], epoch


def _compiled_model(config, data, sampler, mixing, steps):
    """The network with loss and optimizer, and the callbacks that change its loss in time."""
    model = build_model(config, data)
    model.adapt(chunks(data.parts["train"].x))
    schedule = None
    if config.schedule != "constant":
        draws = steps * config.batch_size
        schedule = ScheduledPrior(
            lambda epoch: trained_prior(
                data, sampler.shares(epoch * draws // sampler.epoch_length), mixing
            )
        )
    first_shares = sampler.prior if schedule is None else sampler.shares(0)
    loss, loss_weights = losses_of(config, data, trained_prior(data, first_shares, mixing))
    schedules = []
    if schedule is not None:
        schedules.append(schedule)
        loss = schedule.follow(loss)
    if config.drw is not None:
        schedules.append(DeferredReweighting(data.class_counts, config.drw))
        loss = schedules[-1].follow(loss)
    if config.learned_term_weights:
        model, loss, loss_weights = learn_terms(model, loss, loss_weights, data.task)
        show = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: logs.update(model.term_weights)
        )
        schedules.append(show)
    compile_model(config, model, loss, loss_weights, steps * config.epochs)
    return model, schedules


def _second_stage(config, data, model, steps, seed):
    """Trains the last layer of `model` anew; see `second_stage`."""
    if config.method == "tau_norm":
        val = data.parts["val"]
        second_stage.normalise_weights(model, val.x[:].astype("float32"), val.y)
        return
    labels = data.parts["train"].sampling_labels
    batches = training_batches(
        data.parts["train"],
        ClassAwareSampler(labels, target="balanced", seed=seed + 700),
        config.batch_size,
        make_augmenter(config, data, seed + 700),
        substitutes=make_substitutes(config, data),
    )
    if config.method == "crt":
        second_stage.retrain_classifier(model, batches, steps, config.second_epochs, seed=seed)
    else:
        second_stage.learn_weight_scaling(model, batches, steps, config.second_epochs)


def steps_per_epoch(config, data):
    """Batches between two looks at validation."""
    return config.steps_per_epoch or math.ceil(len(data.parts["train"]) / config.batch_size)


def uncompiled_copy(model):
    """A copy of `model` with its weights, without optimizer and losses."""
    # Not clone_model, which compiles the copy with the losses, the scheduled ones among them.
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


def _tensorboard(folder):
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        print("TensorBoard logs are left out: pip install 'dawn_tf[tensorboard]' writes them.")
        return []
    return [keras.callbacks.TensorBoard(folder / "logs", write_graph=False)]
