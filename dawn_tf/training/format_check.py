"""What an exported file loses: its answers beside the network's, on validation examples."""

import numpy as np
from sklearn.metrics import confusion_matrix

from dawn_tf.data.pipeline import evaluation_batches
from dawn_tf.evaluation import confusion_scores
from dawn_tf.metrics import minority_classes
from dawn_tf.training.streams import label_names

CALIBRATION_EXAMPLES = 256
_SCORES = ("macro_f1", "minority_recall")
_BATCH = 64
_POINT = 0.01


def compare(answer, model, post_processing, data, part="val"):
    """Scores of a file beside those of the network that it was made of, for the model card.

    Args:
        answer: The opened file: inputs `(n, ...)` to outputs by name.
        model: Gives probabilities.
        post_processing: The `PostProcessing` that the file has inside.
        data: `DataSplits`.
        part: Which examples.

    Returns: `examples`; `largest_difference` of a probability; and `macro_f1` and
    `minority_recall` (`None` without minority examples), as `network` and `file` have them. For
    masks, of pixels.
    """
    difference, matrices = 0.0, {"network": 0, "file": 0}
    for x, y in evaluation_batches(data.parts[part], _BATCH):
        p, chosen = post_processing.apply(model.predict_on_batch(x))
        got = answer(np.asarray(x))
        # `maximum` keeps a NaN, which Python's `max` may lose.
        difference = np.maximum(difference, np.abs(got["probabilities"] - p).max())
        for name, c in (("network", chosen), ("file", got.get("class", got.get("mask")))):
            matrices[name] += _confusion(np.asarray(y), c, data)
    minority = minority_classes(data.class_counts)
    scores = {
        name: confusion_scores(matrix, data.class_names, minority)
        for name, matrix in matrices.items()
    }
    return {
        "examples": len(data.parts[part]),
        "largest_difference": float(difference),
        **{key: {name: row[key] for name, row in scores.items()} for key in _SCORES},
    }


def describe(compared):
    """`compare`'s scores in a sentence, which says whether minority recall is kept."""
    f1, recall = (compared[key] for key in _SCORES)
    text = (
        f"largest difference {compared['largest_difference']:.2g} on {compared['examples']:,} "
        f"validation examples, macro-F1 {f1['network']:.4f} -> {f1['file']:.4f}"
    )
    if recall["network"] is None:
        return text
    lost = recall["network"] - recall["file"]
    kept = "kept within" if lost <= _POINT else "NOT kept within"
    return (
        f"{text}, minority recall {recall['network']:.4f} -> {recall['file']:.4f} ({kept} 1 point)"
    )


def calibration_examples(data):
    """`(inputs, numbers by class)` of training examples that a quantizer may see.

    They are drawn class by class in turn, so that all classes have equally many as far as they
    go: a rare one is in it with all it has, or its full share.
    """
    train = data.parts["train"]
    chosen = in_turn(train.sampling_labels, CALIBRATION_EXAMPLES)
    part = train.subset(chosen)
    x = np.concatenate([np.asarray(x) for x, _ in evaluation_batches(part, _BATCH)])
    names = label_names(data)
    counts = np.bincount(part.sampling_labels, minlength=len(names)).tolist()
    return x, dict(zip(names, counts, strict=True))


def in_turn(labels, number):
    """Indices of so many examples, or all: a first one of every class, a second one, ..."""
    rng = np.random.default_rng(0)
    turn = np.empty(len(labels), int)
    for c in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == c))
        turn[members] = np.arange(len(members))
    return np.sort(np.argsort(turn, kind="stable")[:number])


def _confusion(y, chosen, data):
    y, chosen = y.reshape(-1), np.asarray(chosen).reshape(-1)
    if data.ignore_class is not None:
        kept = y != data.ignore_class
        y, chosen = y[kept], chosen[kept]
    return confusion_matrix(y, chosen, labels=np.arange(data.num_classes))
