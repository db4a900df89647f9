"""Which run a folder holds, and whether to its end."""

import dataclasses
import json

from dawn_tf.evaluation import write_json
from dawn_tf.training.checkpoints import has_state
from dawn_tf.training.config import read_config

# Fields that change neither the weights nor the scores of a run.
_INCIDENTAL = (
    "coordinator",
    "data_dir",
    "download",
    "in_memory",
    "on_bad_input",
    "out",
    "process",
    "processes",
    "scores_only",
)


def begin(run, config):
    """Makes the folder `run`, and keeps `config` there; scores of an earlier end go.

    A run is at its end if there is a `metrics.json`: one that goes on past the end that it had
    with `scores_only` must not look finished when it is killed.
    """
    run.mkdir(parents=True, exist_ok=True)
    (run / "metrics.json").unlink(missing_ok=True)
    write_json(run / "config.json", dataclasses.asdict(config))


def is_finished(run, config):
    """Whether the folder `run` holds the end of this run, with all the files that `config` wants.

    Raises: `ValueError` if it holds epochs of another run.
    """
    begun = has_state(run / "network_0" / "state.npz") or (run / "metrics.json").exists()
    if not (run / "config.json").exists() or not begun:
        return False
    former = dataclasses.asdict(read_config(run / "config.json"))
    wanted = json.loads(json.dumps(dataclasses.asdict(config)))
    changed = [
        f"{name}={former.get(name)} (now {wanted[name]})"
        for name in wanted
        if name not in _INCIDENTAL and former.get(name) != wanted[name]
    ]
    if changed:
        raise ValueError(
            f"Expected {run} to hold this run or none. Received: one with {', '.join(changed)}. "
            "Give another folder (--out), or remove that one."
        )
    has_all = config.scores_only or not former["scores_only"]
    return has_all and (run / "metrics.json").exists()
