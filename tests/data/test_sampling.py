import numpy as np
import pytest
from scipy import stats

from dawn_tf.data.sampling import (
    ClassAwareSampler,
    largest_remainder,
    target_shares,
)

LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [50, 20, 7, 2]))
SETTINGS = [
    {"target": "instance"},
    {"target": "balanced"},
    {"target": [0.1, 0.2, 0.3, 0.4]},
    {"target": "balanced", "epoch_length": 100},
    {"target": "sqrt", "schedule": "progressive", "schedule_epochs": 3},
    {"target": "effective", "schedule": "deferred", "schedule_epochs": 2},
]
each_setting = pytest.mark.parametrize("setting", SETTINGS, ids=str)


def draw(count, start_step=0, labels=LABELS, **setting):
    stream = ClassAwareSampler(labels, seed=3, **setting).dataset(start_step).take(count)
    return np.array(list(stream.as_numpy_iterator()))


def test_shares_follow_their_formulas():
    counts = [100, 4, 0]
    np.testing.assert_allclose(target_shares(counts, "instance"), [100 / 104, 4 / 104, 0])
    np.testing.assert_allclose(target_shares(counts, "balanced"), [1 / 2, 1 / 2, 0])
    np.testing.assert_allclose(target_shares(counts, "sqrt"), [10 / 12, 2 / 12, 0])
    # beta 0.5: E_n = (1 - 0.5 ** n) / 0.5, so 100 / 2 and 4 / 1.875.
    np.testing.assert_allclose(
        target_shares(counts, "effective", beta=0.5),
        np.array([50, 4 / 1.875, 0]) / (50 + 4 / 1.875),
    )
    np.testing.assert_allclose(target_shares(counts, [3, 1, 0]), [0.75, 0.25, 0])


def test_largest_remainder_by_hand():
    # 10 * shares = 5.4, 3.3, 1.3: down to 5, 3, 1; the one left goes to 0.4.
    np.testing.assert_array_equal(largest_remainder([0.54, 0.33, 0.13], 10), [6, 3, 1])
    np.testing.assert_array_equal(largest_remainder(np.array([49, 1, 3]) / 53, 53), [49, 1, 3])


def test_instance_is_each_example_once_per_epoch():
    n = len(LABELS)
    indices = draw(3 * n)
    for epoch in range(3):
        assert sorted(indices[epoch * n : (epoch + 1) * n]) == list(range(n))
    assert (indices[:n] != indices[n : 2 * n]).any()


@each_setting
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
    for start in (1, 79, 80, 333):
        np.testing.assert_array_equal(draw(40, start, **setting), stream[start : start + 40])


@each_setting
def test_replicas_share_out_the_one_stream(setting):
    own = [draw(60, 2, replica=k, num_replicas=3, **setting) for k in range(3)]
    np.testing.assert_array_equal(np.stack(own, axis=1).ravel(), draw(186, **setting)[6:])


def test_more_replicas_than_draws_in_an_epoch():
    own = [draw(2, replica=k, num_replicas=5, labels=np.array([0, 0, 1])) for k in range(5)]
    np.testing.assert_array_equal(np.stack(own, 1).ravel(), draw(10, labels=np.array([0, 0, 1])))


def test_seeds_differ_and_repeat():
    first, again = (list(ClassAwareSampler(LABELS, seed=1).dataset().take(79)) for _ in range(2))
    other = list(ClassAwareSampler(LABELS, seed=2).dataset().take(79))
    assert first == again and first != other


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
        ({"target": "rare"}, "Choose one of them"),
        ({"target": [0.5, 0.5, 0, 0, 0.1]}, "classes with examples only"),
        ({"target": [0, 0, 0, 0]}, "Give one to a class"),
        ({"schedule": "late"}, "Choose one of them"),
        ({"schedule": "deferred"}, "the epoch from which the target holds"),
        ({"replica": 2, "num_replicas": 2}, "Count replicas from 0"),
        ({"epoch_length": 3}, "Choose at least 40"),
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
