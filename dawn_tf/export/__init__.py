"""Trained models leave for production here."""

from dawn_tf.export.columns import Columns, columns_of
from dawn_tf.export.portable import PORTABLE, export_portable
from dawn_tf.export.post_processing import PostProcessing
from dawn_tf.export.saved_model import export_saved_model
from dawn_tf.export.version_folder import verify

__all__ = [
    "PORTABLE",
    "Columns",
    "PostProcessing",
    "columns_of",
    "export_portable",
    "export_saved_model",
    "verify",
]
