"""How a training step grows with image size, batch and classes, and sampling with the rows.

    python benchmarks/scaling.py --out results/scaling.json
    python benchmarks/scaling.py --only rows

A step is that of a run: forward, losses, backward, clipping, AdamW, moving average, on random
images, for masks, with the presets' losses. Each figure has a process of its own: the median of its
steps, and by how much it raised the process's largest resident memory. The rows' labels are made
(0.2 % are rare), their 30 columns are read from a file without content that the file system does
not store, so that 1e8 rows fit on any disk: what is measured is the sampler and the pipeline,
not the disk.
"""

import argparse
import multiprocessing
import os
import pathlib
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

ENCODER, WIDTH = "unet", 16  # Of isic2017's defaults.
PARTS = {
    "memory": [
        {"preset": preset, "size": size, "batch": batch}
        for preset in ("dawn", "paper", "baseline")
        for size in (96, 224)
        for batch in (2, 8, 32)
    ],
    "size": [{"preset": "dawn", "size": size, "batch": 4} for size in (64, 128, 256, 512)],
    "classes": [
        {"preset": preset, "size": 64, "batch": 4, "classes": classes}
        for preset in ("dawn", "paper", "baseline")
        for classes in (2, 10, 100, 1000)
    ],
    "rows": [{"rows": 10**power} for power in range(4, 9)],
}


def measure_step(preset, size, batch, classes=2, steps=5):
    """A training step on masks."""
    import numpy as np

    from dawn_tf.data import DataSplits
    from dawn_tf.data.records import Records
    from dawn_tf.evaluation.complexity import peak_memory_mb
    from dawn_tf.training import PRESETS, TrainConfig
    from dawn_tf.training.fit import build_model, compile_model, losses_of

    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (batch, size, size, 3)).astype("uint8")
    y = rng.integers(0, classes, (batch, size, size)).astype("int32")
    counts = np.arange(classes, 0, -1)
    names = [str(c) for c in range(classes)]
    train = Records(x, y, np.arange(batch), y[:, 0, 0], names, "segmentation")
    data = DataSplits("made", "segmentation", "made", names, counts, {"train": train}, [])
    values = {"encoder": ENCODER, "width": WIDTH, "batch_size": batch, **PRESETS.get(preset, {})}
    if preset == "baseline":
        values["model"] = "unet"
    config = TrainConfig(dataset="isic2017", **values).resolved()
    before = peak_memory_mb()
    model = build_model(config, data)
    compile_model(config, model, *losses_of(config, data, counts / counts.sum()), 100)
    seconds = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        model.train_on_batch(x.astype("float32"), y)
        seconds.append(time.perf_counter() - start)
    return {
        "milliseconds": round(1000 * statistics.median(seconds[1:]), 1),
        "memory_mb": round(peak_memory_mb() - before),
    }


def measure_rows(rows, batch=1024, steps=200):
    """A class-aware stream of batches of so many rows."""
    import numpy as np

    from dawn_tf.data.pipeline import training_batches
    from dawn_tf.data.records import Records
    from dawn_tf.data.sampling import ClassAwareSampler
    from dawn_tf.evaluation.complexity import peak_memory_mb

    labels = (np.random.default_rng(0).random(rows) < 0.002).astype("int32")
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(rows * 30 * 4)
        x = np.memmap(file.name, "float32", "r", shape=(rows, 30))
        before = peak_memory_mb()
        start = time.perf_counter()
        records = Records(
            x=x,
            y=labels,
            ids=np.broadcast_to(0, rows),
            sampling_labels=labels,
            class_names=["common", "rare"],
            task="classification",
        )
        sampler = ClassAwareSampler(labels, target="balanced", seed=0)
        batches = iter(training_batches(records, sampler, batch))
        next(batches)
        first = time.perf_counter() - start
        start = time.perf_counter()
        for _ in range(steps):
            next(batches)
        seconds = time.perf_counter() - start
    return {
        "seconds_to_first_batch": round(first, 2),
        "milliseconds": round(1000 * seconds / steps, 2),
        "memory_mb": round(peak_memory_mb() - before),
    }


def measure(case):
    return (measure_rows if "rows" in case else measure_step)(**case)


def main():
    from dawn_tf.evaluation import write_json

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--out", type=pathlib.Path, help="JSON file, written as figures come")
    args = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    results = {}
    for part in args.only:
        results[part] = []
        for case in PARTS[part]:
            with spawn.Pool(1) as pool:
                row = {**case, **pool.apply(measure, (case,))}
            results[part].append(row)
            print(part, *(f"{key}={value}" for key, value in row.items()), flush=True)
            if args.out:
                write_json(args.out, results)


if __name__ == "__main__":
    main()
