"""Parameters, FLOPs, latency and memory of the networks: the paper's Table 2, measured.

    python tools/complexity.py                                  # all of them at 224x224
    python tools/complexity.py --networks dawn+unet unet --size 128
    python tools/complexity.py --out results/complexity.json

Each network has a process of its own. "dawn+ENCODER" is DAWN on that encoder.
"""

import argparse
import json
import multiprocessing
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from dawn_tf.training.command_line import run  # noqa: E402

NETWORKS = (
    "unet",
    "dawn+unet",
    "dawn_attention+unet",
    "unet_plus_plus",
    "attention_unet",
    "resnet50",
    "dawn+resnet50",
    "deeplab_v3_plus",
    "hrnet_w48",
    "segformer_b3",
    "dawn+mit_b3",
    "transunet",
    "swin_unet",
)


def build(name, classes, size):
    from dawn_tf import models

    network, _, encoder = name.partition("+")
    kwargs = {"encoder": encoder} if encoder else {}
    if network.startswith("dawn"):
        kwargs["cross_attention"] = network == "dawn_attention"
        network = "dawn"
    return models.build(network, classes, (size, size, 3), task="segmentation", **kwargs)


def measure(job):
    from dawn_tf.evaluation.complexity import measure

    name, classes, size, batch_sizes, rounds = job
    return measure(lambda: build(name, classes, size), batch_sizes, rounds)


def main(argv=None):
    from rich.console import Console
    from rich.table import Table

    from dawn_tf.evaluation import write_json

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=NETWORKS, metavar="NAME")
    parser.add_argument("--size", type=int, default=224, help="side of the images")
    parser.add_argument("--classes", type=int, default=2)
    parser.add_argument("--batch", type=int, nargs="+", default=(1, 16), help="timed batches")
    parser.add_argument("--rounds", type=int, default=11, help="timed inferences of each batch")
    parser.add_argument("--out", type=pathlib.Path, help="JSON file; rows in it are kept")
    args = parser.parse_args(argv)

    rows = json.loads(args.out.read_text()) if args.out and args.out.exists() else {}
    spawn = multiprocessing.get_context("spawn")
    for name in args.networks:
        job = (name, args.classes, args.size, tuple(args.batch), args.rounds)
        with spawn.Pool(1) as pool:
            rows[name] = {"size": args.size, "classes": args.classes, **pool.apply(measure, (job,))}
        if args.out:
            write_json(args.out, rows)
        print(f"{name} done", flush=True)
    table = Table(title=f"segmentation, {args.size}x{args.size}, {args.classes} classes")
    for column in ("network", "parameters (M)", "GFLOPs", *(f"ms, batch {b}" for b in args.batch)):
        table.add_column(column, justify="left" if column == "network" else "right")
    table.add_column("peak memory (MB)", justify="right")
    for name in args.networks:
        row = json.loads(json.dumps(rows[name]))
        table.add_row(
            name,
            f"{row['parameters'] / 1e6:.2f}",
            f"{row['flops'] / 1e9:.2f}",
            *(f"{row['latency_ms'][str(batch)]:.0f}" for batch in args.batch),
            f"{row['peak_memory_mb']:.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    run(main)
