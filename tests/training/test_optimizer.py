import types

import keras
import numpy as np
import pytest

from dawn_tf.training.optimizer import PerUpdate, make_optimizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 5)).astype("float32")
Y = (X @ RNG.normal(size=(5, 1)) * 30).astype("float32")  # Steep enough to be clipped.


def fit(accumulate, batch_size, ema=0.8, updates=12):
    """Weights and their moving averages after each update."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((5,))
    x = keras.layers.Dense(4, "tanh")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    config = types.SimpleNamespace(
        accumulate=accumulate, learning_rate=0.1, weight_decay=0.05, ema=ema
    )
    optimizer = make_optimizer(config, updates * accumulate)
    model.compile(optimizer, "mse")
    optimizer.build(model.trainable_variables)
    seen = []
    for step in range(updates * accumulate):
        at = step * batch_size % len(X)
        model.train_on_batch(X[at : at + batch_size], Y[at : at + batch_size])
        if (step + 1) % accumulate == 0:
            averages = optimizer._model_variables_moving_average if ema else []
            values = [*model.trainable_variables, *averages]
            seen.append(np.concatenate([np.ravel(value) for value in values]))
    return np.stack(seen), optimizer


@pytest.mark.parametrize("ema", [0.8, None])
@pytest.mark.parametrize("accumulate", [2, 4])
def test_accumulated_batches_are_one_batch(accumulate, ema):
    # Rate, decay, clipping, Adam's bias and the average are those of the whole batch's updates.
    expected, _ = fit(1, 16, ema)
    actual, _ = fit(accumulate, 16 // accumulate, ema)
    np.testing.assert_allclose(actual, expected, atol=2e-5)
    assert np.abs(np.diff(expected, axis=0)).max(1).min() > 1e-4  # Every update changes something.


def test_the_average_by_hand():
    seen, _ = fit(2, 8)
    weights, averages = np.split(seen, 2, axis=1)
    average = weights[0]
    for weight, actual in zip(weights[1:], averages[1:], strict=True):
        average = 0.8 * average + 0.2 * weight
        np.testing.assert_allclose(actual, average, atol=1e-5)


def test_the_rate_rises_for_a_tenth_of_the_updates_and_falls_to_zero():
    _, optimizer = fit(2, 8, updates=10)
    schedule = optimizer._learning_rate
    rates = [float(schedule(step)) for step in range(21)]
    np.testing.assert_allclose(rates[:3], [0, 0, 0.1], atol=1e-7)
    assert rates[0::2][:10] == rates[1::2][:10] and rates[20] < 1e-8


def test_the_schedule_comes_back():
    schedule = PerUpdate(keras.optimizers.schedules.CosineDecay(0.1, 10), 3)
    again = keras.optimizers.schedules.deserialize(
        keras.optimizers.schedules.serialize(schedule), {"PerUpdate": PerUpdate}
    )
    assert [float(again(s)) for s in range(9)] == [float(schedule(s)) for s in range(9)]
