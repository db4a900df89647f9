import math
import types

import keras
import pytest

from dawn_tf.training.config import TrainConfig
from dawn_tf.training.fit import build_model
from dawn_tf.training.matching import matching_arguments

IMAGES = {"num_classes": 5, "input_shape": (12, 12, 3), "task": "classification"}
ROWS = {"num_classes": 2, "input_shape": (9,), "task": "classification"}
MASKS = {"num_classes": 3, "input_shape": (16, 16, 3), "task": "segmentation"}


def trainable(values, data):
    data = types.SimpleNamespace(**data)
    data.class_counts = None
    model = build_model(TrainConfig(**values).resolved(), data)
    return sum(math.prod(weight.shape) for weight in model.trainable_weights), model


@pytest.mark.parametrize(
    "data, model, encoder, recipe",
    [
        (IMAGES, "classifier", {"encoder": "unet", "width": 4}, "dawn"),
        (ROWS, "mlp", {"width": 32}, "paper"),
        (MASKS, "unet", {"encoder": "unet", "width": 4}, "paper"),
    ],
)
def test_a_plain_network_gets_dawns_parameters_on_dawns_encoder(data, model, encoder, recipe):
    plain = {"model": model, "recipe": "cross_entropy", "match_parameters": recipe, **encoder}
    ours, _ = trainable({"recipe": recipe, **encoder}, data)
    matched, network = trainable(plain, data)
    assert matched == pytest.approx(ours, rel=0.02)
    unmatched, smaller = trainable({**plain, "match_parameters": None}, data)
    assert unmatched != pytest.approx(ours, rel=0.02)
    # The encoder is the same: what differs comes after it.
    assert [w.path for w in encoder_weights(network)] == [w.path for w in encoder_weights(smaller)]
    assert network(keras.ops.zeros((2, *data["input_shape"]))).shape[-1] == data["num_classes"]


def encoder_weights(network):
    return [w for w in network.weights if "encoder" in w.path]


def test_the_hidden_layer_of_a_row_is_the_one_worked_out_by_hand():
    # Rows of 9, embedded in 9 * 16 = 144 columns: encoder E, then a dense head of 2 on 32 units.
    # A hidden layer of h adds 33 h, and its head has 2 h + 2 where it had 2 * 32 + 2.
    arguments = (2, (9,), "classification", None, 32)
    hidden = matching_arguments("mlp", "dawn", *arguments)["hidden"]
    ours, _ = trainable({"recipe": "dawn", "width": 32}, ROWS)
    plain, _ = trainable({"model": "mlp", "recipe": "cross_entropy", "width": 32}, ROWS)
    assert hidden == round((ours - plain + 2 * 32) / (33 + 2))


def test_a_network_that_cannot_be_matched_is_refused():
    with pytest.raises(ValueError, match="Expected model to be one of classifier, mlp, unet"):
        TrainConfig(match_parameters="dawn").check()
