import json

import keras
import numpy as np
import pytest

from dawn_tf.training.finite_check import FiniteCheck

IDS = np.array([f"row_{i}" for i in range(40)])


def fit(tmp_path, x, loss="mse", epochs=3):
    """Batches of 4 in order, 5 an epoch; weights start at 1."""
    inputs = keras.Input((1,))
    outputs = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(inputs)
    network = keras.Model(inputs, outputs)
    network.compile(keras.optimizers.SGD(0.01, global_clipnorm=1.0), loss)
    check = FiniteCheck(lambda step: np.arange(4) + 4 * step % 40, IDS, tmp_path)
    x = np.asarray(x, "float32")[:, None]
    with pytest.raises(ValueError) as caught:
        batches = ((part, np.zeros_like(part)) for part in np.split(x, 10))
        network.fit(batches, epochs=epochs, steps_per_epoch=5, verbose=0, callbacks=[check])
    return str(caught.value)


def test_the_batch_of_the_first_loss_that_is_not_finite_is_named(tmp_path):
    x = np.ones(40)
    x[30] = np.nan  # Step 7 of all, counted from 0: step 3 of epoch 2.
    message = fit(tmp_path, x)
    assert "loss=nan at step 3 of epoch 2, whose examples are 28, 29, 30, 31" in message
    assert "best.npz" in message and "--learning_rate" in message
    assert json.loads((tmp_path / "not_finite.json").read_text()) == {
        "epoch": 2,
        "step": 3,
        "loss": "nan",
        "indices": [28, 29, 30, 31],
        "ids": ["row_28", "row_29", "row_30", "row_31"],
    }


def test_a_gradient_that_is_not_finite_is_found_in_its_own_step(tmp_path):
    def loss(y_true, y_pred):
        # The root of 0: finite, with an infinite slope.
        return keras.ops.sqrt(keras.ops.abs(y_pred))

    x = np.ones(40)
    x[6] = 0
    message = fit(tmp_path, x, loss)
    assert "at step 2 of epoch 1, whose examples are 4, 5, 6, 7" in message
    assert "best.npz" not in message  # There is none yet.
