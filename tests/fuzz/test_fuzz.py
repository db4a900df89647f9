"""A few changed inputs for every target; `make fuzz` tries many."""

import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from fuzz import attempt, input_of  # noqa: E402
from mutate import mutate_bytes, mutate_text, mutate_value  # noqa: E402
from targets import TARGETS, Target  # noqa: E402


@pytest.mark.parametrize("name", TARGETS)
def test_changed_inputs_are_read_or_refused_in_words(name, tmp_path):
    target = TARGETS[name]
    folder = tmp_path / "files"
    folder.mkdir()
    sound = target.sound(folder)
    outcomes = [attempt(target, input_of(target, sound, 1, k), folder) for k in range(20)]
    assert "refused" in outcomes


@pytest.mark.parametrize(
    "error", [KeyError("x"), ValueError("not in our words"), MemoryError(), AssertionError("wrong")]
)
def test_anything_else_is_a_finding(error):
    def read(content, folder):
        raise error

    with pytest.raises(type(error)):
        attempt(Target(None, None, read), b"", None)


@pytest.mark.parametrize(
    "change, sound", [(mutate_bytes, b"abc"), (mutate_text, "a\nb"), (mutate_value, {"a": [1, 2]})]
)
def test_an_input_is_a_function_of_its_number(change, sound):
    def changed(number):
        return repr(change(random.Random(number), sound))

    assert [changed(k) for k in range(50)] == [changed(k) for k in range(50)]
    assert len({changed(k) for k in range(50)}) > 25
    assert sound == {bytes: b"abc", str: "a\nb", dict: {"a": [1, 2]}}[type(sound)]
