"""A page on which one drops an image, or a CSV, and sees what a model says of it.

    python tools/serve_demo.py --run runs/demo
    python tools/serve_demo.py --version saved_models/digits/1 --port 8000

Classes with calibrated probabilities, the mask, and which decoder the model trusted where; the
latter of a version that was exported with `--extra-outputs gate,global,detail`. Takes the extra
`demo`. Nothing that is dropped leaves this machine.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Before Gradio is imported, which otherwise asks a server of its makers.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from dawn_tf.demo.serve import DemoConfig, serve  # noqa: E402
from dawn_tf.training.command_line import parse, run  # noqa: E402


def main(argv=None):
    serve(parse(DemoConfig, argv, __doc__))


if __name__ == "__main__":
    run(main)
