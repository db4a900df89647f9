"""Training as a whole: configs, recipes, resumable runs."""

from dawn_tf.training.config import PRESETS, TrainConfig
from dawn_tf.training.recipes import RECIPES, make_loss
from dawn_tf.training.run import train

__all__ = ["PRESETS", "RECIPES", "TrainConfig", "make_loss", "train"]
