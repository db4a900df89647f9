"""Which values of a config no run can have, and what to do about them."""

import dataclasses

from dawn_tf.models import names
from dawn_tf.training.matching import MATCHED
from dawn_tf.training.options import option_users
from dawn_tf.training.table_rivals import RIVALS


def check_config(config):
    """Raises `ValueError` for values of a `TrainConfig` that no run can have."""
    if config.model not in (*names(), *RIVALS):
        raise ValueError(
            f"Expected model to be one of {', '.join(names())}, or for rows "
            f"{', '.join(RIVALS)}. Received: model={config.model!r}. Choose one of them."
        )
    for field in dataclasses.fields(config):
        value, choices = getattr(config, field.name), field.metadata.get("choices")
        if choices and value is not None and value not in choices:
            raise ValueError(
                f"Expected {field.name} to be one of {', '.join(choices)}. Received: "
                f"{field.name}={value!r}. Choose one of them."
            )
    for name in (*_AT_LEAST_1, "schedule_epochs"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise ValueError(f"Expected {name} >= 1. Received: {name}={value}.")
    if config.decision not in (None, "argmax") and config.task == "segmentation":
        raise ValueError(
            'Expected decision="argmax" for masks. Received: '
            f"decision={config.decision!r}. Leave it out."
        )
    of_hybrid = config.recipe in ("dawn", "paper") and config.loss is None
    if config.without not in (None, "auxiliary") and not of_hybrid:
        raise ValueError(
            'Expected recipe "dawn" or "paper" without a loss, for an ablation of its loss. '
            f"Received: recipe={config.recipe!r}, loss={config.loss!r}, without={config.without!r}."
        )
    of_hybrid = of_hybrid or config.loss in ("hybrid", "adjusted_hybrid")
    fixed = config.schedule == "constant" and config.drw is None
    if config.learned_term_weights and not (of_hybrid and fixed):
        raise ValueError(
            "Expected the hybrid loss, without schedule and drw, for learned_term_weights. "
            f"Received: recipe={config.recipe!r}, loss={config.loss!r}, "
            f"schedule={config.schedule!r}, drw={config.drw}. Use --loss hybrid."
        )
    if config.decoders != "both" and config.model != "dawn":
        raise ValueError(
            'Expected model="dawn" for an ablation of its decoders. Received: '
            f"model={config.model!r}, decoders={config.decoders!r}."
        )
    if config.match_parameters and config.model not in MATCHED:
        raise ValueError(
            f"Expected model to be one of {', '.join(MATCHED)}, to match DAWN's parameters. "
            f"Received: model={config.model!r}, match_parameters={config.match_parameters!r}."
        )
    if config.devices > 1 and (config.xla == "on" or config.accumulate > 1):
        raise ValueError(
            "Expected several devices without XLA and without accumulated gradients, which "
            f"tf.distribute cannot do together. Received: devices={config.devices}, "
            f"xla={config.xla!r}, accumulate={config.accumulate}. Leave the others out."
        )
    if config.devices > 1 and config.processes > 1:
        raise ValueError(
            "Expected several devices or several processes. Received: "
            f"devices={config.devices}, processes={config.processes}. A process on JAX uses all "
            "devices that it sees; leave --devices out."
        )
    parts = config.devices * config.processes
    if config.batch_size is not None and config.batch_size % parts:
        raise ValueError(
            "Expected a batch_size that devices or processes share evenly. Received: "
            f"batch_size={config.batch_size} for {parts}. Choose a multiple."
        )
    gathered = config.coordinator is not None
    if not 0 <= config.process < config.processes or gathered != (config.processes > 1):
        raise ValueError(
            "Expected --process K --processes N --coordinator HOST:PORT with 0 <= K < N, or "
            f"none of them. Received: process={config.process}, processes={config.processes}, "
            f"coordinator={config.coordinator!r}. Start N processes, each with its own K."
        )
    if config.model in RIVALS:
        _check_rival(config)
    elif config.recipe in ("dawn", "paper") and config.model != "dawn" and config.loss is None:
        raise ValueError(
            f'Expected recipe "cross_entropy" or "balanced_softmax", or a loss, with '
            f"model={config.model!r}. Received: recipe={config.recipe!r}. That one is for the dual "
            "decoder."
        )


def _check_rival(config):
    """Raises `ValueError` for what only networks have."""
    known = {*_OF_RIVALS, *option_users()}
    given = [
        f"{field.name}={getattr(config, field.name)!r}"
        for field in dataclasses.fields(config)
        if field.name not in known and getattr(config, field.name) != field.default
    ]
    if config.monitor not in (None, "pr_auc"):
        given.append(f"monitor={config.monitor!r}")
    if given:
        raise ValueError(
            f"Expected options that model={config.model!r} has: data, oversampling, calibration, "
            f"decision, seed. Received: {', '.join(given)}. Leave that out; it is for networks."
        )


_OF_RIVALS = (
    "dataset",
    "source",
    "data_dir",
    "download",
    "in_memory",
    "task",
    "protocol",
    "model",
    "oversampling",
    "generator_steps",
    "monitor",
    "calibration",
    "decision",
    "score_test",
    "seed",
    "out",
    "scores_only",
)
_AT_LEAST_1 = (
    "epochs",
    "batch_size",
    "networks",
    "steps_per_epoch",
    "image_size",
    "generator_steps",
    "accumulate",
    "devices",
    "processes",
)
