import numpy as np
from sklearn.metrics import log_loss

from dawn_tf.evaluation import Calibration
from dawn_tf.evaluation.calibration import reliability_of_classes


def some_case(n, num_classes):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.full(num_classes, 0.4), n)
    return rng.integers(0, num_classes, n), probabilities


def test_expected_calibration_error_by_hand():
    # Bin (8/15, 9/15]: 0.55 and 0.60, one of two right. Bin (14/15, 1]: 0.95 and 1.0, both right.
    p1 = np.array([0.55, 0.40, 0.95, 0.0])
    calibration = Calibration()
    calibration.update(np.array([1, 1, 1, 0]), np.stack([1 - p1, p1], 1))
    want = 2 / 4 * abs(0.5 - 0.575) + 2 / 4 * abs(1 - 0.975)
    np.testing.assert_allclose(calibration.scores()["ece"], want)


def test_brier_and_log_loss_against_their_definitions():
    y_true, probabilities = some_case(200, 4)
    calibration = Calibration()
    calibration.update(y_true, probabilities)
    scores = calibration.scores()
    brier = ((probabilities - np.eye(4)[y_true]) ** 2).sum(1).mean()
    np.testing.assert_allclose(scores["brier"], brier)
    np.testing.assert_allclose(scores["log_loss"], log_loss(y_true, probabilities, labels=range(4)))


def test_a_certain_mistake_has_a_finite_log_loss():
    calibration = Calibration()
    calibration.update(np.array([1]), np.array([[1.0, 0.0]]))
    want = log_loss([1], [[1.0, 0.0]], labels=[0, 1])
    np.testing.assert_allclose(calibration.scores()["log_loss"], want, rtol=1e-6)


def test_batches_add_up():
    y_true, probabilities = some_case(100, 3)
    whole, parts = Calibration(), Calibration()
    whole.update(y_true, probabilities)
    for part in np.split(np.arange(100), [7, 8, 60]):
        parts.update(y_true[part], probabilities[part])
    for key, value in whole.scores().items():
        np.testing.assert_allclose(parts.scores()[key], value)
    np.testing.assert_array_equal(whole.bins()["count"], parts.bins()["count"])


def test_bins_are_those_of_a_loop():
    y_true, probabilities = some_case(300, 3)
    calibration = Calibration()
    calibration.update(y_true, probabilities)
    bins = calibration.bins()
    confidence, right = probabilities.max(1), probabilities.argmax(1) == y_true
    for i in range(15):
        inside = (confidence > i / 15) & (confidence <= (i + 1) / 15)
        assert bins["count"][i] == inside.sum()
        if inside.any():
            np.testing.assert_allclose(bins["confidence"][i], confidence[inside].mean())
            np.testing.assert_allclose(bins["accuracy"][i], right[inside].mean())
        else:
            assert np.isnan(bins["accuracy"][i]) and np.isnan(bins["confidence"][i])


def test_class_wise_error_is_that_of_a_loop_and_sees_a_rare_class():
    y_true, probabilities = some_case(200, 3)
    calibration = Calibration()
    for part in (slice(0, 50), slice(50, 200)):
        calibration.update(y_true[part], probabilities[part])
    errors = []
    for c in range(3):
        p, truth = probabilities[:, c], y_true == c
        gaps = []
        for i in range(15):
            inside = (p > i / 15) & (p <= (i + 1) / 15) if i else p <= 1 / 15
            if inside.any():
                gaps.append(inside.mean() * abs(p[inside].mean() - truth[inside].mean()))
        errors.append(sum(gaps))
    np.testing.assert_allclose(calibration.scores()["classwise_ece"], np.mean(errors))


def test_reliability_of_single_classes_by_hand():
    # Class 1: 0.5 and 0.52 in bin 7, 0.9 in bin 13; class 0: 0.5 and 0.48 in bin 7, 0.1 in bin 1.
    p1 = np.array([0.5, 0.52, 0.9])
    bins = reliability_of_classes(np.array([1, 0, 1]), np.stack([1 - p1, p1], 1))
    filled = np.argwhere(bins["class_bin_count"])
    np.testing.assert_array_equal(filled, [[0, 1], [0, 7], [1, 7], [1, 13]])
    np.testing.assert_allclose(bins["class_bin_confidence"][1, [7, 13]], [0.51, 0.9])
    np.testing.assert_allclose(bins["class_bin_frequency"][1, [7, 13]], [0.5, 1])
    np.testing.assert_allclose(bins["class_bin_frequency"][0, [1, 7]], [0, 0.5])
    assert np.isnan(bins["class_bin_frequency"][1, 0])
