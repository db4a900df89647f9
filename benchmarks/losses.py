"""Time and memory of the losses beside other packages, forward and backward.

    python benchmarks/losses.py                                # the four shapes of the table
    python benchmarks/losses.py --shapes 8,128,128,7 --rounds 5

TensorFlow, JAX and PyTorch each run in a process of their own; the methods take turns
(A B C A B C ...), so a drift of the machine's speed hits all alike. Memory: the peak resident set
of three steps after the warm-up, less that before the method was built, one process a method: it
holds the compiled program, and for XLA what the compiler keeps. CPU ms: of all threads. A package
that isn't installed is left out with a word. Logits are random normal, labels uniform.
"""

import argparse
import gc
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

SHAPES = ["8,128,128,7", "4,512,512,7", "16,224,224,2", "2,512,512,150"]
BACKENDS = ["tensorflow", "jax", "torch"]
SLOWEST = 20.0  # Seconds of a step; what is slower is left out.
FLOOR = "tensorflow: cross-entropy"
RESULTS = pathlib.Path(__file__).parents[1] / "results"
PACKAGES = ["keras", *BACKENDS, "kornia", "monai", "segmentation-models-pytorch"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", nargs="+", default=SHAPES, help="batch,height,width,classes")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--backends", nargs="+", default=BACKENDS, choices=BACKENDS)
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS / "losses-benchmark.json")
    parser.add_argument("--worker", choices=BACKENDS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return serve(args.worker, args.shapes[0])
    record = {
        "command": " ".join(["python benchmarks/losses.py", *sys.argv[1:]]),
        "commit": commit(),
        "machine": f"{os.cpu_count()} CPU cores, {platform.machine()}, no accelerator used",
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": versions(),
        "rounds": args.rounds,
        "rows": [],
    }
    for shape in args.shapes:
        record["rows"] += measure(shape, args.backends, args.rounds)
        args.out.write_text(json.dumps(record, indent=1) + "\n")
        args.out.with_suffix(".md").write_text(markdown(record))
    show(record["rows"])


# === The parent: turns, ratios and tables ===


class Worker:
    """A process with one backend, asked line by line."""

    def __init__(self, backend, shape):
        environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        # PyTorch's threads would spin while they wait, which costs it most on a shared machine.
        environment["OMP_WAIT_POLICY"] = "PASSIVE"
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", backend, "--shapes", shape],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.names = self.read()

    def ask(self, **question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return self.read()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)["answer"]
        raise RuntimeError(f"the process ended with status {self.process.wait()}")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(shape, backends, rounds):
    """One row per method: milliseconds, memory and the ratio to the floor."""
    workers = {}
    for backend in backends:
        try:
            workers[backend] = Worker(backend, shape)
        except RuntimeError as error:
            print(f"{backend} left out: {error}", file=sys.stderr)
    methods, seconds, cpu_seconds = [], {}, {}
    for backend, worker in workers.items():
        for name, missing in worker.names.items():
            if missing:
                print(f"{name} left out: {missing} is not installed", file=sys.stderr)
                continue
            problem = worker.ask(prepare=name)
            if problem:
                print(f"{backend}: {name} left out: {problem}", file=sys.stderr)
                continue
            methods.append((backend, name))
            seconds[backend, name], cpu_seconds[backend, name] = [], []
    for _ in range(rounds):
        for backend, name in methods:
            wall, cpu = workers[backend].ask(time=name)
            seconds[backend, name].append(wall)
            cpu_seconds[backend, name].append(cpu)
    for worker in workers.values():
        worker.close()

    memory = {}
    for backend, name in methods:
        alone = Worker(backend, shape)
        memory[backend, name] = alone.ask(memory=name)
        alone.close()
    floor = seconds.get(tuple(FLOOR.split(": ")))
    rows = []
    for key in methods:
        ratio = floor and statistics.median(a / b for a, b in zip(seconds[key], floor, strict=True))
        rows.append(
            {
                "shape": shape,
                "backend": key[0],
                "method": key[1],
                "median_ms": round(1000 * statistics.median(seconds[key]), 2),
                "min_ms": round(1000 * min(seconds[key]), 2),
                "cpu_ms": round(1000 * statistics.median(cpu_seconds[key]), 2),
                "peak_mb": round(memory[key], 1),
                "ratio_to_cross_entropy": floor and round(ratio, 2),
            }
        )
    return rows


COLUMNS = [
    "shape",
    "backend",
    "method",
    "median ms",
    "min ms",
    "CPU ms",
    "peak MB",
    "ratio to TF CE",
]


def show(rows):
    from rich.console import Console
    from rich.table import Table

    table = Table(*COLUMNS, title="Forward and backward")
    for i, row in enumerate(rows):
        last = i + 1 == len(rows) or rows[i + 1]["shape"] != row["shape"]
        table.add_row(*(str(v) for v in row.values()), end_section=last)
    Console(width=140).print(table)


def markdown(record):
    versions = ", ".join(f"{k} {v}" for k, v in record["versions"].items() if v)
    lines = [
        "# Losses: forward and backward",
        "",
        f"`{record['command']}` at commit {record['commit']}; {record['machine']}; "
        f"load {record['load']:.1f} at the start; Python {record['python']}, {versions}; "
        f"{record['rounds']} rounds in turns.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|---" * len(COLUMNS) + "|",
        *("| " + " | ".join(str(v) for v in row.values()) + " |" for row in record["rows"]),
    ]
    return "\n".join(lines) + "\n"


def commit():
    git = ["git", "-C", str(RESULTS), "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()


def versions():
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


# === A worker: one backend ===


def serve(backend, shape):
    """Answers the parent until it closes the pipe."""
    shape = [int(side) for side in shape.split(",")]
    makers = {"tensorflow": tensorflow_methods, "jax": jax_methods, "torch": torch_methods}
    methods, steps = makers[backend](*random_case(shape)), {}
    answer({name: m if isinstance(m, str) else None for name, m in methods.items()})
    for line in sys.stdin:
        ((what, name),) = json.loads(line).items()
        if what == "prepare":
            try:
                steps[name] = methods[name]()
                steps[name]()
                wall, _ = timed(steps[name])
                answer(f"a step takes {wall:.0f} s" if wall > SLOWEST else None)
            except Exception as error:
                answer(f"{type(error).__name__}: {str(error)[:200]}")
        elif what == "time":
            answer(timed(steps[name]))
        else:
            answer(peak_memory(methods[name]))


def answer(value):
    print(json.dumps({"answer": value}), flush=True)


def timed(step):
    """Seconds of the clock and of the processor, all threads together."""
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - wall, time.process_time() - cpu


def peak_memory(method):
    """Megabytes that a built method takes while it runs, its compiled program included."""
    gc.collect()
    before = resident("VmRSS")
    step = method()
    step()
    step()
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # Starts the peak anew.
    for _ in range(3):
        step()
    return (resident("VmHWM") - before) / 1024


def resident(field):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0])


def random_case(shape):
    import numpy as np

    rng = np.random.default_rng(0)
    labels = rng.integers(0, shape[-1], shape[:-1]).astype("int32")
    return labels, rng.standard_normal(shape, dtype="float32")


def our_losses():
    from dawn_tf import losses

    return {
        "cross-entropy (LogitAdjusted)": losses.LogitAdjusted(),
        "focal": losses.Focal(),
        "Dice": losses.SoftDice(),
        "Lovász exact": losses.LovaszSoftmax(),
        "Lovász binned": losses.LovaszSoftmax(method="binned"),
        "edge": losses.SobelEdge(),
        "focal + Dice + Lovász binned": losses.DAWNLoss(
            w_region=0.6, w_lovasz=0.4, w_edge=0.0, lovasz_method="binned"
        ),
        "hybrid, Lovász binned": losses.DAWNLoss(lovasz_method="binned"),
        "hybrid, Lovász exact": losses.DAWNLoss(),
    }


def tensorflow_methods(labels, logits):
    import tensorflow as tf

    labels, logits = tf.constant(labels), tf.constant(logits)

    def steps(loss, jit):
        def differentiate(labels, logits):
            with tf.GradientTape() as tape:
                tape.watch(logits)
                value = tf.reduce_mean(loss(labels, logits))
            return value, tape.gradient(value, logits)

        def build():
            step = tf.function(differentiate, jit_compile=jit)
            return lambda: [x.numpy() for x in step(labels, logits)]

        return build

    def cross_entropy(labels, logits):
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)

    methods = {
        "cross-entropy": steps(cross_entropy, False),
        "cross-entropy, XLA": steps(cross_entropy, True),
    }
    for name, loss in our_losses().items():
        methods[f"dawn_tf {name}"] = steps(loss, False)
        if "exact" in name:
            methods[f"dawn_tf {name}, XLA"] = steps(loss, True)
    return methods


def jax_methods(labels, logits):
    try:
        import jax
    except ImportError:
        return {"JAX": "jax"}

    def steps(loss):
        def build():
            step = jax.jit(jax.value_and_grad(lambda z, y: loss(y, z)))
            x = jax.numpy.asarray(logits), jax.numpy.asarray(labels)
            return lambda: jax.block_until_ready(step(*x))

        return build

    def cross_entropy(labels, logits):
        log_p = jax.nn.log_softmax(logits)
        return -jax.numpy.take_along_axis(log_p, labels[..., None], axis=-1).mean()

    methods = {"cross-entropy": steps(cross_entropy)}
    return methods | {f"dawn_tf {name}": steps(loss) for name, loss in our_losses().items()}


def torch_methods(labels, logits):
    try:
        import torch
    except ImportError:
        return {"PyTorch": "torch"}
    torch.set_num_threads(os.cpu_count())
    labels = torch.from_numpy(labels).long()
    # Their layout, contiguous: classes before height and width.
    logits = torch.from_numpy(logits).permute(0, 3, 1, 2).contiguous().requires_grad_()

    def steps(loss):
        def step():
            value = loss(logits, labels)
            return torch.autograd.grad(value, logits)[0]

        return lambda: step

    def segmentation_models():
        import segmentation_models_pytorch.losses as theirs

        focal, dice = theirs.FocalLoss("multiclass", gamma=2.0), theirs.DiceLoss("multiclass")
        lovasz = theirs.LovaszLoss("multiclass", per_image=True)
        return {
            "segmentation-models-pytorch Lovász": steps(lovasz),
            "segmentation-models-pytorch focal + Dice + Lovász": steps(
                lambda z, y: focal(z, y) + dice(z, y) + lovasz(z, y)
            ),
        }

    def kornia():
        from kornia.losses import LovaszSoftmaxLoss

        return {"kornia Lovász": steps(LovaszSoftmaxLoss())}

    def monai():
        from monai.losses import DiceFocalLoss

        loss = DiceFocalLoss(to_onehot_y=True, softmax=True)
        return {"monai Dice + focal": steps(lambda z, y: loss(z, y[:, None]))}

    methods = {"cross-entropy": steps(torch.nn.functional.cross_entropy)}
    peers = {"kornia": kornia, PACKAGES[-1]: segmentation_models, "monai": monai}
    for package, make in peers.items():
        try:
            methods |= make()
        except ImportError:
            methods[package] = package
    return methods


if __name__ == "__main__":
    main()
