import dataclasses

import numpy as np
import pytest

from dawn_tf.data import load
from dawn_tf.data.errors import DataError
from dawn_tf.training import TrainConfig, made_examples
from dawn_tf.training.made_examples import FILE, resample_for


@pytest.fixture
def made(monkeypatch):
    """Calls of what stands for a GAN here: its images are all the seed."""
    calls = []

    def make(data, method, seed, steps):
        calls.append((method, seed, steps))
        y = np.repeat(np.arange(10), data.class_counts.max() - data.class_counts)
        return np.full((len(y), 8, 8, 1), seed, "uint8"), y

    monkeypatch.setattr(made_examples, "make_examples", make)
    return calls


@pytest.fixture(scope="module")
def data():
    return load("digits")


def config(**values):
    return TrainConfig(oversampling="gan", generator_steps=5, **values)


def test_a_run_that_goes_on_takes_the_same_examples(made, data, tmp_path):
    first = resample_for(config(seed=3), data, tmp_path / "run").parts["train"]
    assert made == [("gan", 3, 5)] and (tmp_path / "run" / FILE).exists()
    again = resample_for(config(seed=3), data, tmp_path / "run").parts["train"]
    assert len(made) == 1
    for train in (first, again):
        assert np.bincount(train.y).tolist() == [data.class_counts.max()] * 10
        real = data.parts["train"]
        np.testing.assert_array_equal(train.x[: len(real)], real.x)
        assert (train.x[len(real) :] == 3).all() and train.ids[-1].startswith("gan_")
    np.testing.assert_array_equal(first.x, again.x)
    np.testing.assert_array_equal(first.y, again.y)


def test_examples_of_another_run_or_a_damaged_file_are_made_anew(made, data, tmp_path):
    resample_for(config(seed=3), data, tmp_path)
    assert (resample_for(config(seed=4), data, tmp_path).parts["train"].x[-1] == 4).all()
    (tmp_path / FILE).write_bytes(b"no zip")
    assert (resample_for(config(seed=4), data, tmp_path).parts["train"].x[-1] == 4).all()
    train = data.parts["train"]
    other = dataclasses.replace(
        data, parts={**data.parts, "train": dataclasses.replace(train, x=255 - train.x)}
    )
    resample_for(config(seed=4), other, tmp_path)
    assert len(made) == 4


def test_what_a_method_is_not_for_is_refused_before_anything_is_written(made, data, tmp_path):
    with pytest.raises(DataError, match="Expected table rows"):
        resample_for(dataclasses.replace(config(), oversampling="ctgan"), data, tmp_path / "run")
    assert not made and not (tmp_path / "run").exists()
    assert resample_for(TrainConfig(), data, tmp_path / "run") is data
