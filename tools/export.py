"""Exports a trained run as a SavedModel that TF Serving loads as it is, or for other runtimes.

    python tools/export.py --run runs/demo                        # saved_models/digits/1
    python tools/export.py --run runs/demo --name numbers --out /srv/models
    python tools/export.py --run runs/demo --format litert,litert_int8,onnx

Each call writes the next version; docs/serving.md lists signatures and formats.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from dawn_tf.training.command_line import parse, run  # noqa: E402
from dawn_tf.training.rerun import ExportConfig, export_run  # noqa: E402


def main(argv=None):
    export_run(parse(ExportConfig, argv, __doc__))


if __name__ == "__main__":
    run(main)
