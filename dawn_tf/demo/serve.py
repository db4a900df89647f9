"""From a run or an exported version to the page."""

import dataclasses
import tempfile

from dawn_tf.demo.served import Served
from dawn_tf.export import export_saved_model
from dawn_tf.export.extras import import_extra
from dawn_tf.models import VIEWS, has_views
from dawn_tf.training.rerun import FinishedRun


def _field(default, help):
    return dataclasses.field(default=default, metadata={"help": help})


@dataclasses.dataclass(frozen=True)
class DemoConfig:
    """Flags of `tools/serve_demo.py`."""

    run: str | None = _field(None, "folder of a finished run")
    version: str | None = _field(None, "exported version, such as saved_models/digits/1")
    host: str = _field("127.0.0.1", "address to listen on; 0.0.0.0 for every machine that asks")
    port: int = _field(7860, "port to listen on")


def serve(config, wait=True):
    """Opens the page and says where; returns its address.

    Args:
        config: `DemoConfig`.
        wait: Whether to return only when the process is interrupted.

    Raises:
        ValueError: without a model or with two, or if the extra `demo` is not installed.
    """
    if (config.run is None) == (config.version is None):
        raise ValueError(
            f"Expected --run or --version. Received: run={config.run!r}, "
            f"version={config.version!r}. Name one model."
        )
    import_extra("gradio", "demo")
    page = import_extra("dawn_tf.demo.page", "demo")
    served = open_model(config)
    print(f"http://{config.host}:{config.port} shows {served.card['name']}; Ctrl-C ends it")
    return page.launch(served, config.host, config.port, wait)


def open_model(config):
    """The `Served` of a run or a version."""
    if config.version is not None:
        return Served(config.version)
    run = FinishedRun.open(config.run)
    views = VIEWS if has_views(run.model) else ()
    # What one sees is then what a server would answer.
    with tempfile.TemporaryDirectory() as folder:
        name = run.config.model_name()
        version = export_saved_model(
            run.model, folder, name, run.post_processing, run.columns, views, run.card
        )
        return Served(version)
