"""The same numbers on every backend and however they are computed.

PyTorch is not among this package's dependencies: `make test-peers` runs these tests where it is
installed; elsewhere its part is skipped.
"""

import importlib.util
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.slow
SCRIPT = pathlib.Path(__file__).with_name("backend_script.py")
MODES = [
    *["tensorflow:eager", "tensorflow:graph", "tensorflow:xla"],
    *["jax:eager", "jax:xla", "torch:eager"],
]


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """`f(backend)`: what the script gives there, run once."""
    done = {}

    def run(backend):
        if importlib.util.find_spec(backend) is None:
            pytest.skip(f"{backend} is not installed: see `make test-peers`")
        if backend not in done:
            path = tmp_path_factory.mktemp(backend) / "numbers.npz"
            result = subprocess.run(
                [sys.executable, str(SCRIPT), str(path)],
                capture_output=True,
                text=True,
                env={**os.environ, "KERAS_BACKEND": backend},
            )
            assert result.returncode == 0, result.stderr
            done[backend] = dict(np.load(path))
        return done[backend]

    return run


def of_mode(numbers, mode):
    """Numbers of one mode by the name of the case and what they are."""
    backend, mode = mode.split(":")
    return {
        tuple(key.split(":")[1:]): value
        for key, value in numbers(backend).items()
        if key.startswith(f"{mode}:")
    }


def assert_close(got, want, value_tolerance, gradient_tolerance):
    for (name, kind), value in got.items():
        assert np.isfinite(value).all(), name
        expected = want[name, kind]
        if kind == "value":
            tolerance = value_tolerance * np.maximum(1, np.abs(expected))
            np.testing.assert_array_less(np.abs(value - expected), tolerance, name)
        else:
            distance = np.linalg.norm(value - expected)
            assert distance <= gradient_tolerance * np.linalg.norm(expected), name


@pytest.mark.parametrize("mode", MODES[1:])
def test_values_and_gradients_are_those_of_eager_tensorflow(mode, numbers):
    got, want = (
        {case: x for case, x in of_mode(numbers, m).items() if "float16" not in case[0]}
        for m in (mode, MODES[0])
    )
    assert got.keys() == want.keys()
    assert_close(got, want, 1e-5, 1e-4)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype, rounding", [("bfloat16", 2**-8), ("float16", 2**-11)])
def test_half_precision_is_the_same_within_its_rounding(mode, dtype, rounding, numbers):
    half = {
        (name.removesuffix(f"/{dtype}"), kind): value
        for (name, kind), value in of_mode(numbers, mode).items()
        if name.endswith(f"/{dtype}")
    }
    full = of_mode(numbers, MODES[0])
    assert len(half) == 10
    # Logits up to 6 are off by 6 * rounding, and no loss here is steeper than 3 in the largest.
    assert_close(half, full, 20 * rounding, 20 * rounding)
    assert any((half[case] != full[case]).any() for case in half)
