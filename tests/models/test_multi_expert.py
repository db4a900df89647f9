import keras
import numpy as np
import pytest

import dawn_tf
from dawn_tf.losses import LDAM, DiverseExperts
from dawn_tf.models import MultiExpert, encoders
from dawn_tf.models.encoders import ResNet32Encoder

SHAPE = (12, 12, 3)


def images(n=2):
    return np.random.default_rng(0).uniform(0, 255, (n, *SHAPE)).astype("float32")


def test_early_levels_are_shared_and_the_others_are_each_experts_own():
    model = MultiExpert(4, SHAPE, width=4, experts=3)
    encoder = ResNet32Encoder(SHAPE, width=4)
    border = encoders.as_pyramid(encoder).outputs[0]
    shared = keras.Model(encoder.input, border).count_params()
    own = encoder.count_params() - shared + (16 + 1) * 4  # And a head on 16 channels.
    # Mean and variance of three channels, and whatever else the standardisation keeps.
    standardize = model.get_layer("standardize").count_params()
    assert model.count_params() == standardize + shared + 3 * own
    assert MultiExpert(4, SHAPE, width=4, experts=2).count_params() == (
        standardize + shared + 2 * own
    )


def test_logits_are_the_mean_of_experts_who_differ():
    model = MultiExpert(4, SHAPE, encoder="unet", width=2, aux_outputs=True)
    model.adapt(images())
    outputs = {name: np.asarray(z) for name, z in model(images()).items()}
    assert outputs["experts"].shape == (2, 3, 4)
    np.testing.assert_allclose(outputs["output"], outputs["experts"].mean(1), rtol=1e-5)
    assert np.ptp(outputs["experts"], axis=1).min() > 1e-3


@pytest.mark.parametrize("head", ["linear", "cosine"])
def test_saves_and_reloads(head, tmp_path):
    options = {"encoder": "unet", "width": 2, "experts": 2, "own_levels": 1}
    model = MultiExpert(4, SHAPE, head=head, aux_outputs=True, **options)
    model.adapt(images())
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    assert revived.get_config() == model.get_config()
    for name, z in model(images()).items():
        np.testing.assert_allclose(revived(images())[name], z, rtol=1e-4, atol=1e-4)


def test_experts_of_a_given_encoder_start_from_its_weights():
    encoder = ResNet32Encoder(SHAPE, width=4)
    model = MultiExpert(4, SHAPE, encoder=encoder, experts=2)
    own = [layer for layer in model.layers if layer.name.startswith("expert_")]
    given = {tuple(np.ravel(w)) for w in encoder.get_weights()}
    assert len(own) == 2
    assert all(tuple(np.ravel(w)) in given for expert in own for w in expert.get_weights())
    first, second = (expert.trainable_weights[0] for expert in own)
    first.assign(first + 1.0)
    assert np.abs(np.asarray(first) - np.asarray(second)).min() > 0.5


@pytest.mark.parametrize(
    "options, message",
    [
        ({"task": "segmentation"}, "Use a network for masks"),
        ({"experts": 1}, "Use Classifier for one expert"),
        ({"own_levels": 3}, "Expected own_levels between 1 and 2"),
    ],
)
def test_what_it_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MultiExpert(4, SHAPE, width=4, **options)


@pytest.mark.slow
def test_fit_lowers_the_loss_on_real_digits():
    data = dawn_tf.data.load("digits")
    train = data.parts["train"]
    options = {"encoder": "unet", "width": 4, "experts": 2, "head": "cosine"}
    model = MultiExpert(10, (8, 8, 1), aux_outputs=True, **options)
    model.adapt(train.x)
    loss = DiverseExperts(LDAM(data.class_counts, 15.0, scale=1), data.class_counts)
    model.compile(keras.optimizers.Adam(3e-3), loss={"experts": loss})
    x, y = train.x[:64].astype("float32"), train.y[:64]
    history = model.fit(x, y, batch_size=64, epochs=8, verbose=0, shuffle=False).history["loss"]
    assert history[-1] < 0.9 * history[0]
