"""Figures and the HTML page of a run, and the page of many (`write_document`).

Needs matplotlib, the page of many plotly too (`pip install 'dawn_tf[report]'`).
"""

import importlib.util

if importlib.util.find_spec("matplotlib") is None:
    raise ImportError(
        "Expected matplotlib for the figures of a report. Received: no such package. "
        "Install it with `pip install 'dawn_tf[report]'`."
    )

from dawn_tf.evaluation.report.class_plots import (
    class_shares,
    confusion_matrix,
    per_class_f1,
    percent,
)
from dawn_tf.evaluation.report.curve_plots import (
    classification_curves,
    pr_curves,
    reliability,
    reliability_bins,
    segmentation_curves,
    training_curves,
)
from dawn_tf.evaluation.report.document import write_document
from dawn_tf.evaluation.report.example_plots import column_histograms, example_sheet
from dawn_tf.evaluation.report.image_plots import decoder_maps, mask_overlays
from dawn_tf.evaluation.report.page import write_report
from dawn_tf.evaluation.report.style import save

__all__ = [
    "class_shares",
    "classification_curves",
    "column_histograms",
    "confusion_matrix",
    "decoder_maps",
    "example_sheet",
    "mask_overlays",
    "per_class_f1",
    "percent",
    "pr_curves",
    "reliability",
    "reliability_bins",
    "save",
    "segmentation_curves",
    "training_curves",
    "write_document",
    "write_report",
]
