"""Probabilities to trust: calibration maps, prior shift, decisions and sets, on numpy arrays.

Everything here is fitted on validation data and knows no TensorFlow.
"""

from dawn_tf.calibration.conformal import ClassConditionalConformal, coverage
from dawn_tf.calibration.decision import (
    check_decision,
    choose_class_weights,
    choose_prior_power,
    decide,
    decide_by_cost,
)
from dawn_tf.calibration.prior_shift import correct_prior, estimate_prior
from dawn_tf.calibration.scaling import (
    FLOOR,
    SCALINGS,
    BiasCorrectedScaling,
    DirichletScaling,
    TemperatureScaling,
    VectorScaling,
)

__all__ = [
    "FLOOR",
    "SCALINGS",
    "BiasCorrectedScaling",
    "ClassConditionalConformal",
    "DirichletScaling",
    "TemperatureScaling",
    "VectorScaling",
    "check_decision",
    "choose_class_weights",
    "choose_prior_power",
    "correct_prior",
    "coverage",
    "decide",
    "decide_by_cost",
    "estimate_prior",
]
