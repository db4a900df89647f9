import keras
import numpy as np
import pytest

from dawn_tf.training.callbacks import EpochEnd, averaged_weights, best_epoch, training_variables
from dawn_tf.training.checkpoints import load_state


def model(use_ema=True):
    x = keras.Input((1,))
    model = keras.Model(x, keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(x))
    model.compile(keras.optimizers.SGD(0.1, use_ema=use_ema, ema_momentum=0.5), "mse")
    return model


X, Y = np.ones((4, 1), "float32"), np.zeros((4, 1), "float32")


def test_averaged_weights_are_the_moving_average_and_leave_again():
    network = model()
    for _ in range(3):  # `fit` would put the averages in at its end.
        network.train_on_batch(X, Y)
    # The weight goes 1 -> 0.8 -> 0.64 -> 0.512; the average starts at the first result.
    weight = network.trainable_variables[0]
    np.testing.assert_allclose(weight, [[0.512]], rtol=1e-6)
    with averaged_weights(network):
        np.testing.assert_allclose(weight, [[((0.8 + 0.64) / 2 + 0.512) / 2]], rtol=1e-6)
    np.testing.assert_allclose(weight, [[0.512]], rtol=1e-6)


def test_without_averaging_the_weights_stay():
    network = model(use_ema=False)
    with averaged_weights(network):
        np.testing.assert_allclose(network.trainable_variables[0], [[1.0]])


def test_the_first_of_equal_epochs_is_the_best():
    history = [{"epoch": e, "val_f": v} for e, v in enumerate([0.1, 0.7, 0.5, 0.7])]
    assert best_epoch(history, "f") == 1


def fit(tmp_path, scores, patience, epochs):
    network, progress = model(), {"history": []}
    scores = iter(scores)
    callback = EpochEnd(
        lambda: {"f": next(scores)}, tmp_path / "s.npz", tmp_path / "b.npz", "f", patience, progress
    )
    network.fit(X, Y, batch_size=4, epochs=epochs, verbose=0, callbacks=[callback])
    return network, progress


def test_the_best_epochs_weights_and_the_last_state_are_on_disk(tmp_path):
    network, progress = fit(tmp_path, [0.3, 0.9, 0.5], patience=9, epochs=3)
    assert [row["val_f"] for row in progress["history"]] == [0.3, 0.9, 0.5]
    other = model()
    assert load_state(tmp_path / "b.npz", other.variables) == {"epoch": 1}
    np.testing.assert_allclose(other.trainable_variables[0], [[(0.8 + 0.64) / 2]], rtol=1e-6)
    other.optimizer.build(other.trainable_variables)
    assert load_state(tmp_path / "s.npz", training_variables(other)) == progress
    np.testing.assert_allclose(other.trainable_variables[0], [[0.512]], rtol=1e-6)
    assert int(other.optimizer.iterations) == 3


def test_training_stops_after_patience_epochs_without_a_better_score(tmp_path):
    _, progress = fit(tmp_path, [0.1, 0.9, 0.5, 0.9, 0.2, 0.2], patience=2, epochs=6)
    assert len(progress["history"]) == 4


def test_a_score_that_the_data_does_not_have_is_refused(tmp_path):
    network = model()
    callback = EpochEnd(
        lambda: {"f": 0.1}, tmp_path / "s", tmp_path / "b", "miou", 1, {"history": []}
    )
    with pytest.raises(ValueError, match="Expected --monitor to be one of f"):
        network.fit(X, Y, epochs=1, verbose=0, callbacks=[callback])
