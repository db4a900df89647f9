"""What each export format costs: scores on the test part, file size, latency of one example.

    python benchmarks/formats.py RUN [RUN ...] --out results/formats.json

Every run folder is exported in every format. Scores are those of the whole test part, through the
exported file itself. Latency is the median of 300 calls with one example each after 30 to warm up,
in this process, with the runtimes' own numbers of threads; formats take turns, so that other load
on the machine meets all of them.
"""

import argparse
import os
import pathlib
import platform
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from dawn_tf.evaluation import read_json, write_json  # noqa: E402
from dawn_tf.export import PORTABLE, export_portable, export_saved_model  # noqa: E402
from dawn_tf.training.format_check import calibration_examples, compare  # noqa: E402
from dawn_tf.training.rerun import FinishedRun  # noqa: E402
from dawn_tf.training.run import load_data  # noqa: E402

CALLS, WARM_UP = 300, 30


class SavedModelFile:
    """The signature `serving_default`, called as the other files are."""

    def __init__(self, version):
        self._model = tf.saved_model.load(str(version))
        self._answer = self._model.signatures["serving_default"]

    def __call__(self, inputs):
        out = self._answer(inputs=tf.constant(np.float32(inputs)))
        return {name: values.numpy() for name, values in out.items()}


def export_all(run, data, folder):
    """Opened files and their sizes in bytes, by format."""
    post = run.post_processing
    version = export_saved_model(run.model, folder, "m", post, run.columns, card=run.card)
    files = {"saved_model": SavedModelFile(version)}
    kept = [version / "saved_model.pb", *(version / "variables").iterdir()]
    sizes = {"saved_model": sum(path.stat().st_size for path in kept)}
    inputs, _ = calibration_examples(data)
    for name, made in PORTABLE.items():

        def check(file, name=name):
            files[name] = file
            return compare(file, run.model, post, data)

        version = export_portable(run.model, folder, "m", name, post, check, inputs)
        sizes[name] = (version / made.file).stat().st_size
    return files, sizes


def latencies(files, x):
    """Median milliseconds of a call with one example, by format."""
    seconds = {name: [] for name in files}
    for k in range(WARM_UP + CALLS):
        one = x[k % len(x)][None]
        for name, file in files.items():
            start = time.perf_counter()
            file(one)
            seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(s[WARM_UP:]) * 1e3) for name, s in seconds.items()}


def measure(folder):
    run = FinishedRun.open(folder)
    data = load_data(run.config)
    with tempfile.TemporaryDirectory() as exports:
        files, sizes = export_all(run, data, exports)
        milliseconds = latencies(files, np.asarray(data.parts["test"].x[:100], "float32"))
        rows = {}
        for name, file in files.items():
            compared = compare(file, run.model, run.post_processing, data, "test")
            rows[name] = {
                **{key: compared[key]["file"] for key in ("macro_f1", "minority_recall")},
                "largest_difference": compared["largest_difference"],
                "bytes": sizes[name],
                "milliseconds": milliseconds[name],
            }
    config = read_json(pathlib.Path(folder) / "config.json")
    kept = ("dataset", "task", "image_size", "encoder", "width", "epochs", "calibration", "seed")
    return {
        "config": {key: config[key] for key in kept},
        "test_examples": compared["examples"],
        "commit": run.metrics["run"]["commit"],
        "formats": rows,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    measured = []
    for folder in args.runs:
        measured.append(measure(folder))
        print(measured[-1])
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    write_json(args.out, {"calls": CALLS, "machine": machine, "runs": measured})


if __name__ == "__main__":
    main()
