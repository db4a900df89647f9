"""Time of a training step of a grid's networks, and the whole epochs that last as long as DAWN's.

    python benchmarks/training_time.py --grid configs/evidence.toml --out results/training-time.json

One training step as in a run: batch, augmentation, forward, backward, update. The networks of a
data set in turn (A B C A B C ...), a round several steps each. The figure is the processor time
of all threads, which other work on the same cores disturbs less than the time of the clock; the
ratio is the median of the rounds' ratios.
"""

import argparse
import json
import math
import os
import pathlib
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from dawn_tf.data.lazy import chunks  # noqa: E402
from dawn_tf.data.pipeline import training_batches  # noqa: E402
from dawn_tf.training.benchmark import read_grid  # noqa: E402
from dawn_tf.training.config import TrainConfig  # noqa: E402
from dawn_tf.training.fit import (  # noqa: E402
    build_model,
    compile_model,
    losses_of,
    steps_per_epoch,
)
from dawn_tf.training.run import load_data  # noqa: E402
from dawn_tf.training.streams import make_augmenter, make_sampler, trained_prior  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", required=True)
    parser.add_argument("--methods", default="dawn,paper,cross_entropy,unet,mlp")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--data_dir")
    parser.add_argument("--out")
    args = parser.parse_args()
    _, cells = read_grid(args.grid)
    methods = args.methods.split(",")
    first = {(c.dataset, c.method): c for c in reversed(cells) if c.method in methods}
    print("| data | network | ms a step | DAWN / network | epochs | epochs as long as DAWN's |")
    print("|---|---|---|---|---|---|")
    rows = []
    for dataset in dict.fromkeys(cell.dataset for cell in cells):
        here = {m: first[dataset, m] for m in methods if (dataset, m) in first}
        configs = {
            method: TrainConfig(**cell.flags, seed=cell.seed, data_dir=args.data_dir).resolved()
            for method, cell in here.items()
        }
        data = load_data(configs[methods[0]])
        steps = {method: stepper(config, data) for method, config in configs.items()}
        seconds = measure(steps, args.rounds, args.steps)
        for method, config in configs.items():
            pairs = zip(seconds[methods[0]], seconds[method], strict=True)
            ratio = statistics.median(a / b for a, b in pairs)
            rows.append(
                {
                    "dataset": dataset,
                    "network": method,
                    "cpu_milliseconds": round(1000 * statistics.median(seconds[method]), 1),
                    "ratio": round(ratio, 3),
                    "epochs": config.epochs,
                    "epochs_as_long": math.ceil(config.epochs * ratio),
                }
            )
            print("| " + " | ".join(map(str, rows[-1].values())) + " |", flush=True)
    if args.out:
        setting = " ".join(__doc__.split("\n\n", 2)[2].split())
        given = {key: getattr(args, key) for key in ("grid", "methods", "rounds", "steps")}
        text = json.dumps({"setting": setting, **given, "rows": rows}, indent=2)
        pathlib.Path(args.out).write_text(text + "\n")


def stepper(config, data):
    """A function that trains one step."""
    model = build_model(config, data)
    train = data.parts["train"]
    model.adapt(chunks(train.x))
    steps = steps_per_epoch(config, data)
    sampler = make_sampler(config, data, 0, steps)
    compile_model(
        config, model, *losses_of(config, data, trained_prior(data, sampler.prior)), steps
    )
    batches = iter(
        training_batches(train, sampler, config.batch_size, make_augmenter(config, data, 0))
    )
    return lambda: model.train_on_batch(*next(batches))


def measure(steps, rounds, steps_a_round):
    """Processor seconds a step, by name, one number a round."""
    seconds = {name: [] for name in steps}
    for turn in range(rounds + 1):
        for name, step in steps.items():
            start = time.process_time()
            for _ in range(steps_a_round):
                step()
            if turn:  # The first one traces.
                seconds[name].append((time.process_time() - start) / steps_a_round)
    return seconds


if __name__ == "__main__":
    main()
