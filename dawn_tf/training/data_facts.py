"""What scores are read by: classes, sizes of the parts, and which examples were tested."""

import hashlib

from dawn_tf.metrics import minority_classes


def data_facts(data):
    """What `metrics.json` says of the data.

    Args:
        data: `DataSplits`, as it was read.

    Returns: dict with "name", "task", "protocol", "class_names"; "counts", training examples (or
        pixels) of each class; "minority", the indices of the minority classes; "examples" by part;
        and "test_part", which two runs share if, and only if, their test parts hold the same
        examples in the same order.
    """
    ids = "\n".join(map(str, data.parts["test"].ids.tolist()))
    return {
        "name": data.name,
        "task": data.task,
        "protocol": data.protocol,
        "class_names": list(data.class_names),
        "counts": data.class_counts.tolist(),
        "minority": minority_classes(data.class_counts),
        "examples": {part: len(records) for part, records in data.parts.items()},
        "test_part": hashlib.sha256(ids.encode()).hexdigest()[:16],
    }
