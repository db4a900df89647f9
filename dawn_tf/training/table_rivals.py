"""Models of rows that are no networks, by name: what `--model` takes beside the networks.

Nobody tuned their settings on the data sets here. The boosters grow up to 600 trees and keep as
many as give the best PR-AUC on validation, stopping 100 trees after it. "xgboost_weighted" weighs
every row by `n_max / n_c`.
"""

import dataclasses
import importlib

import numpy as np
import sklearn
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

_PATIENCE = 100


@dataclasses.dataclass(frozen=True, eq=False)
class Rival:
    """A fitted classifier in the form that `evaluate` asks of a model.

    Attributes:
        estimator: It, with scikit-learn's interface.
        trees: How many trees validation chose, or `None` where it chose nothing.
        versions: Versions of the libraries it came from, by name.
    """

    estimator: sklearn.base.BaseEstimator
    trees: int | None
    versions: dict

    def predict_on_batch(self, x):
        return self.estimator.predict_proba(np.asarray(x))

    def count_params(self):
        """`None`: trees are not counted in parameters."""
        return None


def fit_rival(name, train, val, seed=0):
    """Fits the model of that name.

    Args:
        name: Among `RIVALS`.
        train: `Records` of rows.
        val: `Records` that the number of trees is chosen on.
        seed: Integer.

    Returns: `Rival`.

    Raises: `ValueError` for images, and for a library that is not installed.
    """
    if train.x.ndim != 2:
        raise ValueError(
            f"Expected table rows for model={name!r}. Received: inputs of shape "
            f"{tuple(train.x.shape[1:])}. Use a network, such as --model dawn or classifier."
        )
    return RIVALS[name](train, val, seed)


def _random_forest(train, val, seed):
    forest = RandomForestClassifier(random_state=seed, n_jobs=-1).fit(train.x, train.y)
    return _rival(forest)


def _logistic_regression(train, val, seed):
    regression = LogisticRegression(max_iter=1000, random_state=seed)
    return _rival(make_pipeline(StandardScaler(), regression).fit(train.x, train.y))


def _xgboost(train, val, seed, weights=None):
    xgboost = _library("xgboost")
    model = xgboost.XGBClassifier(
        n_estimators=600,
        max_depth=6,
        learning_rate=0.05,
        subsample=0.8,
        colsample_bytree=0.8,
        eval_metric="aucpr",
        early_stopping_rounds=_PATIENCE,
        random_state=seed,
    )
    model.fit(train.x, train.y, sample_weight=weights, eval_set=[(val.x, val.y)], verbose=False)
    return _rival(model, model.best_iteration + 1, xgboost)


def _xgboost_weighted(train, val, seed):
    counts = np.bincount(train.y)
    return _xgboost(train, val, seed, weights=counts.max() / counts[train.y])


def _lightgbm(train, val, seed):
    lightgbm = _library("lightgbm")
    binary = train.y.max() == 1
    model = lightgbm.LGBMClassifier(
        n_estimators=600,
        learning_rate=0.05,
        # As XGBoost has it. LightGBM's own 0.001 lets leaves of a rare class run away.
        min_child_weight=1.0,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.8,
        metric="average_precision" if binary else "None",
        random_state=seed,
        verbosity=-1,
    )
    model.fit(
        train.x,
        train.y,
        eval_X=val.x,
        eval_y=val.y,
        eval_metric=None if binary else _mean_average_precision,
        callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
    )
    return _rival(model, model.best_iteration_, lightgbm)


def _mean_average_precision(y_true, probabilities):
    """One-vs-rest average precision, mean over the classes that are present, for LightGBM."""
    scores = [
        average_precision_score(y_true == c, probabilities[:, c])
        for c in np.unique(y_true).astype(int)
    ]
    return "pr_auc", np.mean(scores), True


def _rival(estimator, trees=None, library=sklearn):
    versions = {module.__name__: module.__version__ for module in (sklearn, library)}
    return Rival(estimator, trees, versions)


def load_estimator(path):
    """The scikit-learn classifier in the `model.skops` of a run; nothing in it is run as code.

    Raises: `ValueError` for a file that names any type but those of `RIVALS`, or is damaged.
    """
    skops = skops_io()
    try:
        return skops.load(path, trusted=_TRUSTED)
    except Exception as error:  # A damaged zip file can raise anything.
        raise ValueError(
            f"Expected a model as a run of one of {', '.join(RIVALS)} leaves it. Received: {path} "
            f"({error or type(error).__name__}). Fit it anew."
        ) from error


def skops_io():
    """The module that writes models without pickle."""
    return _library("skops.io", "tabular")


def _library(name, extra="rivals"):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(
            f"Expected {name}, which this model needs. Received: an installation without it. "
            f"Run `pip install dawn_tf[{extra}]`."
        ) from error


# Beyond scikit-learn's own, most of which skops knows to be harmless.
_TRUSTED = [
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "sklearn.tree._tree.Tree",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
]


RIVALS = {
    "random_forest": _random_forest,
    "xgboost": _xgboost,
    "xgboost_weighted": _xgboost_weighted,
    "lightgbm": _lightgbm,
    "logistic_regression": _logistic_regression,
}
