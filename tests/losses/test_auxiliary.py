import keras
import numpy as np

from dawn_tf.losses import DAWNLoss, with_auxiliary


def test_gives_each_output_its_loss():
    loss = DAWNLoss()
    given, weights = with_auxiliary(loss, prior=[0.9, 0.1], ignore_class=255)
    assert given["output"] is loss
    assert given["global"].prior is None
    assert given["detail"].prior == [0.9, 0.1]
    assert given["global"].ignore_class == given["detail"].ignore_class == 255
    assert weights == {"output": 1.0, "global": 0.5, "detail": 0.5}
    assert with_auxiliary(loss, weight=0.1)[1]["global"] == 0.1
    assert given["global"].label_smoothing == 0
    smooth, _ = with_auxiliary(loss, label_smoothing=0.1)
    assert smooth["global"].label_smoothing == smooth["detail"].label_smoothing == 0.1


def test_a_model_trains_on_the_weighted_sum(random_case):
    labels, logits = random_case((6,), num_classes=2)
    x = keras.Input((2,))
    outputs = {name: keras.layers.Identity(name=name)(x) for name in ("output", "global", "detail")}
    model = keras.Model(x, outputs)
    given, weights = with_auxiliary(DAWNLoss(), prior=[0.9, 0.1])
    model.compile(loss=given, loss_weights=weights)
    got = model.evaluate(logits, dict.fromkeys(outputs, labels), batch_size=6, verbose=0)
    want = sum(weights[k] * np.asarray(given[k](labels, logits)) for k in given)
    np.testing.assert_allclose(got[0] if isinstance(got, list) else got, want, rtol=1e-5)
