"""All metrics of the confusion matrix against scikit-learn, on either backend."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops
from sklearn import metrics as reference

from dawn_tf import metrics

NUM_CLASSES = 5
MINORITY = [1, 4]


def reference_minority_recall(y_true, y_pred, sample_weight=None):
    true_minority = [c for c in MINORITY if c in y_true]
    if not true_minority:
        return 0.0
    recall = reference.recall_score(
        y_true, y_pred, sample_weight=sample_weight, labels=true_minority, average=None
    )
    return recall.mean()


def macro(function):
    def score(y_true, y_pred, sample_weight=None):
        return function(
            y_true, y_pred, sample_weight=sample_weight, average="macro", zero_division=0
        )

    return score


def reference_balanced_accuracy(y_true, y_pred, sample_weight=None):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        return reference.balanced_accuracy_score(y_true, y_pred, sample_weight=sample_weight)


PAIRS = [
    (metrics.Accuracy, reference.accuracy_score),
    (metrics.MacroPrecision, macro(reference.precision_score)),
    (metrics.MacroRecall, macro(reference.recall_score)),
    (metrics.MacroF1, macro(reference.f1_score)),
    (metrics.BalancedAccuracy, reference_balanced_accuracy),
    (metrics.MinorityRecall, reference_minority_recall),
    (metrics.MeanIoU, macro(reference.jaccard_score)),
]
ids = [cls.__name__ for cls, _ in PAIRS]
every_metric = pytest.mark.parametrize("cls, expected", PAIRS, ids=ids)


def make(cls, **kwargs):
    if cls is metrics.MinorityRecall:
        kwargs["minority_classes"] = MINORITY
    return cls(num_classes=NUM_CLASSES, **kwargs)


def some_case(rng, shape, num_true=NUM_CLASSES, num_predicted=NUM_CLASSES):
    """Random labels and logits that use only some of the classes."""
    true_classes = rng.choice(NUM_CLASSES, num_true, replace=False)
    predicted_classes = rng.choice(NUM_CLASSES, num_predicted, replace=False)
    labels = rng.choice(true_classes, shape)
    logits = rng.normal(size=(*shape, NUM_CLASSES)).astype("float32")
    logits[..., predicted_classes] += 20
    return labels, logits


@every_metric
def test_equals_scikit_learn_whatever_classes_are_absent(cls, expected):
    rng = np.random.default_rng(0)
    metric = make(cls)
    for num_true in range(1, NUM_CLASSES + 1):
        for num_predicted in range(1, NUM_CLASSES + 1):
            labels, logits = some_case(rng, (40,), num_true, num_predicted)
            metric.reset_state()
            metric.update_state(labels, logits)
            want = expected(labels, logits.argmax(-1))
            np.testing.assert_allclose(metric.result(), want, rtol=1e-6, atol=1e-7)


@every_metric
def test_streams_unequal_batches_of_masks_with_void_and_weights(cls, expected):
    rng = np.random.default_rng(1)
    metric = make(cls, ignore_class=255)
    seen = []
    for batch in (5, 1, 3):
        labels, logits = some_case(rng, (batch, 6, 4))
        labels[rng.random(labels.shape) < 0.2] = 255
        weights = rng.random(labels.shape).astype("float32")
        weights[rng.random(labels.shape) < 0.2] = 0
        metric.update_state(labels[..., None], logits, sample_weight=weights)
        keep = labels != 255
        seen.append((labels[keep], logits.argmax(-1)[keep], weights[keep]))
    labels, predictions, weights = map(np.concatenate, zip(*seen, strict=True))
    want = expected(labels, predictions, sample_weight=weights)
    np.testing.assert_allclose(metric.result(), want, rtol=1e-6)


@every_metric
def test_is_zero_before_anything_is_seen_and_after_a_reset(cls, expected):
    metric = make(cls, ignore_class=9)
    assert float(metric.result()) == 0
    metric.update_state([9, 9], np.zeros((2, NUM_CLASSES)))
    assert float(metric.result()) == 0
    metric.update_state([4, 1], np.eye(NUM_CLASSES)[[4, 1]])
    assert float(metric.result()) == 1
    metric.reset_state()
    assert float(metric.result()) == 0


@every_metric
@pytest.mark.parametrize("label", [-1, NUM_CLASSES, 255])
def test_a_label_that_is_no_class_gives_nan(cls, expected, label):
    metric = make(cls, ignore_class=9)
    metric.update_state([0, label], np.eye(NUM_CLASSES)[[0, 1]])
    metric.update_state([0], np.eye(NUM_CLASSES)[[0]])
    assert np.isnan(metric.result())


def test_a_nan_prediction_gives_nan_unless_it_is_not_counted():
    logits = np.eye(3)[[0, 1]]
    logits[1, 2] = np.nan
    metric = metrics.MacroF1(3, ignore_class=9)
    metric.update_state([0, 9], logits)
    metric.update_state([0, 1], logits, sample_weight=[1, 0])
    assert float(metric.result()) == 1
    metric.update_state([0, 1], logits)
    assert np.isnan(metric.result())


def test_image_weights_hold_for_all_pixels():
    rng = np.random.default_rng(2)
    labels, logits = some_case(rng, (3, 4, 4))
    one, other = metrics.MacroF1(NUM_CLASSES), metrics.MacroF1(NUM_CLASSES)
    weights = np.array([0.5, 2.0, 0.0])
    one.update_state(labels, logits, sample_weight=weights)
    other.update_state(
        labels, logits, sample_weight=np.broadcast_to(weights[:, None, None], labels.shape)
    )
    np.testing.assert_array_equal(one.confusion_matrix(), other.confusion_matrix())


def test_the_matrix_has_true_classes_as_rows():
    metric = metrics.Accuracy(3)
    metric.update_state([0, 0, 2], np.eye(3)[[0, 1, 1]])
    np.testing.assert_array_equal(metric.confusion_matrix(), [[1, 1, 0], [0, 0, 0], [0, 1, 0]])


def test_probabilities_and_half_precision_logits_count_alike():
    rng = np.random.default_rng(3)
    labels, logits = some_case(rng, (30,))
    want = reference.accuracy_score(labels, logits.astype("float16").argmax(-1))
    for y_pred in (logits.astype("float16"), ops.softmax(logits.astype("float16"))):
        np.testing.assert_allclose(metrics.Accuracy(NUM_CLASSES)(labels, y_pred), want, rtol=1e-6)


def compiled(function):
    """XLA-compiled, on the backend at hand."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function, jit_compile=True)


def many_updates(metric, labels, logits, times):
    """`times` compiled updates with the same batch, without the cost of the host in between."""
    update = compiled(lambda state, x, y: metric.stateless_update_state(state, x, y))
    state = [ops.convert_to_tensor(v) for v in metric.variables]
    labels, logits = ops.convert_to_tensor(labels), ops.convert_to_tensor(logits)
    for _ in range(times):
        state = update(state, labels, logits)
    for variable, value in zip(metric.variables, state, strict=True):
        variable.assign(value)


def test_counts_go_past_the_end_of_float32():
    size = 2**20 + 1
    labels, logits = np.zeros(size, "int32"), np.tile(np.float32([1, 0]), (size, 1))
    metric = metrics.Accuracy(2)
    many_updates(metric, labels, logits, 40)
    # Single pixels are below half a unit in the last place of the running total.
    many_updates(metric, labels[:1], logits[:1], 1001)
    exact = np.asarray(metric.total, "float64") + np.asarray(metric.remainder, "float64")
    assert exact[0] == 40 * size + 1001
    assert exact[1:].sum() == 0


def test_single_counts_are_kept_at_a_million_million_pixels():
    metric = metrics.Accuracy(2)
    metric.total.assign([2.0**40, 0, 0, 0])
    metric.remainder.assign([2.0**15, 0, 0, 0])
    many_updates(metric, np.zeros(1, "int32"), np.float32([[1, 0]]), 1001)
    exact = np.asarray(metric.total, "float64") + np.asarray(metric.remainder, "float64")
    assert exact[0] == 2**40 + 2**15 + 1001


def test_weighted_sums_of_many_pixels_keep_their_small_weights():
    size = 2**21
    labels, logits = np.zeros(size, "int32"), np.tile(np.float32([1, 0]), (size, 1))
    weights = np.full(size, 0.1, "float32")
    metric = metrics.Accuracy(2)
    for _ in range(10):
        metric.update_state(labels, logits, sample_weight=weights)
    want = 10 * size * np.float64(np.float32(0.1))
    np.testing.assert_allclose(metric.confusion_matrix()[0, 0], want, rtol=1e-5)


@every_metric
def test_round_trips_through_serialization(cls, expected):
    metric = make(cls, ignore_class=255, name="mine")
    revived = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(revived) is cls
    assert revived.get_config() == metric.get_config()
    assert revived.ignore_class == 255


def test_default_names_are_stable():
    for _ in range(2):
        names = [make(cls).name for cls, _ in PAIRS]
    assert names == [
        "accuracy",
        "macro_precision",
        "macro_recall",
        "macro_f1",
        "balanced_accuracy",
        "minority_recall",
        "mean_iou",
    ]


# Keras 3.15 itself converts its variables in a way that numpy 2.4 deprecates.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_in_a_compiled_model_that_is_saved_and_loaded(tmp_path):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(50, 4, 4, 3)).astype("float32")
    y = rng.integers(0, NUM_CLASSES, (50, 4, 4))
    y[:, 0, 0] = 255
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(NUM_CLASSES, 1)])
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255),
        metrics=[make(cls, ignore_class=255) for cls, _ in PAIRS],
        jit_compile=True,
    )
    model.fit(x, y, batch_size=16, verbose=0)
    predictions, keep = model.predict(x, verbose=0).argmax(-1), y != 255

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for scores in (
        m.evaluate(x, y, batch_size=16, verbose=0, return_dict=True) for m in (model, loaded)
    ):
        for cls, expected in PAIRS:
            want = expected(y[keep], predictions[keep])
            np.testing.assert_allclose(scores[make(cls).name], want, rtol=1e-6)


@pytest.mark.parametrize(
    "labels, predictions",
    [
        ((2, 3), (2, 3)),
        ((2,), (2, 4)),
        ((2, 3), (2, 4, 3)),
        ((3,), (2, 3)),
        ((2, 2, 2), (2, 2, 2, 1)),
    ],
    ids=["one-hot", "other class count", "other size", "other batch", "single sigmoid"],
)
def test_shapes_that_do_not_fit_are_refused_with_the_fix(labels, predictions):
    with pytest.raises(ValueError, match=r"ops\.argmax\(y_true, axis=-1\)"):
        metrics.Accuracy(3)(np.zeros(labels, "int32"), np.zeros(predictions, "float32"))


def test_weights_of_another_rank_are_refused():
    with pytest.raises(ValueError, match="Expected sample_weight of the shape of y_true"):
        metrics.Accuracy(3)(np.zeros((2, 4, 4)), np.zeros((2, 4, 4, 3)), np.ones((2, 4)))
