"""Feeds changed inputs to everything that reads files from elsewhere.

    python tests/fuzz/fuzz.py --seconds 3600 --out results/fuzz.json
    python tests/fuzz/fuzz.py --target csv --inputs 1000 --seed 7

Input k of a target is a function of the seed and k. A finding is an exception other than a
`ValueError` or `OSError` that says "Expected", a result that its check refuses, a process that
dies, more than 10 seconds of CPU for one input, or more than 1 GiB of memory. Each is kept under
`runs/fuzz/`, and the exit code is then 1.
"""

import argparse
import json
import os
import pathlib
import pickle
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).parent))

SECONDS, MEMORY = 10, 2**20  # For one input; KiB.
HUNG = 300  # Seconds; the machine may have other work.


def attempt(target, content, folder):
    """ "accepted" or "refused"; raises for a finding."""
    started, memory = time.process_time(), _peak()
    try:
        target.read(content, folder)
        outcome = "accepted"
    except (ValueError, OSError) as error:
        if not str(error).startswith("Expected"):
            raise
        outcome = "refused"
    if (seconds := time.process_time() - started) > SECONDS:
        raise TimeoutError(f"{seconds:.0f} s of CPU")
    if _peak() - memory > MEMORY:
        raise MemoryError(f"{(_peak() - memory) / 2**20:.1f} GiB")
    return outcome


def input_of(target, sound, seed, number):
    rng = random.Random(f"{seed}/{number}")
    return target.change(rng, rng.choice(sound), sound)


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def work(name, seed, first, last, seconds, scratch):
    """A worker: prints a JSON line for each finding and one at the end."""
    from targets import TARGETS

    target = TARGETS[name]
    folder = pathlib.Path(scratch) / "files"
    folder.mkdir(exist_ok=True)
    sound = target.sound(folder)
    if name != "made archives":
        outcomes = [attempt(target, content, folder) for content in sound]
        assert "accepted" in outcomes, f"No sound input of {name} is accepted."
    counts = {"accepted": 0, "refused": 0, "findings": 0}
    signal.signal(signal.SIGALRM, _too_long)
    deadline = time.monotonic() + seconds
    number = first
    while number < last and time.monotonic() < deadline:
        content = input_of(target, sound, seed, number)
        # What killed this process is the last one there.
        (pathlib.Path(scratch) / "input").write_bytes(pickle.dumps((number, content)))
        signal.alarm(HUNG)
        try:
            counts[attempt(target, content, folder)] += 1
        except Exception as error:
            counts["findings"] += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{pathlib.Path(where.filename).name}:{where.lineno}"
            what = f"{type(error).__name__} at {place}: {str(error)[:200]}"
            print(json.dumps({"number": number, "what": what}), flush=True)
        finally:
            signal.alarm(0)
        number += 1
    print(json.dumps({"next": number, **counts}), flush=True)


def _too_long(*_):
    raise TimeoutError(f"more than {HUNG} s")


def fuzz(name, seed, inputs, seconds, kept):
    """Fuzzes one target in processes of their own; returns its counts and findings."""
    total = {"accepted": 0, "refused": 0, "findings": {}}
    number, deadline = 0, time.monotonic() + seconds
    while number < inputs and time.monotonic() < deadline:
        with tempfile.TemporaryDirectory() as scratch:
            left = deadline - time.monotonic()
            arguments = [name, seed, number, inputs, left, scratch]
            command = [sys.executable, __file__, "--worker", json.dumps(arguments)]
            worker = subprocess.run(command, capture_output=True, text=True, errors="replace")
            lines = [json.loads(line) for line in worker.stdout.splitlines() if line[:1] == "{"]
            for line in lines:
                if "what" in line:
                    _keep(total, kept, name, line)
            if lines and "next" in lines[-1]:
                number = lines[-1]["next"]
                for outcome in ("accepted", "refused"):
                    total[outcome] += lines[-1][outcome]
                continue
            last = pathlib.Path(scratch) / "input"
            if not last.exists():
                raise RuntimeError(f"The worker for {name} does not start:\n{worker.stderr}")
            died_at, _ = pickle.loads(last.read_bytes())
            _keep(total, kept, name, {"number": died_at, "what": f"exit {worker.returncode}"})
            total["refused"] += died_at - number  # Not told apart in a process that died.
            number = died_at + 1
    total["inputs"] = number
    return total


def _keep(total, kept, name, line):
    print(f"{name} #{line['number']}: {line['what']}", flush=True)
    total["findings"].setdefault(line["what"], []).append(line["number"])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", help="one of them; default: all, in turn")
    parser.add_argument("--inputs", type=int, default=10**9, help="for each target, at most")
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="file for the counts")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return work(*json.loads(args.worker))
    from targets import TARGETS

    names = [args.target] if args.target else list(TARGETS)
    results = {}
    for name in names:
        results[name] = fuzz(name, args.seed, args.inputs, args.seconds / len(names), None)
        counts = {k: v for k, v in results[name].items() if k != "findings"}
        print(name, counts, f"{len(results[name]['findings'])} kinds of findings", flush=True)
    if args.out:
        pathlib.Path(args.out).write_text(json.dumps({"seed": args.seed, **results}, indent=2))
    return int(any(result["findings"] for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
