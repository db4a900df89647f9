"""Trains on two parts of the CPU, as on two GPUs; run by `test_devices.py` in a process.

`python devices_script.py DEVICES FOLDER` leaves history and weights in FOLDER/result.npz.
"""

import json
import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf

from dawn_tf.data import DataSplits
from dawn_tf.data.records import Records
from dawn_tf.training import TrainConfig
from dawn_tf.training.devices import make_strategy
from dawn_tf.training.fit import train_network


def part(count, seed):
    """Masks of a bright square, a small one in every fourth image."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 60, (count, 16, 16, 3)).astype("uint8")
    y = np.zeros((count, 16, 16), "uint8")
    for i in range(count):
        side, (row, column) = 3 if i % 4 == 0 else 7, rng.integers(0, 9, 2)
        x[i, row : row + side, column : column + side] += 150
        y[i, row : row + side, column : column + side] = 1 if i % 4 else 2
    counts = np.stack([(y == c).sum((1, 2)) for c in range(3)], 1)
    return Records(
        x=x,
        y=y,
        ids=np.arange(count),
        sampling_labels=np.where(np.arange(count) % 4, 1, 2).astype("int32"),
        class_names=["ground", "large", "small"],
        task="segmentation",
        pixel_counts=counts,
    )


def main(devices, folder):
    make_strategy(devices)
    tf.config.experimental.enable_op_determinism()
    parts = {name: part(count, i) for i, (name, count) in enumerate([("train", 44), ("val", 12)])}
    train = parts["train"]
    data = DataSplits(
        "squares", "segmentation", "made", train.class_names, train.pixel_counts.sum(0), parts, []
    )
    config = TrainConfig(
        dataset="isic2017",
        task="segmentation",
        model="dawn",
        width=4,
        batch_size=8,
        epochs=3,
        ema=0.8,
        sampling="balanced",
        devices=devices,
    ).resolved()
    best, last, history, epoch = train_network(config, data, pathlib.Path(folder), 5, [2])
    weights = np.concatenate([np.ravel(w) for w in (*best.weights, *last.weights)])
    keras.Model.save(best, pathlib.Path(folder) / "best.keras")
    np.savez(
        pathlib.Path(folder) / "result.npz",
        weights=weights,
        epoch=epoch,
        history=json.dumps(history),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
