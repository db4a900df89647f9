"""Sends thousands of good and bad requests to an exported image model and watches its memory.

    python benchmarks/serving_soak.py --version MODEL/1 --out results/serving-soak.json

Requests go through TensorFlow's C API, the loader below TF Serving, in this process: memory is that
of the loader, the graph, and the arrays of one request. After the first tenth of the requests,
which warm it up, the peak of memory should not grow.
"""

import argparse
import importlib.util
import io
import json
import pathlib
import time

import numpy as np
from PIL import Image

CLIENT = pathlib.Path(__file__).parents[1] / "tests" / "export" / "c_api_client.py"


def load_client():
    spec = importlib.util.spec_from_file_location("c_api_client", CLIENT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def signatures_of(version):
    """Tensor names and shapes by signature; read in a process of its own, as this one must not
    load Python's TensorFlow."""
    import subprocess
    import sys

    code = """
import json, sys
from tensorflow.core.protobuf import saved_model_pb2
saved = saved_model_pb2.SavedModel()
saved.ParseFromString(open(sys.argv[1] + "/saved_model.pb", "rb").read())
print(json.dumps({name: {
    "inputs": {k: [v.name, [d.size for d in v.tensor_shape.dim]] for k, v in d.inputs.items()},
    "outputs": {k: v.name for k, v in d.outputs.items()},
} for name, d in saved.meta_graphs[0].signature_def.items() if not name.startswith("__")}))
"""
    command = [sys.executable, "-c", code, str(version)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def memory():
    """Resident memory of this process, MB."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def encode(rng, kind, side):
    pixels = rng.integers(0, 255, (side, side, 3), dtype="uint8")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def requests(rng, shape, num_classes):
    """Endless `(kind, signature, inputs)`; kinds that begin with "bad" must give an error."""
    while True:
        n = int(rng.integers(1, 9))
        x = rng.uniform(0, 255, (n, *shape)).astype("float32")
        shares = rng.uniform(0.01, 1, (n, num_classes)).astype("float32")
        side = int(rng.integers(4, 400))
        files = [encode(rng, rng.choice(["PNG", "JPEG"]), side) for _ in range(n)]
        cut = files[0][: rng.integers(len(files[0]))]
        spoiled = x.copy()
        spoiled.flat[rng.integers(x.size)] = np.nan
        yield "pixels", "serving_default", {"inputs": x}
        yield "files", "serving_bytes", {"images": np.array(files, object)}
        yield "shares", "serving_shares", {"inputs": x, "class_shares": shares}
        yield "no example", "serving_default", {"inputs": x[:0]}
        yield "perhaps a file", "serving_bytes", {"images": np.array([cut], object)}
        yield "bad: bytes", "serving_bytes", {"images": np.array([rng.bytes(side)], object)}
        yield "bad: NaN", "serving_default", {"inputs": spoiled}
        yield "bad: shape", "serving_default", {"inputs": x[:, 1:]}
        yield "bad: shares", "serving_shares", {"inputs": x, "class_shares": -shares}
        yield "bad: type", "serving_default", {"inputs": x.astype("int32")}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", required=True, help="folder of an exported image model")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--out", help="JSON file for the figures")
    args = parser.parse_args()
    signatures = signatures_of(args.version)
    shape = signatures["serving_default"]["inputs"]["inputs"][1][1:]
    num_classes = signatures["serving_shares"]["inputs"]["class_shares"][1][1]
    model = load_client().Model(args.version)
    stream = requests(np.random.default_rng(0), shape, num_classes)
    counts, track = {}, []
    started = time.monotonic()
    for i in range(1, args.requests + 1):
        kind, signature, inputs = next(stream)
        names = signatures[signature]
        named = {names["inputs"][name][0]: x for name, x in inputs.items()}
        tally = counts.setdefault(kind, {"answers": 0, "errors": 0})
        try:
            outputs = model.run(named, [names["outputs"]["probabilities"]])
        except RuntimeError:
            tally["errors"] += 1
        else:
            assert np.isfinite(outputs[0]).all(), (kind, i)
            tally["answers"] += 1
        if i % max(1, args.requests // 20) == 0:
            track.append({"requests": i, "memory_mb": round(memory(), 1)})
            print(f"{i:>7,} requests  {track[-1]['memory_mb']:,.1f} MB", flush=True)
    for kind, tally in counts.items():
        wrong = tally["answers"] if kind.startswith("bad") else 0
        assert not wrong, (kind, tally)
        print(f"{kind:<16} {tally['answers']:>6,} answers  {tally['errors']:>6,} errors")
    after_warm_up = [t["memory_mb"] for t in track[len(track) // 10 :]]
    growth = after_warm_up[-1] - after_warm_up[0]
    print(f"growth after the first tenth: {growth:.1f} MB")
    if args.out:
        figures = {
            "requests": args.requests,
            "seconds": round(time.monotonic() - started, 1),
            "counts": counts,
            "memory": track,
            "growth_mb": round(growth, 1),
        }
        pathlib.Path(args.out).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
