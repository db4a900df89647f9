"""Balanced batches a second: this package's sampler beside those of tf.data and imbalanced-learn.

Every rival ends in the same: batches of 128 `(x, y)` as TensorFlow tensors, x as it is stored
(uint8 32x32x3 images or 32 float32 columns), classes balanced. Rivals made of `tf.data` work on
indices and gather x and y batch by batch, which is better for them than carrying the examples
through their shuffle buffers. In each round every rival builds its pipeline anew, so that no buffer
was filled while others ran.

- "rejection_resample": `Dataset.rejection_resample`, its initial distribution given, after a
  shuffle of all indices.
- "rejection_resample, estimating": the same without the initial distribution.
- "sample_from_datasets": `Dataset.sample_from_datasets` over one shuffled, repeated data set of
  indices per class, `rerandomize_each_iteration=True`.
- "imbalanced-learn, under" and "over": `imblearn.tensorflow.balanced_batch_generator` with its
  default RandomUnderSampler (it keeps as many of each class as the rarest has, and repeats those)
  or RandomOverSampler, read by `Dataset.from_generator`.
- "imbalanced-learn, over, NumPy": the same generator without TensorFlow: NumPy batches.
- "dawn_tf": `ClassAwareSampler(labels, "balanced").batches(128)`.
- "dawn_tf, one by one": its `dataset().batch(128)`.
- "shuffle": no balancing, for orientation.
"""

import pathlib
import statistics
import time

import numpy as np
import tensorflow as tf
from imblearn.over_sampling import RandomOverSampler
from imblearn.tensorflow import balanced_batch_generator

from dawn_tf.data import ClassAwareSampler, load
from dawn_tf.data.long_tail import exponential_counts

BATCH = 128
OURS, REJECTION = "dawn_tf", "rejection_resample"


def run(args):
    section = {"batch_size": BATCH, "rivals": __doc__.split("\n\n", 1)[1].strip()}
    for name, (x, y, what) in data_sets(args.data_dir).items():
        print(f"\n{name}: {what}")
        section[name] = {"data": what, **compare(x, y, args.rounds, args.seconds)}
        show(section[name]["results"])
    return section


def data_sets(data_dir):
    counts = exponential_counts(5000, 10, 100)
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(np.arange(10), counts)).astype("int32")
    x = rng.integers(0, 256, (len(y), 32, 32, 3), "uint8")
    sets = {"cifar10_lt": (x, y, f"{len(y)} labels of CIFAR-10-LT, rho 100; images of noise")}
    if data_dir and list(pathlib.Path(data_dir).glob("creditcard*")):
        parts = load("creditcard", data_dir).parts.values()
        x, y = (np.concatenate([getattr(part, field) for part in parts]) for field in "xy")
        what = "the real rows"
    else:
        y = rng.permutation(np.repeat([0, 1], [284_315, 492])).astype("int32")
        x = rng.normal(size=(len(y), 32)).astype("float32")
        what = "rows of noise"
    return {**sets, "creditcard": (x, y, f"{len(y)} rows, {y.sum()} frauds ({what})")}


def compare(x, y, rounds, seconds):
    """Medians over rounds in which every rival has its turn."""
    rivals = make_rivals(x, y)
    turns = {name: [] for name in rivals}
    for _ in range(rounds):
        for name, build in rivals.items():
            turns[name].append(one_turn(build, seconds))
    results = {}
    for name, measured in turns.items():
        rates, first, labels = zip(*measured, strict=True)
        found = np.bincount(np.concatenate(labels), minlength=y.max() + 1)
        results[name] = {
            "examples_per_second": round(statistics.median(rates)),
            "examples_per_second_of_each_round": [round(rate) for rate in rates],
            "first_batch_seconds": round(statistics.median(first), 4),
            "share_of_rarest_class": round(found[np.argmin(np.bincount(y))] / found.sum(), 4),
        }
    for name, measured in turns.items():
        pairs = zip(turns[OURS], measured, strict=True)
        ratio = statistics.median(ours[0] / other[0] for ours, other in pairs)
        results[name]["dawn_tf_times_as_fast"] = round(ratio, 2)
    return {"results": results}


def one_turn(build, seconds):
    """`(examples/s after the first batch, seconds to the first batch, labels drawn)`."""
    start = time.perf_counter()
    iterator = iter(build())
    labels = [next(iterator)[1]]
    first = time.perf_counter() - start
    start, batches = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < seconds:
        labels.append(next(iterator)[1])
        batches += 1
    return batches * BATCH / passed, first, np.concatenate([np.asarray(part) for part in labels])


def make_rivals(x, y):
    """Name -> function that builds an endless iterable of batches."""
    num_classes = y.max() + 1
    target = np.full(num_classes, 1 / num_classes)
    initial = np.bincount(y) / len(y)
    with tf.device("cpu:0"):
        all_x, all_y = tf.constant(x), tf.constant(y)
    flat = x.reshape(len(x), -1)  # imbalanced-learn takes rows only; a view.

    def gathered(indices, batched=False):
        batches = indices if batched else indices.batch(BATCH, drop_remainder=True)
        return batches.map(
            lambda i: (tf.gather(all_x, i), tf.gather(all_y, i)),
            num_parallel_calls=tf.data.AUTOTUNE,
        ).prefetch(2)

    def shuffled(indices):
        return indices.shuffle(indices.cardinality(), reshuffle_each_iteration=True).repeat()

    def rejection(initial_dist):
        kept = shuffled(tf.data.Dataset.range(len(y))).rejection_resample(
            lambda i: tf.gather(all_y, i), target, initial_dist, seed=0
        )
        return gathered(kept.map(lambda _, i: i))

    def from_datasets():
        members = [np.flatnonzero(y == c) for c in range(num_classes)]
        streams = [shuffled(tf.data.Dataset.from_tensor_slices(m)) for m in members]
        return gathered(
            tf.data.Dataset.sample_from_datasets(
                streams, target, seed=0, rerandomize_each_iteration=True
            )
        )

    def generator(sampler=None):
        batches, _ = balanced_batch_generator(
            flat, y, sampler=sampler, batch_size=BATCH, random_state=0
        )
        # The last batch of a pass is short; all but that one are as they come.
        return ((a.reshape(-1, *x.shape[1:]), b) for a, b in batches if len(b) == BATCH)

    def from_generator(sampler=None):
        signature = (
            tf.TensorSpec((BATCH, *x.shape[1:]), x.dtype),
            tf.TensorSpec((BATCH,), y.dtype),
        )
        return tf.data.Dataset.from_generator(
            lambda: generator(sampler), output_signature=signature
        ).prefetch(2)

    over = RandomOverSampler(random_state=0)
    return {
        REJECTION: lambda: rejection(initial),
        "rejection_resample, estimating": lambda: rejection(None),
        "sample_from_datasets": from_datasets,
        "imbalanced-learn, under": from_generator,
        "imbalanced-learn, over": lambda: from_generator(over),
        "imbalanced-learn, over, NumPy": lambda: generator(over),
        OURS: lambda: gathered(ClassAwareSampler(y, "balanced").batches(BATCH), batched=True),
        "dawn_tf, one by one": lambda: gathered(ClassAwareSampler(y, "balanced").dataset()),
        "shuffle": lambda: gathered(shuffled(tf.data.Dataset.range(len(y)))),
    }


def show(results):
    print("| rival | examples/s | first batch (s) | share of rarest class | dawn_tf is faster by |")
    print("|---|---|---|---|---|")
    for name, row in results.items():
        print(
            f"| {name} | {row['examples_per_second']:,} | {row['first_batch_seconds']:.2f} | "
            f"{row['share_of_rarest_class']:.3f} | {row['dawn_tf_times_as_fast']:,.2f}x |"
        )
