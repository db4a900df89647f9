import dataclasses

from dawn_tf.training.recipes import RECIPES

SCORES = ("accuracy", "macro_f1", "balanced_accuracy", "minority_recall", "pr_auc", "miou")


def _field(default, help, **metadata):
    return dataclasses.field(default=default, metadata={"help": help, **metadata})


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything a run depends on: one command-line flag a field, saved as `config.json`.

    `None` means the data set's own default (`DATASET_DEFAULTS`).
    """

    dataset: str = _field("digits", "data set to train on")
    data_dir: str | None = _field(None, "folder with the data; default: $DAWN_DATA_DIR")
    task: str | None = _field(None, "classification or segmentation")
    protocol: str | None = _field(None, "how the data is split; see docs/data.md")
    image_size: int | None = _field(None, "side in pixels that images are resized to")
    model: str = _field("dawn", "network: dawn, or a rival such as classifier, unet, resnet50, mlp")
    encoder: str | None = _field(None, "unet, resnet32, resnet50 or tabular")
    width: int | None = _field(None, "channels of the encoder's first level")
    recipe: str = _field("dawn", "loss, sampling and outputs together", choices=tuple(RECIPES))
    sampling: str | None = _field(
        None,
        "class shares of training batches",
        choices=("instance", "sqrt", "effective", "balanced"),
    )
    resampling: str = _field(
        "index",
        "how shares are reached: by index, or by rejection",
        choices=("index", "rejection"),
    )
    tau: float | None = _field(None, "strength of the prior adjustment; 0 switches it off")
    cross_attention: bool | None = _field(None, "attention between the decoders")
    fusion: str = _field("gate", "fusion of the decoders", choices=("gate", "sum", "concat"))
    augment: bool | None = _field(None, "flips, rotation, jitter, elastic; more for rare classes")
    networks: int = _field(1, "networks trained from different seeds and averaged into one model")
    epochs: int | None = _field(None, "passes over the training part, at most")
    steps_per_epoch: int | None = _field(None, "batches between two looks at validation")
    batch_size: int | None = _field(None, "examples a step")
    learning_rate: float | None = _field(None, "peak of the schedule (warm-up, then cosine to 0)")
    weight_decay: float | None = _field(None, "AdamW's decoupled decay of kernels")
    l2: float = _field(0.0, "the paper's L2 penalty on all kernels")
    ema: float | None = _field(None, "momentum of the weights' moving average, evaluated and kept")
    monitor: str | None = _field(None, "validation score that selects the epoch", choices=SCORES)
    patience: int | None = _field(None, "epochs without a better score before stopping")
    precision: str = _field("float32", "computation", choices=("float32", "mixed_bfloat16"))
    xla: str = _field(
        "auto", "compile with XLA; auto: on a GPU, not on a CPU", choices=("auto", "on", "off")
    )
    seed: int = _field(0, "seed of split, initial weights, order and augmentation")
    out: str | None = _field(None, "run folder; default: runs/<what the run is>")

    def resolved(self):
        """This config with the data set's defaults in place of every `None` that has one."""
        defaults = {**_COMMON, **DATASET_DEFAULTS.get(self.dataset, {})}
        if self.task is not None:
            defaults.update(defaults.get("by_task", {}).get(self.task, {}))
        recipe = RECIPES[self.recipe]
        defaults.update(sampling=recipe.sampling, cross_attention=recipe.cross_attention)
        values = {
            name: defaults.get(name)
            for name, value in vars(self).items()
            if value is None and name in defaults
        }
        config = dataclasses.replace(self, **values)
        return dataclasses.replace(config, out=config.out or f"runs/{config.run_name()}")

    def run_name(self):
        """A folder name that tells runs apart by what matters most."""
        parts = [self.dataset, self.task, self.model, self.recipe, f"seed{self.seed}"]
        return "-".join(part for part in parts if part)

    def check(self):
        """Raises `ValueError` for values no run can have."""
        for name in ("epochs", "batch_size", "networks", "steps_per_epoch", "image_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"Expected {name} >= 1. Received: {name}={value}.")
        if self.recipe in ("dawn", "paper") and self.model != "dawn":
            raise ValueError(
                f'Expected recipe "cross_entropy" or "balanced_softmax" with model={self.model!r}. '
                f"Received: recipe={self.recipe!r}. Those two are for the dual decoder."
            )


_COMMON = {
    "epochs": 40,
    "batch_size": 64,
    "learning_rate": 3e-3,
    "weight_decay": 0.05,
    "ema": 0.99,
    "monitor": "macro_f1",
    "patience": 20,
    "augment": True,
}

# Sizes that 2 CPU cores train in minutes; a GPU can take more (`--image_size 224 --encoder ...`).
DATASET_DEFAULTS = {
    "digits": {"task": "classification", "batch_size": 64, "epochs": 100, "patience": 100},
    "ham10000": {
        "task": "classification",
        "encoder": "resnet32",
        "image_size": 96,
        "epochs": 30,
    },
    "isic2017": {
        "task": "segmentation",
        "image_size": 128,
        "batch_size": 16,
        "epochs": 10,
        "learning_rate": 2e-3,
        "monitor": "miou",
        "encoder": "unet",
        "width": 16,
        "by_task": {
            "classification": {
                "encoder": "resnet32",
                "width": None,
                "monitor": "macro_f1",
                "batch_size": 64,
                "epochs": 40,
            }
        },
    },
    "creditcard": {
        "task": "classification",
        "batch_size": 1024,
        "epochs": 20,
        "steps_per_epoch": 75,
        "weight_decay": 1e-4,
        "monitor": "pr_auc",
        "augment": False,
        "patience": 20,
    },
}

PRESETS = {
    "paper": {"recipe": "paper"},
    "baseline": {"model": "classifier", "recipe": "cross_entropy"},
    "smoke": {"epochs": 1, "steps_per_epoch": 2, "batch_size": 8},
}
