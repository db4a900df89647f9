"""`DAWNClassifier` among scikit-learn's and imbalanced-learn's own tools."""

import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.dummy import DummyClassifier
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from dawn_tf.estimators import DAWNClassifier

SHORT = {
    "width": 16,
    "epochs": 2,
    "steps_per_epoch": 30,
    "batch_size": 64,
    "learning_rate": 0.02,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def cancer():
    """`(x, y, test_x, test_y)`: 357 benign (0) and 60 malignant (1) tumours, half for test."""
    x, y = load_breast_cancer(return_X_y=True)
    malignant, benign = np.flatnonzero(y == 0), np.flatnonzero(y == 1)
    chosen = np.concatenate([benign, malignant[:60]])
    x, y = x[chosen], 1 - y[chosen]
    x, test_x, y, test_y = train_test_split(x, y, test_size=0.5, stratify=y, random_state=0)
    return x, y, test_x, test_y


@pytest.fixture(scope="module")
def fitted(cancer):
    return DAWNClassifier(**SHORT).fit(*cancer[:2])


_REASONS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "Batches are drawn at random: weight 2 and two copies of a row give other batches."
    ),
    "check_sample_weight_equivalence_on_sparse_data": "The same, and sparse matrices aren't taken.",
}


@pytest.mark.slow
@parametrize_with_checks([DAWNClassifier(**SHORT)], expected_failed_checks=lambda _: _REASONS)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_it_learns_the_rare_class(fitted, cancer):
    x, y, test_x, test_y = cancer
    p = fitted.predict_proba(test_x)
    assert p.shape == (len(test_x), 2)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-6)
    dummy = DummyClassifier().fit(x, y)
    chance = average_precision_score(test_y, dummy.predict_proba(test_x)[:, 1])
    assert chance == pytest.approx(test_y.mean())
    assert average_precision_score(test_y, p[:, 1]) > chance + 0.5
    predicted = fitted.predict(test_x)
    np.testing.assert_array_equal(predicted, p.argmax(1))
    gain = f1_score(test_y, predicted, average="macro")
    assert gain > f1_score(test_y, dummy.predict(test_x), average="macro") + 0.3


@pytest.mark.slow
def test_the_random_state_decides_and_leaves_other_generators_alone(fitted, cancer):
    random.seed(1), np.random.seed(1)
    expected = random.random(), np.random.random()
    random.seed(1), np.random.seed(1)
    again = clone(fitted).fit(*cancer[:2])
    assert (random.random(), np.random.random()) == expected
    p = fitted.predict_proba(cancer[2])
    np.testing.assert_array_equal(again.predict_proba(cancer[2]), p)
    other = clone(fitted).set_params(random_state=1).fit(*cancer[:2])
    assert np.abs(other.predict_proba(cancer[2]) - p).max() > 1e-3


@pytest.mark.slow
def test_without_a_random_state_each_fit_is_another(cancer):
    model = DAWNClassifier(**{**SHORT, "random_state": None, "epochs": 1, "steps_per_epoch": 2})
    first, second = (model.fit(*cancer[:2]).predict_proba(cancer[2]) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


@pytest.mark.slow
def test_classes_are_the_labels_given(fitted, cancer):
    x, y, test_x, _ = cancer
    words = np.array(["benign", "malignant"])
    named = clone(fitted).fit(x, words[y])
    assert named.classes_.tolist() == ["benign", "malignant"]
    np.testing.assert_array_equal(named.predict(test_x), words[fitted.predict(test_x)])


@pytest.mark.slow
def test_a_pickle_opens_in_another_process(fitted, cancer, tmp_path):
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(fitted))
    np.save(tmp_path / "x.npy", cancer[2])
    code = """
import pickle, sys, numpy as np
model = pickle.load(open("model.pickle", "rb"))
np.save("p.npy", model.predict_proba(np.load("x.npy")))
"""
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    p = np.load(tmp_path / "p.npy")
    np.testing.assert_allclose(p, fitted.predict_proba(cancer[2]), atol=1e-6)


@pytest.mark.slow
def test_weights_move_the_decision_and_zero_is_absence(fitted, cancer):
    x, y, test_x, _ = cancer
    heavy = clone(fitted).fit(x, y, sample_weight=np.where(y == 1, 20.0, 1.0))
    assert heavy.predict_proba(test_x)[:, 1].mean() > fitted.predict_proba(test_x)[:, 1].mean()
    unit = clone(fitted).fit(x, y, sample_weight=np.full(len(y), 3.0))
    p = fitted.predict_proba(test_x)
    np.testing.assert_allclose(unit.predict_proba(test_x), p, atol=1e-4)
    part = np.arange(len(y)) % 3 > 0
    absent = clone(fitted).fit(x, y, sample_weight=part.astype(float)).predict_proba(test_x)
    without = clone(fitted).fit(x[part], y[part]).predict_proba(test_x)
    np.testing.assert_allclose(absent, without, atol=1e-4)


@pytest.mark.slow
def test_the_epoch_kept_is_the_best_on_what_is_held_out(cancer):
    """With a rate that ruins the network later, holding out keeps an early epoch."""
    options = {**SHORT, "epochs": 6, "steps_per_epoch": 10, "batch_size": 16, "learning_rate": 2.0}
    x, y, test_x, test_y = cancer
    kept = DAWNClassifier(**options).fit(x, y)
    last = DAWNClassifier(**options, validation_fraction=0).fit(x, y)
    scores = [average_precision_score(test_y, m.predict_proba(test_x)[:, 1]) for m in (kept, last)]
    assert scores[0] >= scores[1] - 0.05


@pytest.mark.slow
def test_several_networks_are_averaged(fitted, cancer):
    pair = clone(fitted).set_params(networks=2).fit(*cancer[:2])
    singles = [network(cancer[2][:5].astype("float32")) for network in pair.model_.networks]
    exponentials = [np.exp(z) / np.exp(z).sum(1, keepdims=True) for z in map(np.asarray, singles)]
    assert np.abs(exponentials[0] - exponentials[1]).max() > 1e-4
    p = pair.predict_proba(cancer[2][:5])
    np.testing.assert_allclose(p, np.mean(exponentials, axis=0), atol=1e-5)


@pytest.mark.slow
def test_images_of_several_classes():
    x, y = load_digits(n_class=3, return_X_y=True)
    images = (x.reshape(-1, 8, 8, 1) * 15).astype("uint8")
    options = {**SHORT, "encoder": "unet", "width": 4, "learning_rate": 0.01}
    model = DAWNClassifier(**options).fit(images[:300], y[:300], sample_weight=np.ones(300))
    assert balanced_accuracy_score(y[300:], model.predict(images[300:])) > 0.9
    with pytest.raises(ValueError, match=r"Expected inputs of shape \(n, 8, 8, 1\)"):
        model.predict(images[:, :, :4])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"model": "forest"}, "Expected model to be one of"),
        ({"model": "mlp"}, "Expected recipe"),
        ({"epochs": 0}, "Expected epochs >= 1"),
        ({"encoder": "vgg"}, "Expected encoder to be one of"),
        ({"loss": "none"}, "Expected loss to be one of"),
    ],
    ids=["model", "recipe", "epochs", "encoder", "loss"],
)
def test_what_no_network_can_have_is_refused(options, message, cancer):
    with pytest.raises(ValueError, match=message):
        DAWNClassifier(**{**SHORT, **options}).fit(*cancer[:2])


def test_one_class_and_other_shapes_are_refused(cancer):
    x, y, _, _ = cancer
    with pytest.raises(ValueError, match="Expected at least two classes"):
        DAWNClassifier().fit(x[y == 0], y[y == 0])
    with pytest.raises(ValueError, match="Expected rows"):
        DAWNClassifier().fit(x[:, :, None], y)


@pytest.mark.slow
def test_in_a_pipeline(cancer):
    x, y, test_x, test_y = cancer
    pipeline = make_pipeline(StandardScaler(), DAWNClassifier(**SHORT)).fit(x, y)
    chance = test_y.mean()
    assert average_precision_score(test_y, pipeline.predict_proba(test_x)[:, 1]) > chance + 0.5


@pytest.mark.slow
def test_in_a_grid_search(cancer):
    """The rate of learning that learns nothing loses."""
    x, y, test_x, test_y = cancer
    search = GridSearchCV(
        DAWNClassifier(**SHORT),
        {"learning_rate": [1e-7, 0.02]},
        scoring="average_precision",
        cv=2,
        error_score="raise",
    ).fit(x, y)
    assert search.best_params_ == {"learning_rate": 0.02}
    assert search.best_score_ > test_y.mean() + 0.5


@pytest.mark.slow
def test_a_threshold_is_tuned(cancer):
    """Where p of class 1 is never above a half, a threshold of a half loses, the tuned one not."""
    x, y, test_x, test_y = cancer
    tuned = TunedThresholdClassifierCV(
        _Doubtful(**SHORT), scoring="f1_macro", cv=0.5, random_state=0
    ).fit(x, y)
    p = tuned.predict_proba(test_x)[:, 1]
    plain = f1_score(test_y, tuned.estimator_.predict(test_x), average="macro")
    assert plain == f1_score(test_y, np.zeros(len(p)), average="macro")
    assert tuned.best_threshold_ < 0.5
    np.testing.assert_array_equal(tuned.predict(test_x), p >= tuned.best_threshold_)
    assert f1_score(test_y, tuned.predict(test_x), average="macro") > plain + 0.2


class _Doubtful(DAWNClassifier):
    """Ranks the same, but is never sure of class 1."""

    def predict_proba(self, X):
        p = super().predict_proba(X).astype("float64")
        odds = np.log(p[:, 1] / p[:, 0].clip(1e-300)).clip(-30, 30) / 10 - 4
        p1 = 1 / (1 + np.exp(-odds))
        return np.column_stack([1 - p1, p1])


@pytest.mark.slow
def test_in_imbalanced_learns_pipeline(cancer):
    """The fit gets the sampler's rows, equally many of each class, and `predict` all rows."""
    x, y, test_x, test_y = cancer
    sampler = RandomOverSampler(random_state=0)
    pipeline = make_imblearn_pipeline(sampler, DAWNClassifier(**SHORT)).fit(x, y)
    p = pipeline.predict_proba(test_x)
    assert average_precision_score(test_y, p[:, 1]) > test_y.mean() + 0.5
    by_hand = DAWNClassifier(**SHORT).fit(*RandomOverSampler(random_state=0).fit_resample(x, y))
    np.testing.assert_allclose(p, by_hand.predict_proba(test_x), atol=1e-6)
