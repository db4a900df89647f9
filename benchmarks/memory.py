"""Memory that a stream of image files takes: folders of HAM10000's size, and ten times that.

    python benchmarks/memory.py --out results/data-memory.json

Each line is a process of its own: it loads a folder of 600x450 JPEG files in HAM10000's seven
class sizes, draws class-aware training batches of 64, and reports its peak of resident memory above
what it held after the imports. The files are hard links to 50 different ones in a temporary
folder, so that they take little disk; they come out of the page cache, not from the disk.
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402

CLASS_SIZES = {
    "akiec": 327,
    "bcc": 514,
    "bkl": 1099,
    "df": 115,
    "mel": 1113,
    "nv": 6705,
    "vasc": 142,
}
DISTINCT = 50
BATCH = 64
# Times HAM10000's size, in memory or not, batches (0: one epoch).
CASES = ((1, True, 0), (1, False, 0), (10, False, 300))


def write_files(root, scale, seed=0):
    """`<root>/<class>/<number>.jpg`; returns the bytes of all files, as if none were a link."""
    import tensorflow as tf

    rng = np.random.default_rng(seed)
    originals = root / ".originals"
    originals.mkdir()
    for i in range(DISTINCT):
        # Fine noise on coarse shapes: files of 100 to 150 kB, as photographs of this size are.
        coarse = tf.image.resize(rng.uniform(0, 255, (12, 16, 3)), (450, 600), "bicubic")
        image = np.clip(coarse + rng.normal(0, 6, (450, 600, 3)), 0, 255).astype("uint8")
        (originals / f"{i}.jpg").write_bytes(tf.io.encode_jpeg(image, quality=90).numpy())
    number = 0
    for name, size in CLASS_SIZES.items():
        (root / name).mkdir()
        for _ in range(size * scale):
            os.link(originals / f"{number % DISTINCT}.jpg", root / name / f"{number:06d}.jpg")
            number += 1
    return sum(path.stat().st_size for path in originals.iterdir()) * number // DISTINCT


def measure(root, in_memory, steps, image_size):
    """One case, in this process."""
    import tensorflow as tf

    from dawn_tf.data import ClassAwareSampler, load, training_batches

    tf.constant(0)  # Starts the runtime.
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # The peak counts from here.
    before, start = memory("VmRSS"), time.perf_counter()
    data = load("folder", root, image_size=(image_size, image_size), in_memory=in_memory)
    loaded = time.perf_counter()
    train = data.parts["train"]
    steps = steps or len(train) // BATCH
    sampler = ClassAwareSampler(train.sampling_labels, "balanced")
    batches = training_batches(train, sampler, BATCH)
    begin = time.perf_counter()
    for x, _ in batches.take(steps):
        assert x.shape == (BATCH, image_size, image_size, 3)
    seconds = time.perf_counter() - begin
    return {
        "in_memory": in_memory,
        "images": sum(len(part) for part in data.parts.values()),
        "image_size": image_size,
        "batches": steps,
        "decoded_mb": round(sum(len(p) for p in data.parts.values()) * image_size**2 * 3 / 2**20),
        "baseline_mb": round(before),
        "peak_above_baseline_mb": round(memory("VmHWM") - before),
        "seconds_to_load": round(loaded - start, 1),
        "images_per_second": round(steps * BATCH / seconds),
    }


def memory(field):
    """Resident memory (VmRSS), or its peak (VmHWM), in MiB."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        root, in_memory, steps = arguments.case
        print(json.dumps(measure(root, in_memory == "True", int(steps), arguments.image_size)))
        return
    rows = []
    for scale, in_memory, steps in CASES:
        with tempfile.TemporaryDirectory() as root:
            num_bytes = write_files(pathlib.Path(root), scale)
            command = [sys.executable, __file__, "--image-size", str(arguments.image_size)]
            command += ["--case", root, str(in_memory), str(steps)]
            run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rows.append({"files_mb": round(num_bytes / 2**20), **json.loads(run.stdout)})
        print(rows[-1])
    if arguments.out:
        result = {
            "command": "python benchmarks/memory.py --out results/data-memory.json",
            "cpu_cores": os.cpu_count(),
            "python": platform.python_version(),
            "rows": rows,
        }
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
