import dataclasses
import typing

from dawn_tf.calibration import SCALINGS
from dawn_tf.data.bad_inputs import ON_BAD_INPUT
from dawn_tf.data.generators import STEPS
from dawn_tf.data.resampling import METHODS as OVERSAMPLINGS
from dawn_tf.data.shares import SCHEDULES, TARGETS
from dawn_tf.evaluation import read_json
from dawn_tf.models.registry import ON_ANY_ENCODER
from dawn_tf.training.config_checks import check_config
from dawn_tf.training.defaults import COMMON, DATASET_DEFAULTS
from dawn_tf.training.loss_choices import LOSSES
from dawn_tf.training.options import with_options
from dawn_tf.training.recipes import RECIPES, TERMS
from dawn_tf.training.second_stage import METHODS
from dawn_tf.training.streams import MIXINGS
from dawn_tf.training.table_rivals import RIVALS

DECISIONS = ("argmax", "threshold", "prior_power", "class_weights")
SCORES = ("accuracy", "macro_f1", "balanced_accuracy", "minority_recall", "pr_auc", "miou")


def _field(default, help, **metadata):
    return dataclasses.field(default=default, metadata={"help": help, **metadata})


@with_options
@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything a run depends on: one command-line flag a field, saved as `config.json`.

    `None` means the data set's own default (`DATASET_DEFAULTS`). The options of the data sets
    (`--rho`, `--label`, ...) are fields too.
    """

    dataset: str = _field("digits", "data set to train on")
    source: str = _field(
        "own", "whose data set: one of this package, or any of TFDS", choices=("own", "tfds")
    )
    data_dir: str | None = _field(None, "folder with the data; default: $DAWN_DATA_DIR")
    download: bool = _field(False, "fetch what is missing into the folder")
    in_memory: bool | None = _field(
        None, "decode images once, or when they are used; default: once if they fit"
    )
    on_bad_input: str = _field(
        "raise", "what to do about an image that cannot be decoded", choices=ON_BAD_INPUT
    )
    task: str | None = _field(None, "classification or segmentation")
    protocol: str | None = _field(None, "how the data is split; see docs/data.md")
    image_size: int | None = _field(None, "side in pixels that images are resized to")
    model: str = _field(
        "dawn", "dawn, or a rival: a network, or for rows a forest; see docs/methods.md"
    )
    encoder: str | None = _field(
        None, "unet, resnet32, resnet50, mit_b0 .. mit_b5, tabular or hub:PRESET"
    )
    width: int | None = _field(None, "channels of the encoder's first level")
    experts: int | None = _field(None, "experts of model ride; default: 3")
    match_parameters: str | None = _field(
        None,
        "control: classifier, mlp or unet with the parameters of DAWN by this recipe",
        choices=("dawn", "paper"),
    )
    recipe: str = _field("dawn", "loss, sampling and outputs together", choices=tuple(RECIPES))
    loss: str | None = _field(
        None, "loss of the output in place of the recipe's; see docs/methods.md", choices=LOSSES
    )
    learned_term_weights: bool = _field(
        False, "weights of the hybrid loss's terms learned with the network, of sum 1"
    )
    label_smoothing: float = _field(0.0, "share of each label given to all classes alike")
    drw: int | None = _field(
        None, "deferred reweighting: epoch from which examples weigh by their class"
    )
    method: str = _field("none", "second stage, which trains the last layer alone", choices=METHODS)
    second_epochs: int = _field(10, "epochs of the second stage")
    sampling: str | None = _field(
        None,
        "class shares of training batches",
        choices=TARGETS,
    )
    schedule: str = _field(
        "constant",
        "when those shares come: from the start, step by step, or late",
        choices=SCHEDULES,
    )
    schedule_epochs: int | None = _field(
        None, "epoch from which they hold; default: four fifths of the epochs"
    )
    at_least: str | None = _field(
        None, "examples of named classes in every batch, as in melanoma=2,vasc=1"
    )
    resampling: str = _field(
        "index",
        "how shares are reached: by index, or by rejection",
        choices=("index", "rejection"),
    )
    oversampling: str = _field(
        "none",
        "examples added to the training part or removed from it, before anything else",
        choices=OVERSAMPLINGS,
    )
    generator_steps: int = _field(
        STEPS, "batches that the GAN of oversampling gan or ctgan is trained on"
    )
    tau: float | None = _field(None, "strength of the prior adjustment; 0 switches it off")
    cross_attention: bool | None = _field(None, "attention between the decoders")
    fusion: str = _field("gate", "fusion of the decoders", choices=("gate", "sum", "concat"))
    decoders: str = _field(
        "both", "ablation: one decoder alone", choices=("both", "global", "detail")
    )
    without: str | None = _field(
        None, "ablation: part of the recipe's loss that is left out", choices=TERMS
    )
    augment: bool | None = _field(None, "flips, rotation, jitter, elastic; more for rare classes")
    mixing: str = _field(
        "none", "another example mixed into each; see docs/data.md", choices=MIXINGS
    )
    networks: int = _field(1, "networks trained from different seeds and averaged into one model")
    epochs: int | None = _field(None, "passes over the training part, at most")
    steps_per_epoch: int | None = _field(None, "batches between two looks at validation")
    batch_size: int | None = _field(None, "examples a step")
    learning_rate: float | None = _field(None, "peak of the schedule (warm-up, then cosine to 0)")
    weight_decay: float | None = _field(None, "AdamW's decoupled decay of kernels")
    l2: float = _field(0.0, "the paper's L2 penalty on all kernels")
    ema: float | None = _field(None, "momentum of the weights' moving average, evaluated and kept")
    monitor: str | None = _field(None, "validation score that selects the epoch", choices=SCORES)
    calibration: str = _field(
        "none",
        "map of the probabilities, fitted on validation",
        choices=("none", *SCALINGS),
    )
    decision: str | None = _field(
        None, "how probabilities become a class, chosen on validation", choices=DECISIONS
    )
    score_test: bool = _field(
        True, "without it only validation is scored, and nothing is exported: a trial of a search"
    )
    patience: int | None = _field(None, "epochs without a better score before stopping")
    precision: str = _field("float32", "computation", choices=("float32", "mixed_bfloat16"))
    accumulate: int = _field(1, "batches whose gradients make one update together")
    devices: int = _field(1, "devices of this machine that share each batch")
    processes: int = _field(1, "processes that share each batch, here or elsewhere; Keras on JAX")
    process: int = _field(0, "number of this one of the processes, from 0")
    coordinator: str | None = _field(None, "host:port at which process 0 gathers the others")
    xla: str = _field(
        "auto", "compile with XLA; auto: on a GPU, not on a CPU", choices=("auto", "on", "off")
    )
    seed: int = _field(0, "seed of split, initial weights, order and augmentation")
    scores_only: bool = _field(
        False, "no model files, SavedModel, figures or report; without it, these later"
    )
    out: str | None = _field(None, "run folder; default: runs/<what the run is>")

    def resolved(self):
        """This config with the data set's defaults in place of every `None` that has one."""
        defaults = {**COMMON, **DATASET_DEFAULTS.get(self.dataset, {})}
        if self.task is not None:
            defaults.update(defaults.get("by_task", {}).get(self.task, {}))
        recipe = RECIPES[self.recipe]
        defaults.update(sampling=recipe.sampling, cross_attention=recipe.cross_attention)
        if self.model not in ON_ANY_ENCODER:
            # The others are known by the encoder they have.
            defaults.pop("encoder", None)
            defaults.pop("width", None)
        if self.model in RIVALS:
            kept = {name: defaults.get(name) for name in ("task", "decision")}
            defaults = {**kept, "monitor": "pr_auc"}
        values = {
            name: defaults.get(name)
            for name, value in vars(self).items()
            if value is None and name in defaults
        }
        config = dataclasses.replace(self, **values)
        return dataclasses.replace(config, out=config.out or f"runs/{config.run_name()}")

    def run_name(self):
        """A folder name that tells runs apart by what matters most."""
        method = None if self.method == "none" else self.method
        loss = None if self.model in RIVALS else self.loss or self.recipe
        oversampling = None if self.oversampling == "none" else self.oversampling
        parts = [self.dataset, self.task, self.model, loss, oversampling, method]
        parts.append(f"seed{self.seed}")
        # TFDS names can hold a config and a version.
        return "-".join(part for part in parts if part).replace("/", "_").replace(":", "_")

    def model_name(self):
        """The name it is served under."""
        return self.dataset.replace("/", "_").replace(":", "_")

    def check(self):
        """Raises `ValueError` for values no run can have."""
        check_config(self)


def read_config(path):
    """The `TrainConfig` that a run keeps as `config.json`.

    Raises: `ValueError` for a file that holds none.
    """
    values = read_json(path)
    if not isinstance(values, dict):
        raise _no_config(path, f"a {type(values).__name__}")
    fields = {field.name: field for field in dataclasses.fields(TrainConfig)}
    for name, value in values.items():
        if name not in fields:
            raise _no_config(path, f"a field {name!r}, which this version does not have")
        kinds = typing.get_args(fields[name].type) or (fields[name].type,)
        # JSON writes 1.0 as it is read: 1 is a float too.
        kinds = (*kinds, int) if float in kinds else kinds
        if all(isinstance(kind, type) for kind in kinds) and type(value) not in kinds:
            raise _no_config(path, f"{name}={value!r}")
    return TrainConfig(**values)


def _no_config(path, received):
    return ValueError(
        f"Expected the config of a run. Received: {path} with {received}. Put back what was "
        "written there."
    )


PRESETS = {
    "paper": {"recipe": "paper"},
    "baseline": {"model": "classifier", "recipe": "cross_entropy"},
    "smoke": {"epochs": 1, "steps_per_epoch": 2, "batch_size": 8},
}
