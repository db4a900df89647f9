"""How long a training step waits for its data: ResNet-32, batches of 128 32x32 images.

The pipeline is the one of `tools/train.py`: balanced index sampling, gather, augmentation (all
changes on), prefetch. A step is forward, backward and update of `Classifier(encoder="resnet32")`.
The data is made on the same cores that train, so beside the time spent waiting stands what the
pipeline takes from the step: its time against that of the same step on one batch kept in memory,
measured in turn.
"""

import statistics
import time

import keras
import numpy as np
import tensorflow as tf

from dawn_tf import models
from dawn_tf.data import Augmenter, ClassAwareSampler, training_batches
from dawn_tf.data.long_tail import exponential_counts
from dawn_tf.data.records import Records

BATCH, STEPS = 128, 10


def run(args):
    records = cifar10_like()
    counts = np.bincount(records.sampling_labels)
    model = models.build("classifier", 10, (32, 32, 3), encoder="resnet32")
    model.compile(keras.optimizers.AdamW(1e-3), keras.losses.SparseCategoricalCrossentropy(True))
    sampler = ClassAwareSampler(records.sampling_labels, "balanced")
    batches = iter(training_batches(records, sampler, BATCH, Augmenter(counts)))
    kept = next(batches)
    for _ in range(3):
        model.train_on_batch(*kept)
    waits, steps, alone = [], [], []
    for _ in range(args.rounds):
        fed = [timed(model, batches) for _ in range(STEPS)]
        waits.append(sum(wait for wait, _ in fed) / STEPS)
        steps.append(sum(step for _, step in fed) / STEPS)
        alone.append(sum(timed(model, iter([kept]))[1] for _ in range(STEPS)) / STEPS)
    wait, step, without = (statistics.median(values) for values in (waits, steps, alone))
    share = statistics.median(w / (w + s) for w, s in zip(waits, steps, strict=True))
    slower = statistics.median((w + s) / a for w, s, a in zip(waits, steps, alone, strict=True))
    print(
        f"waiting {1000 * wait:.1f} ms, step {1000 * step:.0f} ms (on one kept batch "
        f"{1000 * without:.0f} ms): {share:.2%} of the time is waiting, {slower - 1:+.1%} in all"
    )
    return {
        "setting": " ".join(__doc__.split("\n\n", 1)[1].split()),
        "batch_size": BATCH,
        "steps": STEPS * args.rounds,
        "milliseconds_waiting": round(1000 * wait, 2),
        "milliseconds_step": round(1000 * step, 1),
        "milliseconds_step_on_one_kept_batch": round(1000 * without, 1),
        "share_of_time_waiting": round(share, 5),
        "time_against_one_kept_batch": round(slower, 3),
        "batches_alone_per_second": round(pipeline_rate(batches, args.seconds), 1),
        "tensorflow_threads": [
            tf.config.threading.get_inter_op_parallelism_threads(),
            tf.config.threading.get_intra_op_parallelism_threads(),
        ],
    }


def cifar10_like():
    """Records with the labels of CIFAR-10-LT, rho 100, and images of noise."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), exponential_counts(5000, 10, 100)).astype("int32")
    return Records(
        x=rng.integers(0, 256, (len(labels), 32, 32, 3), "uint8"),
        y=labels,
        ids=np.arange(len(labels)),
        sampling_labels=labels,
        class_names=[str(c) for c in range(10)],
        task="classification",
    )


def timed(model, batches):
    """Seconds waiting for a batch, and in the step on it."""
    start = time.perf_counter()
    x, y = next(batches)
    middle = time.perf_counter()
    model.train_on_batch(x, y)  # Returns numbers, so the step is over.
    return middle - start, time.perf_counter() - middle


def pipeline_rate(batches, seconds):
    """Batches a second with nothing else running."""
    start, number = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < seconds:
        next(batches)
        number += 1
    return number / passed
