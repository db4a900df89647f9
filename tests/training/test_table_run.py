"""Rivals for rows by `--model`: the run folder, the errors, and what validation decides."""

import dataclasses
import functools
import importlib.util
import json
import os
import pathlib
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, f1_score
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import threadpool_limits

from dawn_tf.data import load
from dawn_tf.training import TrainConfig, train
from dawn_tf.training.run import load_data
from dawn_tf.training.table_rivals import RIVALS, fit_rival, load_estimator, skops_io

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A CSV of 600 rows, six columns, 8 % of class "rare"."""
    x, y = make_classification(600, 6, weights=[0.92], class_sep=1.5, flip_y=0.02, random_state=0)
    names = np.array(["common", "rare"])[y]
    lines = [",".join([*(f"{v:.5f}" for v in row), c]) for row, c in zip(x, names, strict=True)]
    path = tmp_path_factory.mktemp("table") / "table.csv"
    path.write_text("\n".join([",".join([*(f"x{i}" for i in range(6)), "label"]), *lines]) + "\n")
    return path


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """On tables this small threads wait for each other."""
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # What LightGBM goes by.
    with threadpool_limits(1):
        yield


@pytest.fixture
def config(table, tmp_path):
    return TrainConfig(
        dataset="csv", data_dir=str(table), decision="threshold", out=str(tmp_path / "run")
    )


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_leaves_the_folder_of_a_run(name, config):
    config = dataclasses.replace(config, model=name)
    metrics = train(config)
    run = pathlib.Path(config.out)
    written = {path.name for path in run.iterdir()}
    assert {"config.json", "metrics.json", "outputs_val.npz", "report.html"} <= written
    assert not {"saved_models", "model.keras", "network_0"} & written
    assert metrics == json.loads((run / "metrics.json").read_text())
    assert metrics["saved_model"] is None and metrics["run"]["parameters"] is None
    assert metrics["sampling"]["draws"] == 420
    # The scores are those of the probabilities kept, by scikit-learn.
    with np.load(run / "outputs_test.npz") as outputs:
        y, p = outputs["y_true"], outputs["probabilities"][:, 1]
    test = metrics["test"]
    assert test["pr_auc"] == pytest.approx(average_precision_score(y, p))
    predicted = p >= metrics["decision"]["value"]
    assert test["macro_f1"] == pytest.approx(f1_score(y, predicted, average="macro"))
    assert test["pr_auc"] > y.mean() + 0.3
    # And those of the model kept.
    kept = load_estimator(run / "model.skops")
    again = kept.predict_proba(load_data(config).parts["test"].x)[:, 1]
    np.testing.assert_allclose(again, p, atol=1e-6)
    boosted = name in ("xgboost", "xgboost_weighted", "lightgbm")
    assert (metrics["selection"]["trees"] is not None) == boosted


def test_scores_only_leaves_no_model_until_it_is_asked_for(config):
    scores = train(dataclasses.replace(config, model="logistic_regression", scores_only=True))
    run = pathlib.Path(config.out)
    kept = {"config.json", "metrics.json", "outputs_train.npz", "outputs_val.npz"}
    assert {path.name for path in run.iterdir()} <= kept | {"outputs_test.npz"}
    whole = train(dataclasses.replace(config, model="logistic_regression"))
    assert (run / "model.skops").exists() and (run / "report.html").exists()
    assert whole["test"] == scores["test"]
    # What is there is not removed again.
    train(dataclasses.replace(config, model="logistic_regression", scores_only=True))
    assert (run / "model.skops").exists()


def test_the_same_command_again_fits_nothing_and_another_is_refused(config, monkeypatch):
    config = dataclasses.replace(config, model="logistic_regression")
    first = train(config)
    monkeypatch.setitem(RIVALS, "logistic_regression", None)
    assert train(config) == first
    with pytest.raises(ValueError, match=r"seed=0 \(now 1\)"):
        train(dataclasses.replace(config, seed=1))


def test_validation_chooses_the_number_of_trees(table):
    """The tree chosen is the best of all on validation, by the library's own record."""
    data = load("csv", data_dir=table)
    train_part, val = data.parts["train"], data.parts["val"]
    xgboost = fit_rival("xgboost", train_part, val)
    record = xgboost.estimator.evals_result()["validation_0"]["aucpr"]
    assert xgboost.trees == int(np.argmax(record)) + 1 < len(record)
    lightgbm = fit_rival("lightgbm", train_part, val)
    record = lightgbm.estimator.evals_result_["valid_0"]["average_precision"]
    assert lightgbm.trees == int(np.argmax(record)) + 1
    p = lightgbm.predict_on_batch(val.x)[:, 1]
    assert max(record) == pytest.approx(average_precision_score(val.y, p), abs=1e-6)


def test_weights_are_scikit_learns_balanced_ones(table):
    """Their smallest is 1: a common row counts as it does without weights."""
    data = load("csv", data_dir=table)
    train_part, val = data.parts["train"], data.parts["val"]
    ours = fit_rival("xgboost_weighted", train_part, val).estimator
    weights = compute_sample_weight("balanced", train_part.y)
    own = clone(ours).fit(
        train_part.x,
        train_part.y,
        sample_weight=weights / weights.min(),
        eval_set=[(val.x, val.y)],
        verbose=False,
    )
    plain = fit_rival("xgboost", train_part, val).estimator
    p, expected, unweighted = (m.predict_proba(val.x)[:, 1] for m in (ours, own, plain))
    np.testing.assert_allclose(p, expected, atol=1e-5)
    assert np.abs(p - unweighted).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", RIVALS)
def test_three_classes(name):
    x, y = make_classification(
        300, 6, n_informative=4, n_classes=3, weights=[0.7, 0.2], class_sep=2, random_state=0
    )
    data = load("digits")
    part = dataclasses.replace(
        data.parts["train"], x=x.astype("float32"), y=y.astype("int32"), class_names=list("abc")
    )
    half = np.arange(300) % 2 == 0
    pick = {"ids": np.arange(150).astype(str), "sampling_labels": y[half]}
    train_part = dataclasses.replace(part, x=part.x[half], y=part.y[half], **pick)
    val = dataclasses.replace(part, x=part.x[~half], y=part.y[~half], **pick)
    p = fit_rival(name, train_part, val).predict_on_batch(val.x)
    assert p.shape == (150, 3)
    assert f1_score(val.y, p.argmax(1), average="macro") > 0.7


def test_images_are_refused_before_anything_is_written(tmp_path):
    config = TrainConfig(model="xgboost", out=str(tmp_path / "run"))
    with pytest.raises(ValueError, match="Expected table rows for model='xgboost'"):
        train(config)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name, library", [("xgboost", "xgboost"), ("lightgbm", "lightgbm")])
def test_an_absent_library_is_named(name, library, config, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ValueError, match=f"Expected {library}.*pip install"):
        train(dataclasses.replace(config, model=name))
    assert not pathlib.Path(config.out).exists()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"model": "xgbost"}, "Expected model to be one of dawn, .*, or for rows random_forest"),
        ({"loss": "focal"}, "Received: loss='focal'"),
        ({"epochs": 3, "networks": 2}, "Received: networks=2, epochs=3"),
        ({"monitor": "macro_f1"}, "Received: monitor='macro_f1'"),
        ({"oversampling": "smoot"}, "Expected oversampling to be one of none"),
    ],
    ids=["name", "loss", "epochs", "monitor", "oversampling"],
)
def test_what_a_rival_has_no_use_for_is_refused(options, message):
    config = TrainConfig(**{"dataset": "csv", "model": "xgboost", **options})
    with pytest.raises(ValueError, match=message):
        config.check()


def test_oversampling_reaches_the_fit_and_no_score(config):
    """Twice the seeds, once resampled: other probabilities, the same rows scored."""
    smote = dataclasses.replace(config, model="logistic_regression", oversampling="smote")
    metrics = train(smote)
    plain = train(dataclasses.replace(smote, oversampling="none", out=smote.out + "_plain"))
    assert metrics["test"]["num_examples"] == plain["test"]["num_examples"] == 90
    shares = [row["share"] for row in metrics["sampling"]["per_class"].values()]
    assert shares == [0.5, 0.5]
    for part in ("val", "test"):
        with (
            np.load(f"{smote.out}/outputs_{part}.npz") as ours,
            np.load(f"{smote.out}_plain/outputs_{part}.npz") as others,
        ):
            np.testing.assert_array_equal(ours["y_true"], others["y_true"])
            assert ours["probabilities"][:, 1].mean() > 1.3 * others["probabilities"][:, 1].mean()


@pytest.mark.slow
def test_a_network_trains_on_the_resampled_part(config):
    short = dataclasses.replace(
        config, oversampling="random_under", epochs=1, batch_size=8, width=8, steps_per_epoch=None
    )
    metrics = train(short)
    draws = metrics["sampling"]
    rare = load_data(config).class_counts[1]
    # One pass over what is left, in whole batches.
    assert draws["draws"] == -(-2 * rare // 8) * 8
    assert [row["share"] for row in draws["per_class"].values()] == pytest.approx(
        [0.5, 0.5], abs=0.05
    )
    assert metrics["test"]["num_examples"] == 90


def test_the_command_line_prints_its_summary(config, capsys):
    spec = importlib.util.spec_from_file_location("tool_train", ROOT / "tools" / "train.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    args = ["--dataset", "csv", "--data_dir", config.data_dir, "--model", "xgboost"]
    tool.main([*args, "--out", config.out])
    shown = capsys.readouterr().out
    assert "trees by pr_auc" in shown and "no SavedModel" in shown and "last epoch" not in shown


def test_a_model_file_that_names_anything_else_is_refused(tmp_path):
    skops_io().dump(functools.partial(os.mkdir, str(tmp_path / "ran")), tmp_path / "model.skops")
    with pytest.raises(ValueError, match="Expected a model as a run of one of random_forest"):
        load_estimator(tmp_path / "model.skops")
    (tmp_path / "model.skops").write_bytes(b"PK")
    with pytest.raises(ValueError, match="Expected a model as a run of one of random_forest"):
        load_estimator(tmp_path / "model.skops")
    assert [path.name for path in tmp_path.iterdir()] == ["model.skops"]
