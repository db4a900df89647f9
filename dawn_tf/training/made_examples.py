"""Resampling for a run: what a GAN makes is kept in the run folder."""

import hashlib

import numpy as np

from dawn_tf.data.generators import GENERATORS, make_examples
from dawn_tf.data.resampling import check_resampling, resample, with_made
from dawn_tf.evaluation import save_outputs

FILE = "made_examples.npz"


def resample_for(config, data, run):
    """`data` with the training part that `config` trains on.

    The examples that "gan" and "ctgan" make are written to `made_examples.npz` in the run folder,
    so that a run that was killed goes on with the very same ones and does not train the GAN again.
    A file that is of other data or another config, or that cannot be read, is made anew.

    Args:
        config: Resolved `TrainConfig`.
        data: `DataSplits` as it was read.
        run: Folder, made here if something is written.

    Raises: `DataError` as `resample` does, before anything is written.
    """
    method, seed = config.oversampling, config.seed
    if method not in GENERATORS:
        return resample(data, method, seed)
    check_resampling(data, method)
    path, key = run / FILE, _key(config, data.parts["train"])
    made = _read(path, key)
    if made is None:
        made = make_examples(data, method, seed, config.generator_steps)
        save_outputs(path, x=made[0], y=made[1], key=np.array(key))
    return with_made(data, *made, method)


def _read(path, key):
    try:
        with np.load(path, allow_pickle=False) as file:
            return (file["x"], file["y"]) if file["key"] == key else None
    except Exception:  # No file, or a damaged one, which can raise anything.
        return None


def _key(config, train):
    """What the made examples follow from."""
    how = f"{config.oversampling} {config.seed} {config.generator_steps}"
    digest = hashlib.sha256(how.encode())
    for array in (train.x[:], train.y):
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()
