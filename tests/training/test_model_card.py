import dataclasses
import json

import numpy as np
import pytest
from sklearn.metrics import f1_score
from statsmodels.stats.proportion import proportion_confint

from dawn_tf.data import DataSplits
from dawn_tf.data.records import Records
from dawn_tf.evaluation import classification_scores
from dawn_tf.export.card import to_markdown
from dawn_tf.training import TrainConfig
from dawn_tf.training.model_card import model_card

NAMES = ["common", "rare"]


@pytest.fixture(scope="module")
def case():
    """Config, data, metrics and outputs of a run on 300 rows, 60 of them test."""
    rng = np.random.default_rng(0)

    def part(n):
        y = (rng.random(n) < 0.2).astype("int32")
        ids = np.array([str(i) for i in range(n)])
        x = rng.normal(size=(n, 3)).astype("float32")
        return Records(x, y, ids, y, NAMES, "classification", feature_names=["a", "b", "c"])

    parts = {"train": part(180), "val": part(60), "test": part(60)}
    counts = np.bincount(parts["train"].y)
    data = DataSplits("made", "classification", "random", NAMES, counts, parts, ["Made up."])
    y = parts["test"].y
    p1 = np.clip(0.3 + 0.4 * y + rng.normal(0, 0.25, 60), 0.01, 0.99)
    outputs = {"y_true": y, "probabilities": np.stack([1 - p1, p1], 1)}
    metrics = {
        "test": classification_scores(y, outputs["probabilities"], NAMES, [1], 0.6),
        "calibration": {"map": "none", "state": None, "prior": [0.7, 0.3]},
        "decision": {"rule": "threshold", "value": 0.6},
        "run": {"parameters": 7, "versions": {"keras": "3"}, "commit": "abc"},
    }
    config = dataclasses.replace(TrainConfig(dataset="csv").resolved(), model="mlp")
    return config, data, metrics, outputs


def test_scores_have_intervals_and_recalls_wilsons(case):
    config, data, metrics, outputs = case
    card = model_card(config, data, metrics, outputs, [1])
    y, predicted = outputs["y_true"], outputs["probabilities"][:, 1] >= 0.6
    f1 = card["scores"]["macro_f1"]
    assert f1["value"] == pytest.approx(f1_score(y, predicted, average="macro"))
    assert 0.5 < f1["low"] < f1["value"] < f1["high"] < 1
    for c, name in enumerate(NAMES):
        row, count = card["recall"][name], (y == c).sum()
        hits = (predicted[y == c] == c).sum()
        low, high = proportion_confint(hits, count, method="wilson")
        assert row["support"] == count and row["value"] == pytest.approx(hits / count)
        assert (row["low"], row["high"]) == (pytest.approx(low), pytest.approx(high))
    assert card["data"]["parts"]["test"]["label"]["rare"]["count"] == y.sum()
    assert any("recall of rare rests on fewer than 30" in limit for limit in card["limits"])


def test_the_page_says_what_the_json_holds(case):
    card = json.loads(json.dumps({"name": "made", **model_card(*case, [1])}))
    page = to_markdown(card)
    f1 = card["scores"]["macro_f1"]
    assert f"| macro-F1 | {f1['value']:.4g} | {f1['low']:.3f} to {f1['high']:.3f} |" in page
    assert f"| rare | {card['recall']['rare']['value']:.4g} |" in page
    for text in ("# made", "## Limits", "Made up.", "commit: abc", "threshold"):
        assert text in page
    counts = [sizes["label"]["rare"]["count"] for sizes in card["data"]["parts"].values()]
    assert "| rare | " + " | ".join(map(str, counts)) + " |" in page
