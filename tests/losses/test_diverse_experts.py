import keras
import numpy as np
import pytest

from dawn_tf.losses import LDAM, DiverseExperts, LogitAdjusted, expert_temperatures
from dawn_tf.training.deferred_reweighting import DeferredReweighting
from dawn_tf.training.scheduled_prior import ScheduledPrior

COUNTS = [900, 90, 9, 1]


def case(examples=5, experts=3):
    rng = np.random.default_rng(0)
    z = rng.normal(scale=2, size=(examples, experts, 4)).astype("float32")
    return rng.integers(0, 4, examples), z


def softmax(z):
    e = np.exp(np.asarray(z, "float64"))
    return e / e.sum(-1, keepdims=True)


def reference(labels, z, diversity, temperature, gamma, mean=None):
    """Cross-entropies of the experts less the weighted divergences, example by example."""
    b = np.array([gamma * n / (sum(COUNTS) / 4) + 1 - gamma for n in COUNTS])
    t = temperature * b / max(b)
    values = []
    for i, (y, logits) in enumerate(zip(labels, np.asarray(z, "float64"), strict=True)):
        p = softmax((logits.mean(0) if mean is None else mean[i]) / t)
        value = 0.0
        for expert in logits:
            q = softmax(expert / t)
            value -= np.log(softmax(expert)[y])
            value -= diversity * np.mean(t) ** 2 * np.sum(p * np.log(p / q))
        values.append(value)
    return values


def test_temperatures_by_hand():
    # Shares times classes 3.6, 0.36, 0.036, 0.004; 0.5 of them and 0.5.
    want = 2 * np.array([2.3, 0.68, 0.518, 0.502]) / 2.3
    np.testing.assert_allclose(expert_temperatures(COUNTS, 2.0, 0.5), want)
    np.testing.assert_allclose(expert_temperatures([7, 7, 7], 1.5), 1.5)


@pytest.mark.parametrize("options", [(0.2, 1.0, 0.05), (0.7, 3.0, 0.4), (0.0, 1.0, 0.0)])
def test_matches_the_formula(options):
    labels, z = case()
    loss = DiverseExperts(LogitAdjusted(), COUNTS, *options)
    np.testing.assert_allclose(loss.call(labels, z), reference(labels, z, *options), rtol=1e-5)
    np.testing.assert_allclose(loss(labels, z), np.mean(reference(labels, z, *options)), rtol=1e-5)


def test_gradient_takes_the_mean_as_given(value_and_gradient, numeric_gradient):
    labels, z = case(examples=2)
    loss = DiverseExperts(LogitAdjusted(), COUNTS, diversity=0.5, temperature=2)
    _, gradient = value_and_gradient(lambda z: keras.ops.sum(loss.call(labels, z)), z)
    mean = z.astype("float64").mean(1)
    want = numeric_gradient(lambda z: np.sum(reference(labels, z, 0.5, 2, 0.05, mean)), z)
    np.testing.assert_allclose(gradient, want, atol=1e-5)


def test_of_equal_experts_is_the_sum_of_their_losses():
    labels, z = case()
    z = np.repeat(z[:, :1], 2, axis=1)
    base = LDAM(COUNTS, scale=3)
    got = DiverseExperts(base, COUNTS, diversity=5).call(labels, z)
    np.testing.assert_allclose(got, 2 * base.call(labels, z[:, 0]), rtol=1e-5)


def test_soft_labels_and_void_examples():
    labels, z = case()
    loss = DiverseExperts(LogitAdjusted(ignore_class=255), COUNTS)
    soft = np.eye(4, dtype="float32")[labels]
    np.testing.assert_allclose(loss.call(soft, z), loss.call(labels, z), rtol=1e-6)
    labels[1] = 255
    assert float(loss.call(labels, z)[1]) == 0.0
    assert np.abs(loss.call(labels, z)[0]) > 0


@pytest.mark.parametrize("scale", [0, 1e4, 3e38])
def test_extreme_logits_are_finite(scale, value_and_gradient):
    labels, z = case()
    loss = DiverseExperts(LDAM(COUNTS), COUNTS)
    value, gradient = value_and_gradient(lambda z: loss(labels, z), np.float32(scale) * np.sign(z))
    assert np.isfinite(value) and np.isfinite(gradient).all()


def test_round_trips_through_serialization():
    labels, z = case()
    base = LDAM(COUNTS, scale=2, class_weights=[1, 2, 3, 4])
    loss = DiverseExperts(base, COUNTS, 0.4, 2.0, 0.1, name="mine", reduction="sum")
    revived = keras.losses.deserialize(keras.losses.serialize(loss))
    assert revived.get_config() == loss.get_config()
    assert revived.base.get_config() == base.get_config()
    np.testing.assert_array_equal(revived(labels, z), loss(labels, z))


def test_late_weights_are_of_the_experts_losses_alone():
    labels, z = case()
    drw = DeferredReweighting(COUNTS, start=1)
    loss = drw.follow(DiverseExperts(LogitAdjusted(), COUNTS, diversity=0.5))
    together = DiverseExperts(LogitAdjusted(), COUNTS, diversity=0.5).call(labels, z)
    np.testing.assert_allclose(loss.call(labels, z), together, rtol=1e-6)
    drw.on_epoch_begin(1)
    ce = -np.log(softmax(z)[np.arange(5), :, labels]).sum(1)
    want = together + (drw.late[labels] - 1) * ce
    np.testing.assert_allclose(loss.call(labels, z), want, rtol=1e-5)


def test_a_scheduled_prior_reaches_the_experts_losses():
    labels, z = case()
    schedule = ScheduledPrior(lambda epoch: [np.ones(4) / 4, np.array(COUNTS) / 1000][epoch])
    adjusted = DiverseExperts(LogitAdjusted(COUNTS), COUNTS, diversity=0)
    loss = schedule.follow(adjusted)
    plain = DiverseExperts(LogitAdjusted(), COUNTS, diversity=0)
    np.testing.assert_allclose(loss.call(labels, z), plain.call(labels, z), rtol=1e-5)
    schedule.on_epoch_begin(1)
    np.testing.assert_allclose(loss.call(labels, z), adjusted.call(labels, z), rtol=1e-5)


@pytest.mark.parametrize(
    "options, remedy",
    [
        ({"diversity": -1}, "Use 0.2"),
        ({"gamma": 1}, "Use 0.05"),
        ({"temperature": 0}, "Use 1"),
        ({"class_counts": [3, 0]}, "Add examples of class 1"),
    ],
)
def test_impossible_options_are_refused(options, remedy):
    with pytest.raises(ValueError, match=remedy):
        DiverseExperts(LogitAdjusted(), **{"class_counts": COUNTS, **options})


def test_logits_of_one_network_are_refused():
    labels, z = case()
    with pytest.raises(ValueError, match="Give the output 'experts' of MultiExpert"):
        DiverseExperts(LogitAdjusted(), COUNTS)(labels, z[:, 0])
