import dataclasses
import json

import pytest

from dawn_tf.training import TrainConfig
from dawn_tf.training.config import read_config

CONFIG = TrainConfig(dataset="csv", label="Class", tau=1, seed=3).resolved()


def written(folder, values):
    (folder / "config.json").write_text(json.dumps(values))
    return folder / "config.json"


def test_a_config_comes_back(tmp_path):
    assert read_config(written(tmp_path, dataclasses.asdict(CONFIG))) == CONFIG


def test_fields_newer_than_the_file_have_their_defaults(tmp_path):
    assert read_config(written(tmp_path, {"seed": 3})) == TrainConfig(seed=3)


@pytest.mark.parametrize(
    "values, message",
    [
        ([], "with a list"),
        ({"colour": 1}, "with a field 'colour'"),
        ({"epochs": "3"}, "with epochs='3'"),
        ({"epochs": True}, "with epochs=True"),
        ({"seed": None}, "with seed=None"),
        ({"augment": 1}, "with augment=1"),
    ],
)
def test_anything_else_is_refused(tmp_path, values, message):
    with pytest.raises(ValueError, match=f"Expected the config of a run.*config.json {message}"):
        read_config(written(tmp_path, values))
