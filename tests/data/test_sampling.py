import os

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from dawn_tf.data.records import rarest_class
from dawn_tf.data.sampling import ClassAwareSampler
from dawn_tf.data.shares import TARGETS, target_shares

LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [50, 20, 7, 2]))
SETTINGS = [
    {"target": "balanced"},
    {"target": [0.1, 0.2, 0.3, 0.4]},
    {"target": "balanced", "epoch_length": 100},
    {"target": "sqrt", "schedule": "progressive", "schedule_epochs": 3},
    {"target": "effective", "schedule": "deferred", "schedule_epochs": 2},
]
QUOTAS = [
    {"target": "instance", "at_least": {3: 1}, "batch_size": 12},
    {"target": "sqrt", "at_least": {2: 2, 3: 4}, "batch_size": 12},
    {"target": [1, 0, 0, 0], "at_least": {0: 3, 1: 3, 2: 3, 3: 3}, "batch_size": 12},
    {
        "target": "balanced",
        "schedule": "progressive",
        "schedule_epochs": 2,
        "at_least": {3: 2},
        "batch_size": 12,
    },
]
each_setting = pytest.mark.parametrize("setting", SETTINGS + [QUOTAS[1], QUOTAS[3]], ids=str)
each_without_quota = pytest.mark.parametrize("setting", SETTINGS, ids=str)
each_quota = pytest.mark.parametrize("setting", QUOTAS, ids=str)


def draw(count, start_step=0, labels=LABELS, **setting):
    sampler = ClassAwareSampler(labels, seed=3, **setting)
    return sampler.dataset(start_step).batch(count).take(1).get_single_element().numpy()


def test_instance_is_each_example_once_per_epoch():
    n = len(LABELS)
    indices = draw(3 * n)
    for epoch in range(3):
        assert sorted(indices[epoch * n : (epoch + 1) * n]) == list(range(n))
    assert (indices[:n] != indices[n : 2 * n]).any()


@each_without_quota
def test_every_epoch_has_the_quotas_of_the_target(setting):
    sampler = ClassAwareSampler(LABELS, **setting)
    length, counts = sampler.epoch_length, np.bincount(LABELS)
    indices = draw(5 * length, **setting)
    goal = target_shares(counts, setting["target"])
    until = setting.get("schedule_epochs", 1)
    for epoch in range(5):
        drawn = np.bincount(LABELS[indices[epoch * length : (epoch + 1) * length]], minlength=4)
        mix = {
            "constant": 1,
            "progressive": min(epoch / until, 1),
            "deferred": float(epoch >= until),
        }[setting.get("schedule", "constant")]
        wanted = ((1 - mix) * counts / counts.sum() + mix * goal) * length
        assert np.all(np.abs(drawn - wanted) < 1) and np.all(drawn >= 1)
        np.testing.assert_allclose(sampler.shares(epoch), drawn / length)


@each_quota
def test_every_batch_holds_its_quota_and_the_epoch_its_shares(setting):
    sampler = ClassAwareSampler(LABELS, seed=3, **setting)
    batches = LABELS[draw(4 * sampler.epoch_length, **setting)].reshape(-1, 12)
    for c, number in setting["at_least"].items():
        assert np.sum(batches == c, axis=1).min() >= number
    assert sampler.epoch_length == 84  # 7 batches, the fewest that hold 79 examples.
    epochs = batches.reshape(4, -1)
    for epoch, labels in enumerate(epochs):
        np.testing.assert_allclose(sampler.shares(epoch), np.bincount(labels, minlength=4) / 84)


def test_quota_raises_a_share_at_the_expense_of_the_others():
    sampler = ClassAwareSampler(LABELS, at_least={3: 3}, batch_size=10)
    # 3 of 10 for class 3, the rest as in the data: 80 draws, 56 for 50 + 20 + 7.
    expected = np.array([56 * 50 / 77, 56 * 20 / 77, 56 * 7 / 77, 24])
    assert np.all(np.abs(sampler.prior * 80 - expected) < 1)
    np.testing.assert_allclose(sampler.prior[3], 0.3)
    # A quota that the shares hold anyway changes none of them.
    idle = ClassAwareSampler(LABELS, "balanced", at_least={3: 2}, batch_size=8)
    np.testing.assert_allclose(idle.prior, np.full(4, 1 / 4))


def test_what_exceeds_the_quota_is_spread_at_random():
    # 2 of 4 draws are of class 1, one of them in every batch: with 1, 2 or 3 of them in a batch
    # the other is hypergeometric, 25 of 75 free places drawn 3 at a time.
    labels = np.repeat([0, 1], [50, 50])
    setting = {"target": "balanced", "at_least": {1: 1}, "batch_size": 4, "epoch_length": 100}
    batches = labels[draw(100 * 200, labels=labels, **setting)].reshape(-1, 4)
    found = np.bincount(batches.sum(1), minlength=5)
    assert found[0] == 0
    expected = stats.hypergeom(75, 25, 3).pmf(np.arange(4)) * len(batches)
    assert stats.chisquare(found[1:], expected).pvalue > 1e-3
    # Reserved or not, a draw is anywhere in its batch.
    assert stats.chisquare(batches.sum(0)).pvalue > 1e-3


def test_batches_are_the_stream_cut_in_pieces():
    sampler = ClassAwareSampler(LABELS, "balanced", seed=3, replica=1, num_replicas=2)
    batches = sampler.batches(16, start_step=2)
    assert batches.element_spec.shape == (16,)
    stream = draw(16 * 12, 32, target="balanced", replica=1, num_replicas=2)
    found = np.stack(list(batches.take(12).as_numpy_iterator()))
    np.testing.assert_array_equal(found.ravel(), stream)


@pytest.mark.parametrize("target", [*TARGETS, [4, 3, 2, 1]], ids=str)
def test_shares_agree_with_the_target_over_100_000_draws(target):
    drawn = np.bincount(LABELS[draw(100_000, target=target)], minlength=4)
    expected = target_shares(np.bincount(LABELS), target) * 100_000
    assert stats.chisquare(drawn, expected).pvalue > 1e-3


@pytest.mark.parametrize("setting", [SETTINGS[0], SETTINGS[3], QUOTAS[1], QUOTAS[3]], ids=str)
def test_realised_is_what_the_stream_holds(setting):
    sampler = ClassAwareSampler(LABELS, seed=3, **setting)
    stream = draw(800, **setting)
    for num_draws in (1, sampler.epoch_length, 321, 800):
        realised = sampler.realised(num_draws)
        times = np.bincount(stream[:num_draws], minlength=len(LABELS))
        of_class = [times[LABELS == c] for c in range(4)]
        np.testing.assert_array_equal(realised.draws, [t.sum() for t in of_class])
        np.testing.assert_allclose(realised.shares, realised.draws / num_draws)
        np.testing.assert_array_equal(realised.fewest, [t.min() for t in of_class])
        np.testing.assert_allclose(realised.mean, [t.mean() for t in of_class])
        np.testing.assert_array_equal(realised.most, [t.max() for t in of_class])


def test_realised_costs_no_more_late():
    sampler = ClassAwareSampler(LABELS, "balanced")
    assert sampler.realised(10**12).draws.sum() == 10**12


def test_any_number_of_threads_gives_the_same_stream():
    stream = ClassAwareSampler(LABELS, "balanced", seed=3).batches(50).take(20)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.deterministic = False  # Even where the user lets tf.data reorder.
    alone = np.stack(list(stream.with_options(options).as_numpy_iterator()))
    options = tf.data.Options()
    options.threading.private_threadpool_size = 8
    many = np.stack(list(stream.with_options(options).as_numpy_iterator()))
    np.testing.assert_array_equal(alone, many)


def test_iterator_is_saved_restored_and_does_not_grow(tmp_path):
    # Without the prefetch tf.data adds one of its own, which does grow.
    stream = ClassAwareSampler(LABELS, "balanced", seed=3).batches(100).prefetch(2)
    iterator = iter(stream)
    checkpoint = tf.train.Checkpoint(iterator=iterator)
    sizes = {}
    for step in range(1, 2001):
        next(iterator)
        if step in (3, 2000):
            path = checkpoint.write(str(tmp_path / f"step{step}"))
            files = [name for name in os.listdir(tmp_path) if name.startswith(f"step{step}.")]
            sizes[step] = sum((tmp_path / name).stat().st_size for name in files)
    after = [next(iterator).numpy() for _ in range(5)]
    checkpoint.read(path)
    np.testing.assert_array_equal([next(iterator).numpy() for _ in range(5)], after)
    # What it holds are at most two batches and two epochs (100 and 79 numbers of 8 bytes each).
    assert abs(sizes[2000] - sizes[3]) <= 2 * (100 + 79) * 8


def test_memory_is_of_the_order_of_the_examples():
    # One class of 100,000 and one of 2, drawn 50,000 times each: 25,000 passes over the two. An
    # entry per pass and example of the largest class would be 20 GB.
    labels = np.repeat([0, 1], [100_000, 2])
    drawn = draw(100_002, labels=labels, target="balanced")
    np.testing.assert_array_equal(np.bincount(labels[drawn]), [50_001, 50_001])


def test_images_come_by_the_rarest_class_of_their_mask():
    masks = np.zeros((20, 4, 4), "uint8")
    masks[15:, 0] = 1
    masks[19, 0, 0] = 2
    pixels = np.stack([(masks == c).sum((1, 2)) for c in range(3)], axis=1)
    labels = rarest_class(pixels, pixels.sum(0))
    drawn = masks[draw(300, labels=labels, target="balanced", epoch_length=30)]
    # Class 2 is in a third of the images drawn, class 1 in two thirds.
    assert np.sum((drawn == 2).any((1, 2))) == 100
    assert np.sum((drawn == 1).any((1, 2))) == 200


@each_setting
def test_no_example_is_drawn_again_before_all_of_its_class(setting):
    indices = draw(500, **setting)
    for c, n in enumerate(np.bincount(LABELS)):
        drawn = indices[LABELS[indices] == c]
        whole = drawn[: len(drawn) // n * n].reshape(-1, n)
        assert np.all(np.sort(whole) == np.flatnonzero(LABELS == c))


@each_setting
def test_resumes_at_any_step(setting):
    stream = draw(400, **setting)
    for start in (80, 333):
        np.testing.assert_array_equal(draw(40, start, **setting), stream[start : start + 40])


@each_setting
def test_replicas_share_out_the_one_stream(setting):
    own = [draw(60, 2, replica=k, num_replicas=3, **setting) for k in range(3)]
    np.testing.assert_array_equal(np.stack(own, axis=1).ravel(), draw(186, **setting)[6:])


def test_more_replicas_than_draws_in_an_epoch():
    own = [draw(2, replica=k, num_replicas=5, labels=np.array([0, 0, 1])) for k in range(5)]
    np.testing.assert_array_equal(np.stack(own, 1).ravel(), draw(10, labels=np.array([0, 0, 1])))


def test_seeds_differ_and_repeat():
    first, again, other = (
        next(iter(ClassAwareSampler(LABELS, seed=seed).batches(79))).numpy() for seed in (1, 1, 2)
    )
    assert np.all(first == again) and np.any(first != other)


def test_order_within_a_class_is_uniform():
    # 6000 passes of a class of 5: each of the 120 orders alike, successive ones independent.
    labels = np.array([0] * 5 + [1] * 5)
    indices = draw(2 * 5 * 6000, labels=labels, epoch_length=3000)
    orders = indices[indices < 5].reshape(-1, 5)
    code = np.unique(orders @ 5 ** np.arange(5), return_inverse=True)[1]
    counts = np.bincount(code)
    assert len(counts) == 120
    assert stats.chisquare(counts).pvalue > 1e-3
    steps = np.bincount((orders[1:, 0] - orders[:-1, 0]) % 5)
    assert stats.chisquare(steps).pvalue > 1e-3


def test_place_of_a_rare_class_in_the_epoch_is_uniform():
    labels = np.array([0] * 19 + [1])
    places = np.flatnonzero(draw(20 * 1000, labels=labels) == 19) % 20
    assert stats.chisquare(np.bincount(places, minlength=20)).pvalue > 1e-3


def test_epoch_grows_until_the_rarest_class_fits():
    sampler = ClassAwareSampler([0, 0, 1], target=[0.99, 0.01])
    assert sampler.epoch_length == 100
    np.testing.assert_allclose(sampler.prior, [0.99, 0.01])


def test_a_late_step_costs_no_more():
    assert len(draw(3, 10**12, target="balanced")) == 3


@pytest.mark.parametrize(
    "arguments, remedy",
    [
        ({"schedule": "late"}, "Choose one of them"),
        ({"schedule": "deferred"}, "the epoch from which the target holds"),
        ({"replica": 2, "num_replicas": 2}, "Count replicas from 0"),
        ({"epoch_length": 3}, "Choose at least 40"),
        (
            {"epoch_length": 81, "at_least": {3: 1}, "batch_size": 8},
            "Choose at least 13, a multiple of batch_size=8",
        ),
        ({"at_least": {3: 1}}, "Pass both or neither"),
        ({"batch_size": 8}, "Pass both or neither"),
        ({"at_least": {4: 1}, "batch_size": 8}, "Name those classes only"),
        ({"at_least": {3: -1}, "batch_size": 8}, "Name those classes only"),
        ({"at_least": {2: 5, 3: 4}, "batch_size": 8}, "at least 9, the sum of at_least"),
        (
            {"at_least": {3: 1}, "batch_size": 9, "num_replicas": 2},
            "multiple of num_replicas=2",
        ),
        ({"labels": np.zeros((2, 4, 4), int)}, "the rarest class per image"),
        ({"labels": np.zeros(2)}, "the rarest class per image"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_errors_say_how_to_mend(arguments, remedy):
    with pytest.raises(ValueError, match=remedy):
        ClassAwareSampler(**{"labels": LABELS, **arguments})


def test_prior_of_a_schedule_is_refused():
    sampler = ClassAwareSampler(LABELS, schedule="deferred", schedule_epochs=2)
    with pytest.raises(ValueError, match=r"Use shares\(epoch\)"):
        _ = sampler.prior


def test_batches_other_than_those_of_the_quota_are_refused():
    sampler = ClassAwareSampler(LABELS, at_least={3: 1}, batch_size=8, num_replicas=2)
    assert sampler.batches(4).element_spec.shape == (4,)
    with pytest.raises(ValueError, match="Give the sampler batch_size=16"):
        sampler.batches(8)
