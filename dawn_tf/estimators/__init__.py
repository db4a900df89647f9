"""DAWN with scikit-learn's interface."""

from dawn_tf.estimators.dawn_classifier import DAWNClassifier

__all__ = ["DAWNClassifier"]
