import numpy as np
import pytest
import tensorflow as tf

from dawn_tf.calibration import SCALINGS, correct_prior
from dawn_tf.export import PostProcessing

NAMES = ["common", "middling", "rare"]


def probabilities(*shape):
    return np.random.default_rng(0).dirichlet([1, 1, 1], shape).astype("float32")


def fitted(name):
    rng = np.random.default_rng(1)
    return SCALINGS[name]().fit(rng.dirichlet([1, 1, 1], 400), rng.integers(0, 3, 400))


def test_by_hand():
    # Right for equal shares, used where they are 8:1:1: (.2 * 8, .5, .3) / 2.4; weights make the
    # last class 3 times as dear: .3 * 3 / 2.4 > .5 / 2.4, but less than .2 * 8 / 2.4.
    post = PostProcessing(NAMES, prior=[1, 1, 1], class_shares=[8, 1, 1], decision=[1, 1, 3])
    p, chosen = post.apply([[0.2, 0.5, 0.3], [0.05, 0.45, 0.5]])
    np.testing.assert_allclose(p[0], [1.6 / 2.4, 0.5 / 2.4, 0.3 / 2.4])
    np.testing.assert_array_equal(chosen, [0, 2])


@pytest.mark.parametrize("shape", [(6,), (2, 3, 4)], ids=["labels", "masks"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"decision": [0.1, 0.5, 1.0]},
        {"calibrator": "temperature"},
        {"calibrator": "dirichlet", "prior": [0.6, 0.3, 0.1], "decision": [0.3, 0.4, 1.0]},
        {"prior": [0.6, 0.3, 0.1], "class_shares": [0.98, 0.015, 0.005]},
    ],
)
def test_the_graph_computes_what_numpy_does(options, shape):
    if "calibrator" in options:
        options = {**options, "calibrator": fitted(options["calibrator"])}
    post = PostProcessing(NAMES, **options)
    given = probabilities(*shape)
    p, chosen = post.apply(given)
    out = tf.function(post.graph)(tf.constant(given))
    np.testing.assert_allclose(out["probabilities"], p, atol=1e-6)
    if len(shape) == 3:
        assert set(out) == {"probabilities", "mask"}
        np.testing.assert_array_equal(out["mask"], chosen)
    else:
        np.testing.assert_array_equal(out["class"], chosen)
        assert out["class_name"].numpy().tolist() == [NAMES[c].encode() for c in chosen]


@pytest.mark.parametrize("shape", [(2,), (2, 3, 4)], ids=["labels", "masks"])
def test_each_example_may_have_its_own_class_shares(shape):
    post = PostProcessing(NAMES, fitted("vector"), prior=[0.6, 0.3, 0.1], class_shares=[1, 1, 1])
    given, shares = probabilities(*shape), np.float32([[90, 9, 1], [0, 1, 1]])
    out = post.graph(tf.constant(given), tf.constant(shares))["probabilities"].numpy()
    for one, p, own in zip(out, given, shares, strict=True):
        expected = correct_prior(post.calibrator.transform(p), post.prior, own)
        np.testing.assert_allclose(one, expected, atol=1e-6)
        np.testing.assert_allclose(one, post.apply(p, own)[0], atol=1e-6)


@pytest.mark.parametrize(
    "shares",
    [[[0, 0, 0]], [[-1, 2, 3]], [[np.nan, 1, 1]], [[np.inf, 1, 1]], [[1, 1, 1]] * 2, [[1, 1]]],
)
def test_unusable_class_shares_are_an_error_where_the_graph_runs(shares):
    post = PostProcessing(NAMES, prior=[0.6, 0.3, 0.1])
    spec = tf.TensorSpec((None, None), tf.float32)
    graph = tf.function(post.graph, input_signature=[tf.TensorSpec((None, 3), tf.float32), spec])
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected .*class_shares"):
        graph(tf.constant(probabilities(1)), tf.constant(shares, tf.float32))


def test_the_threshold_decides_between_two_classes_and_is_itself_enough():
    post = PostProcessing(["good", "fraud"], decision=0.25)
    given = np.float32([[0.75, 0.25], [0.76, 0.24]])
    np.testing.assert_array_equal(post.apply(given)[1], [1, 0])
    np.testing.assert_array_equal(post.graph(tf.constant(given))["class"], [1, 0])


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ValueError, match="Expected a decision for 3 classes"):
        PostProcessing(NAMES, decision=0.5)
    with pytest.raises(ValueError, match="right for a known prior"):
        PostProcessing(NAMES, class_shares=[1, 1, 1])
    with pytest.raises(ValueError, match="Expected class_shares of 3 classes"):
        PostProcessing(NAMES, prior=[1, 1, 1], class_shares=[1, 1])
