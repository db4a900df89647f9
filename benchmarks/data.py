"""Speed of the input side beside its rivals, each part in one process, rivals in turn.

    python benchmarks/data.py sampler        # needs imbalanced-learn
    python benchmarks/data.py training
    python benchmarks/data.py augmentation   # needs albumentations
    python benchmarks/data.py all

Each part prints a table and replaces its own section of results/data-benchmark.json.
"""

import argparse
import datetime
import importlib
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = pathlib.Path(__file__).parents[1]
OUT = ROOT / "results" / "data-benchmark.json"
# Each is a module beside this one with `run(args)`, which returns what goes into its section.
PARTS = ("sampler", "augmentation", "training")
PACKAGES = (
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "numpy",
    "imbalanced-learn",
    "albumentations",
    "opencv-python-headless",
)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=(*PARTS, "all"))
    parser.add_argument("--rounds", type=int, default=5, help="turns of each rival; medians count")
    parser.add_argument("--seconds", type=float, default=2.0, help="measured per turn")
    parser.add_argument("--data_dir", default=os.environ.get("DAWN_DATA_DIR"))
    args = parser.parse_args()
    for part in PARTS if args.part == "all" else (args.part,):
        load_before = os.getloadavg()
        section = importlib.import_module(f"data_{part}").run(args)
        write(part, {**section, "provenance": provenance(part, args, load_before)})


def write(part, section):
    """Replaces one section of the results file and leaves the others."""
    OUT.parent.mkdir(exist_ok=True)
    results = json.loads(OUT.read_text()) if OUT.exists() else {}
    results[part] = section
    OUT.write_text(json.dumps(results, indent=2) + "\n")
    print(f"wrote section {part!r} of {OUT.relative_to(ROOT)}")


def provenance(part, args, load_before):
    """What one needs to run it again, and how busy the machine was."""
    commit = subprocess.run(
        ["git", "-C", ROOT, "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True,
        text=True,
    )
    return {
        "command": f"python benchmarks/data.py {part} --rounds {args.rounds} "
        f"--seconds {args.seconds:g}",
        "commit": commit.stdout.strip(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "cpu_cores": os.cpu_count(),
        "load_average_1_5_15_minutes": {"before": load_before, "after": os.getloadavg()},
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
