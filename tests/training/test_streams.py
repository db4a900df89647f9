import dataclasses

import numpy as np
import pytest

from dawn_tf.data import load
from dawn_tf.data.pipeline import DataSplits
from dawn_tf.data.records import Records, with_pixel_counts
from dawn_tf.training.config import TrainConfig
from dawn_tf.training.fit import steps_per_epoch
from dawn_tf.training.run import realised_sampling
from dawn_tf.training.streams import (
    make_mixing,
    make_sampler,
    parse_at_least,
    trained_prior,
)

CONFIG = TrainConfig(epochs=10, batch_size=20).resolved()


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def masks():
    """Four images of 2x2: classes by pixels 14, 1, 1; the rarest in each is 0, 0, 1, 2."""
    y = np.zeros((4, 2, 2), "uint8")
    y[2, 0, 0], y[3, 1, 1] = 1, 2
    records = Records(
        x=np.zeros((4, 2, 2, 3), "uint8"),
        y=y,
        ids=np.arange(4).astype(str),
        sampling_labels=np.array([0, 0, 1, 2], "int32"),
        class_names=["a", "b", "c"],
        task="segmentation",
    )
    parts = dict.fromkeys(("train", "val", "test"), with_pixel_counts(records))
    return DataSplits("m", "segmentation", "p", ["a", "b", "c"], np.array([14, 1, 1]), parts, [])


def test_minima_are_read_by_name_and_number():
    assert parse_at_least("vasc=1, 0=2", ["akiec", "bcc", "vasc"]) == {2: 1, 0: 2}
    for text in ("vasc", "vasc=x", "nobody=1", "3=1", "=1"):
        with pytest.raises(ValueError, match="Expected at_least as class=number"):
            parse_at_least(text, ["akiec", "bcc", "vasc"])


def test_an_epoch_of_a_schedule_is_one_of_the_training(digits):
    config = dataclasses.replace(CONFIG, sampling="balanced", schedule="deferred")
    steps = steps_per_epoch(config, digits)
    sampler = make_sampler(config, digits, 0, steps)
    assert sampler.epoch_length == steps * 20
    instance = digits.class_counts / digits.class_counts.sum()
    # Deferred to four fifths of ten epochs.
    np.testing.assert_allclose(sampler.shares(7), instance, atol=1 / sampler.epoch_length)
    np.testing.assert_allclose(sampler.shares(8), 0.1, atol=1 / sampler.epoch_length)


def test_every_batch_holds_the_minimum(digits):
    config = dataclasses.replace(CONFIG, at_least="9=2,8=1")
    sampler = make_sampler(config, digits, 0, 1)
    labels = digits.parts["train"].sampling_labels
    for batch in sampler.batches(20).take(30):
        drawn = labels[batch.numpy()]
        assert (drawn == 9).sum() >= 2 and (drawn == 8).sum() >= 1


def test_rejection_takes_neither_schedule_nor_minimum(digits):
    config = dataclasses.replace(CONFIG, resampling="rejection", schedule="deferred")
    with pytest.raises(ValueError, match="Expected resampling='index'"):
        make_sampler(config, digits, 0, 1)


def test_the_prior_of_masks_counts_pixels():
    # A balanced draw of the three labels: pixels of class 1 and 2 are 1/3 of 1/4 each.
    prior = trained_prior(masks(), np.full(3, 1 / 3))
    np.testing.assert_allclose(prior, [10 / 12, 1 / 12, 1 / 12])
    np.testing.assert_allclose(trained_prior(masks(), [0.5, 0.25, 0.25]), [14 / 16, 1 / 16, 1 / 16])


def test_the_prior_after_balanced_mixup_is_that_of_the_mixed_labels(digits):
    config = dataclasses.replace(CONFIG, mixing="balanced_mixup")
    mixing = make_mixing(config, digits, 0)
    instance = digits.class_counts / digits.class_counts.sum()
    # E[lambda] of Beta(0.2, 1) is 1/6.
    expected = 5 / 6 * instance + 1 / 6 * 0.1
    np.testing.assert_allclose(trained_prior(digits, instance, mixing), expected, atol=1e-4)


@pytest.mark.parametrize("name", ["mixup", "cutmix", "remix", "balanced_mixup"])
def test_mixings_are_made_for_labels(name, digits):
    assert make_mixing(dataclasses.replace(CONFIG, mixing=name), digits, 0) is not None
    assert make_mixing(CONFIG, digits, 0) is None


def test_copy_paste_is_made_for_masks():
    assert make_mixing(dataclasses.replace(CONFIG, mixing="copy_paste"), masks(), 0) is not None


def test_what_was_drawn_is_counted(digits):
    out = realised_sampling(CONFIG, digits, epochs=3)
    steps = steps_per_epoch(CONFIG, digits)
    assert out["draws"] == 3 * steps * 20
    labels = digits.parts["train"].sampling_labels
    drawn = np.concatenate(
        list(make_sampler(CONFIG, digits, 0, steps).batches(20).take(3 * steps).as_numpy_iterator())
    )
    times = np.bincount(drawn, minlength=len(labels))
    shares = np.bincount(labels[drawn], minlength=10) / len(drawn)
    np.testing.assert_allclose(out["label_shares"], shares)
    for c, row in enumerate(out["per_class"].values()):
        own = times[labels == c]
        assert row["share"] == pytest.approx(own.sum() / out["draws"])
        assert (row["fewest"], row["most"]) == (own.min(), own.max())
        assert row["mean"] == pytest.approx(own.mean())
