"""Parameters, FLOPs and CPU/GPU latency of DAWN beside U-Net on the same encoder.

    python benchmarks/networks.py                  # width 64, 224x224, batch 1
    python benchmarks/networks.py --width 16 --size 128 --batch 8

Latency: `tf.function` of inference, models in turn (A B C A B C ...), so a drift of the machine's
speed hits all alike; the median over the rounds and the median of the ratios to U-Net.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from dawn_tf import models  # noqa: E402
from dawn_tf.evaluation.complexity import count_flops  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--classes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    shape = (args.size, args.size, 3)
    common = {"task": "segmentation", "encoder": "unet", "width": args.width}
    networks = {
        "U-Net": models.build("unet", args.classes, shape, **common),
        "DAWN": models.build("dawn", args.classes, shape, cross_attention=False, **common),
        "DAWN, cross-attention": models.build("dawn", args.classes, shape, **common),
    }
    x = tf.constant(np.random.default_rng(0).uniform(0, 255, (args.batch, *shape)), tf.float32)
    steps = {name: tf.function(lambda x, m=m: m(x, training=False)) for name, m in networks.items()}
    seconds = {name: [] for name in networks}
    for turn in range(args.rounds + 2):
        for name, step in steps.items():
            start = time.perf_counter()
            step(x)
            if turn >= 2:  # The first two trace and warm up.
                seconds[name].append(time.perf_counter() - start)
    print(
        f"{args.size}x{args.size}, {args.classes} classes, batch {args.batch}, {args.rounds} rounds"
    )
    print("| network | parameters (M) | FLOPs (G) | latency (ms) | latency / U-Net |")
    print("|---|---|---|---|---|")
    for name, model in networks.items():
        ratio = statistics.median(
            a / b for a, b in zip(seconds[name], seconds["U-Net"], strict=True)
        )
        print(
            f"| {name} | {model.count_params() / 1e6:.2f} | {count_flops(model) / 1e9:.2f} | "
            f"{1000 * statistics.median(seconds[name]):.1f} | {ratio:.2f} |"
        )


if __name__ == "__main__":
    main()
