import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from dawn_tf import data
from dawn_tf.export import PostProcessing
from dawn_tf.metrics import minority_classes
from dawn_tf.training.format_check import calibration_examples, compare, describe, in_turn


def test_classes_take_turns_as_far_as_they_go():
    labels = np.array([0] * 6 + [1] * 2 + [2])
    for number, counts in [(3, [1, 1, 1]), (5, [2, 2, 1]), (7, [4, 2, 1]), (100, [6, 2, 1])]:
        chosen = in_turn(labels, number)
        assert np.bincount(labels[chosen], minlength=3).tolist() == counts
        assert len(set(chosen.tolist())) == len(chosen)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def test_calibration_has_every_class_and_pixels_as_the_network_takes_them(digits):
    x, counts = calibration_examples(digits)
    assert x.shape == (256, *digits.input_shape) and x.max() > 1
    # Rare classes have all they have; what is left of the 256 the others share.
    trained = dict(zip(digits.class_names, digits.class_counts.tolist(), strict=True))
    assert sum(counts.values()) == 256
    most = max(counts.values())
    assert all(counts[c] in (trained[c], most, most - 1) for c in counts)
    assert counts["9"] == trained["9"]


class Network:
    """Knows every label; a class as its rival where `wrong`."""

    def __init__(self, labels, wrong):
        self.chosen = np.where(wrong, (labels + 1) % 10, labels)
        self.start = 0

    def predict_on_batch(self, x):
        chosen = self.chosen[self.start : self.start + len(x)]
        self.start += len(x)
        return np.float32(0.91 * np.eye(10)[chosen] + 0.009)


def test_scores_of_file_and_network_are_scikit_learns(digits):
    labels = digits.parts["val"].y
    rng = np.random.default_rng(0)
    networks = [Network(labels, rng.random(len(labels)) < share) for share in (0.1, 0.3)]
    file = networks[1]

    def answer(x):
        p = file.predict_on_batch(x)
        return {"probabilities": p + np.float32(0.001), "class": p.argmax(1)}

    compared = compare(answer, networks[0], PostProcessing(digits.class_names), digits)
    minority = minority_classes(digits.class_counts)
    for name, network in zip(("network", "file"), networks, strict=True):
        f1 = f1_score(labels, network.chosen, average="macro")
        recall = recall_score(labels, network.chosen, labels=minority, average="macro")
        assert compared["macro_f1"][name] == pytest.approx(f1)
        assert compared["minority_recall"][name] == pytest.approx(recall)
    assert compared["examples"] == len(labels)
    assert compared["largest_difference"] == pytest.approx(0.911, abs=1e-4)
    assert "NOT kept within 1 point" in describe(compared)


def test_a_nan_in_one_batch_is_the_largest_difference(digits):
    network = Network(digits.parts["val"].y, False)
    batches = []

    def answer(x):
        batches.append(len(x))
        p = np.full((len(x), 10), np.nan if len(batches) == 1 else 0.1)
        return {"probabilities": p, "class": np.zeros(len(x), int)}

    compared = compare(answer, network, PostProcessing(digits.class_names), digits)
    assert len(batches) > 1 and np.isnan(compared["largest_difference"])
