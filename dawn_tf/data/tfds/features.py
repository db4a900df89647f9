"""Which features of a TFDS data set are the image, the label, the mask, the columns."""

import dataclasses

import numpy as np
import tensorflow_datasets as tfds

from dawn_tf.data.errors import DataError


@dataclasses.dataclass(frozen=True)
class Keys:
    """Names of features; `None` for those that a data set lacks or a task does not need.

    Attributes:
        image: Encoded image.
        label: Class of the example.
        mask: Image of class numbers.
        columns: Numeric features of rows, each a path of names.
        id, group: Name of the example, and of what must not be divided between parts.
    """

    image: str | None = None
    label: str | None = None
    mask: str | None = None
    columns: tuple = ()
    id: str | None = None
    group: str | None = None


def find_keys(info, task, options):
    """`Keys` for `task`: what `options` names, else `supervised_keys`, else the only candidate.

    Args:
        info: `tfds.core.DatasetInfo`.
        task: As in `load`. A label is taken for every task, if there is one.
        options: `OPTIONS` of the source.

    Raises: `DataError` if a feature is missing, or several would do.
    """
    features = dict(info.features)
    images = [name for name, f in features.items() if isinstance(f, tfds.features.Image)]
    masks = [name for name in images if _is_mask(name, features[name])]
    labels = [name for name, f in features.items() if isinstance(f, tfds.features.ClassLabel)]
    metadata = info.metadata or {}
    group = options["group_key"] or metadata.get("group_key")
    extra = {"id": metadata.get("id_key"), "group": group}
    _check_known("group", group, features)
    mask, given = None, options["mask_key"]
    if task != "classification":
        _check_known("mask", given, images)
        mask = given or _choose("mask", info, masks)
        _check_pixels(mask, features[mask], channels=(1,))
    _check_known("label", options["label_key"], labels)
    label = options["label_key"] or _choose("label", info, labels, needed=task != "segmentation")
    _check_known("image", options["image_key"], images)
    candidates = [name for name in images if name not in masks and name != mask]
    if task == "classification" and not (options["image_key"] or candidates):
        columns = tuple(_columns(features, skip={label, *extra.values()}))
        if columns:
            return Keys(label=label, columns=columns, **extra)
    image = options["image_key"] or _choose("image", info, candidates)
    _check_pixels(image, features[image], channels=(1, 3, None))
    return Keys(image=image, label=label, mask=mask, **extra)


def feature_at(features, path):
    """Feature at a path of names."""
    for name in path:
        features = features[name]
    return features


def _is_mask(name, feature):
    return isinstance(feature, tfds.features.LabeledImage) or name == "segmentation_mask"


def _check_known(what, name, choices):
    if name is not None and name not in choices:
        raise DataError(
            f"Expected {what}_key to be one of {', '.join(sorted(choices)) or 'none'}. "
            f"Received: {what}_key={name!r}. Choose one of them."
        )


def _choose(what, info, candidates, needed=True):
    # Tuples of names; some data sets have whole trees there.
    supervised = [k for k in info.supervised_keys or () if isinstance(k, str) and k in candidates]
    if len(supervised) == 1:
        return supervised[0]
    if len(candidates) == 1:
        return candidates[0]
    if not needed:
        return None
    have = ", ".join(f"{name} ({type(f).__name__})" for name, f in info.features.items())
    if candidates:
        raise DataError(
            f"Expected one {what} feature. Received: {', '.join(candidates)} in data set "
            f"{info.full_name!r}. Choose with {what}_key=."
        )
    raise DataError(
        f"Expected a feature that is a {what}. Received: data set {info.full_name!r} with {have}. "
        f"Name it with {what}_key=, or choose another task or config."
    )


def _columns(features, skip, path=()):
    """Paths of the numbers and vectors of fixed length, in order, dictionaries looked into."""
    for name, feature in features.items():
        if isinstance(feature, tfds.features.FeaturesDict):
            yield from _columns(feature, (), (*path, name))
        # Not their subclasses: texts, boxes and class labels are no measurements.
        elif type(feature) in (tfds.features.Tensor, tfds.features.Scalar) and name not in skip:
            if np.dtype(feature.np_dtype).kind in "biuf" and len(feature.shape) < 2:
                if None not in feature.shape:
                    yield (*path, name)


def _check_pixels(name, feature, channels):
    if feature.np_dtype != np.uint8 or feature.shape[-1] not in channels:
        expected = " or ".join(str(c) for c in channels if c)
        raise DataError(
            f"Expected pixels of 8 bits with {expected} channels. Received: feature {name!r} of "
            f"shape {feature.shape} and dtype {np.dtype(feature.np_dtype).name}. Choose another "
            "feature or data set."
        )
