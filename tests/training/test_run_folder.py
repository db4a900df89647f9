"""Whether a run folder is at its end: also after kills, and with files left out on purpose."""

import dataclasses
import json

import pytest

from dawn_tf.training import TrainConfig
from dawn_tf.training.run_folder import begin, is_finished

CONFIG = TrainConfig()
SCORES_ONLY = dataclasses.replace(CONFIG, scores_only=True)


@pytest.fixture
def ended(tmp_path):
    """`f(config)`: a folder in which a run of that config has ended."""

    def end(config):
        begin(tmp_path / "run", config)
        (tmp_path / "run" / "metrics.json").write_text("{}")
        return tmp_path / "run"

    return end


@pytest.mark.parametrize(
    "left, wanted, finished",
    [
        (CONFIG, CONFIG, True),
        (CONFIG, SCORES_ONLY, True),
        (SCORES_ONLY, SCORES_ONLY, True),
        (SCORES_ONLY, CONFIG, False),
    ],
)
def test_finished_is_a_run_with_all_the_files_that_are_wanted(ended, left, wanted, finished):
    assert is_finished(ended(left), wanted) == finished


def test_a_run_killed_after_an_earlier_end_is_not_finished(ended):
    run = ended(SCORES_ONLY)
    begin(run, CONFIG)  # It goes on for its model, and is killed.
    assert json.loads((run / "config.json").read_text())["scores_only"] is False
    assert not is_finished(run, CONFIG)


def test_another_run_is_refused_with_what_differs(ended):
    with pytest.raises(ValueError, match=r"one with seed=0 \(now 3\)\. Give another"):
        is_finished(ended(CONFIG), dataclasses.replace(CONFIG, seed=3))
