"""docs/methods.md has a row for everything the code has, and every row a test."""

import pathlib
import re

import pytest

from dawn_tf.calibration import SCALINGS
from dawn_tf.data.resampling import METHODS as OVERSAMPLINGS
from dawn_tf.data.shares import SCHEDULES, TARGETS
from dawn_tf.models import names
from dawn_tf.training.config import DECISIONS
from dawn_tf.training.loss_choices import LOSSES
from dawn_tf.training.second_stage import METHODS
from dawn_tf.training.streams import MIXINGS
from dawn_tf.training.table_rivals import RIVALS

ROOT = pathlib.Path(__file__).parents[1]
FLAGS = {
    "model": (*names(), *RIVALS),
    "loss": LOSSES,
    "sampling": TARGETS,
    "schedule": SCHEDULES,
    "oversampling": OVERSAMPLINGS,
    "mixing": MIXINGS,
    "method": METHODS,
    "calibration": SCALINGS,
    "decision": DECISIONS,
}
NO_METHOD = ("none", "constant")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "methods.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| flag")
]


@pytest.mark.parametrize("flag", FLAGS)
def test_everything_has_one_row(flag):
    values = [value for value in FLAGS[flag] if value not in NO_METHOD]
    shown = [row[0] for row in ROWS if row[0].startswith(f"`--{flag} ")]
    assert sorted(shown) == sorted(f"`--{flag} {value}`" for value in values)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join((row[0], row[2])))
def test_every_row_names_a_test(row):
    (path,) = re.fullmatch(r"`(tests/\S+\.py)`", row[-1]).groups()
    assert (ROOT / path).is_file()
