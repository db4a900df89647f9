"""What is drawn in training: the sampler, augmentation, mixing, and the class shares they give."""

import numpy as np

from dawn_tf.data.augmentation import Augmenter
from dawn_tf.data.bad_inputs import Substitutes
from dawn_tf.data.copy_paste import CopyPaste
from dawn_tf.data.lazy import is_lazy
from dawn_tf.data.mixing import BalancedMixUp, CutMix, MixUp, Remix
from dawn_tf.data.rejection import RejectionSampler
from dawn_tf.data.sampling import ClassAwareSampler

MIXINGS = ("none", "mixup", "cutmix", "remix", "balanced_mixup", "copy_paste")

# What may be done to the images of a data set without changing what they show. The CIFAR sets
# have the literature's: a shift of up to 4 pixels over black, and a flip.
_SHIFT_AND_FLIP = {
    "rotation": 0.0,
    "scale": 0.0,
    "elastic": 0.0,
    "jitter": 0.0,
    "shift": 4,
    "fill": "zero",
    "p_tail": 0.5,
}
AUGMENTATION = {
    "cifar10_lt": _SHIFT_AND_FLIP,
    "cifar100_lt": _SHIFT_AND_FLIP,
    "digits": {"flip_left_right": False},
    "ham10000": {"flip_up_down": True},
    "isic2017": {"flip_up_down": True},
    "mnist_imb": {"flip_left_right": False},
}


def make_sampler(config, data, seed, steps, replica=0, replicas=1):
    """The stream of training indices, or of several readers' parts of it this one's."""
    labels = data.parts["train"].sampling_labels
    if config.resampling == "rejection":
        if config.schedule != "constant" or config.at_least:
            raise ValueError(
                "Expected resampling='index' with a schedule or at_least. Received: "
                f"schedule={config.schedule!r}, at_least={config.at_least!r} with rejection. "
                "Leave --resampling out."
            )
        if replicas > 1:
            raise ValueError(
                "Expected resampling='index' for several processes. Received: rejection, whose "
                "stream has no parts. Leave --resampling out."
            )
        return RejectionSampler(labels, target=config.sampling, seed=seed)
    options = {"replica": replica, "num_replicas": replicas}
    if config.at_least:
        at_least = parse_at_least(config.at_least, label_names(data))
        options.update(at_least=at_least, batch_size=config.batch_size)
    if config.schedule != "constant":
        options.update(
            schedule=config.schedule,
            schedule_epochs=config.schedule_epochs or max(1, config.epochs * 4 // 5),
        )
        if config.steps_per_epoch is None and not config.at_least:
            # An epoch of the schedule is then one of the training.
            options.update(epoch_length=steps * config.batch_size)
    return ClassAwareSampler(labels, target=config.sampling, seed=seed, **options)


def parse_at_least(text, class_names):
    """`"melanoma=2,3=1"` as `{class: examples}`; classes by name or number."""
    minimum = {}
    for part in text.split(","):
        name, equals, number = part.strip().rpartition("=")
        known = name in class_names or (name.isdecimal() and int(name) < len(class_names))
        if not (equals and known and number.isdecimal()):
            raise ValueError(
                f"Expected at_least as class=number, class=number, ... with classes among "
                f"{', '.join(class_names)}. Received: {part.strip()!r}. Name them so."
            )
        c = class_names.index(name) if name in class_names else int(name)
        minimum[c] = int(number)
    return minimum


def make_augmenter(config, data, seed):
    """The augmenter of images, or `None`."""
    if not config.augment or len(data.input_shape) != 3:
        return None
    labels = data.parts["train"].sampling_labels
    counts = np.bincount(labels, minlength=len(label_names(data)))
    options = AUGMENTATION.get(data.name, {})
    return Augmenter(counts, ignore_class=data.ignore_class, seed=seed, **options)


def make_mixing(config, data, seed, replica=0, replicas=1):
    """What mixes two examples, or `None`."""
    if config.mixing == "none":
        return None
    labels = data.parts["train"].sampling_labels
    if config.mixing == "mixup":
        return MixUp(data.num_classes, ignore_class=data.ignore_class, seed=seed)
    if config.mixing == "cutmix":
        return CutMix(data.num_classes, seed=seed)
    if config.mixing == "remix":
        return Remix(data.class_counts, seed=seed)
    # A stream of its own, so that a partner is not the example itself.
    options = {"replica": replica, "num_replicas": replicas}
    partners = ClassAwareSampler(labels, target="balanced", seed=seed + 500, **options)
    if config.mixing == "balanced_mixup":
        return BalancedMixUp(partners, data.num_classes, ignore_class=data.ignore_class, seed=seed)
    return CopyPaste(partners, data.class_counts, ignore_class=data.ignore_class, seed=seed)


def make_substitutes(config, data):
    """What reads images that may turn out bad in training, or `None`."""
    train = data.parts["train"]
    if config.on_bad_input == "raise" or not is_lazy(train.x):
        return None
    return Substitutes(train, data.bad_inputs["train"])


def trained_prior(data, shares, mixing=None):
    """Class shares of the labels that the loss sees: of examples, or of pixels for masks.

    Args:
        data: `DataSplits`.
        shares: Share of each sampling label in the stream, `(C,)`.
        mixing: As of `make_mixing`.
    """
    prior = label_prior(data, shares)
    if mixing is None:
        return prior
    partners = getattr(mixing, "sampler", None)
    return mixing.prior(prior, label_prior(data, partners.prior) if partners else None)


def label_prior(data, shares):
    """Class shares of the labels under `shares` of the sampling labels."""
    train = data.parts["train"]
    if data.task == "classification":
        return np.asarray(shares)
    pixels = train.pixel_counts / train.pixel_counts.sum(1, keepdims=True).clip(1)
    of_label = [pixels[train.sampling_labels == c] for c in range(len(shares))]
    prior = sum(s * rows.mean(0) for s, rows in zip(shares, of_label, strict=True) if s)
    return prior / prior.sum()


def label_names(data):
    """Names of the sampling labels."""
    return data.class_names["label"] if isinstance(data.class_names, dict) else data.class_names
