"""Trained models leave for production here."""

from dawn_tf.export.saved_model import export_saved_model

__all__ = ["export_saved_model"]
