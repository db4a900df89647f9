"""Whether the parts of a data set are apart: nothing that is in two of them."""

import collections
import hashlib
import itertools

import numpy as np
import tensorflow as tf

from dawn_tf.data.description import class_sizes
from dawn_tf.data.lazy import chunks

_SHOWN = 5  # Pairs named for each finding.


def check(data, near=None):
    """Looks for what the parts of a data set share, and for classes that a part lacks.

    Two examples are exact duplicates if their decoded pixels, or all their numbers, are equal;
    labels and masks don't count. That labels are in range and numbers finite, `load` has seen to.

    Args:
        data: `DataSplits`.
        near: Also report images of two parts whose average hashes differ in at most so many of
            their 64 bits (`average_hash`); `None` leaves that out. Such images need not be
            the same: it is a list to look at, not a fault.

    Returns: dict with keys

    - "in_two_parts": list of findings, empty if the parts are apart. A finding has "what" ("id",
      "group" or "exact duplicate"), "parts" (two names), "examples" (how many of the second part
      have a twin in the first) and "pairs" (ids of the first few);
    - "near_duplicates": findings of that kind, or `None`;
    - "repeated_within": for each part, how many examples repeat an earlier one of it;
    - "contradictions": duplicates, anywhere, whose labels differ: how many contents;
    - "absent_classes": for each part, the names of the classes it has no example of.
    """
    parts = data.parts
    contents = {part: content_hashes(records.x) for part, records in parts.items()}
    keys = {"id": {part: records.ids.tolist() for part, records in parts.items()}}
    if parts["train"].groups is not None:
        keys["group"] = {part: records.groups.tolist() for part, records in parts.items()}
    keys["exact duplicate"] = contents
    return {
        "in_two_parts": [
            finding for what, of_part in keys.items() for finding in _shared(what, of_part, parts)
        ],
        "near_duplicates": None if near is None else _near(parts, near),
        "repeated_within": {part: len(c) - len(set(c)) for part, c in contents.items()},
        "contradictions": _contradictions(contents, parts),
        "absent_classes": {part: _absent(records) for part, records in parts.items()},
    }


def content_hashes(x):
    """One short text of bytes for each image or row of `x`, equal where the contents are."""
    hashes = []
    for piece in chunks(x):
        if piece.dtype.kind == "f":
            piece = piece + 0.0  # Of -0.0 it makes 0.0, whose bytes differ.
        hashes += [hashlib.blake2b(example.tobytes(), digest_size=16).digest() for example in piece]
    return hashes


def average_hash(images):
    """Which of 8x8 blocks of an image are brighter than their mean, uint64 `(N,)`.

    Args:
        images: In memory or lazy, `(N, height, width, channels)`.
    """
    hashes = []
    for piece in chunks(images):
        grey = piece.mean(axis=-1, keepdims=True)
        blocks = tf.image.resize(grey, (8, 8), method="area").numpy().reshape(len(grey), 64)
        brighter = blocks > blocks.mean(axis=1, keepdims=True)
        hashes.append(np.packbits(brighter, axis=1).view("uint64")[:, 0])
    return np.concatenate(hashes)


def _shared(what, of_part, parts):
    for first, second in itertools.combinations(parts, 2):
        places = dict(zip(of_part[first], range(len(parts[first])), strict=True))
        twins = [(places[key], i) for i, key in enumerate(of_part[second]) if key in places]
        if twins:
            yield _finding(what, first, second, twins, parts)


def _near(parts, near):
    if parts["train"].x.ndim != 4:
        return []
    hashes = {part: average_hash(records.x) for part, records in parts.items()}
    findings = []
    for first, second in itertools.combinations(parts, 2):
        twins = []
        for i, value in enumerate(hashes[second]):
            distances = np.bitwise_count(hashes[first] ^ value)
            if distances.min() <= near:
                twins.append((int(distances.argmin()), i))
        if twins:
            findings.append(_finding("near duplicate", first, second, twins, parts))
    return findings


def _finding(what, first, second, twins, parts):
    pairs = [[str(parts[first].ids[i]), str(parts[second].ids[j])] for i, j in twins[:_SHOWN]]
    return {"what": what, "parts": [first, second], "examples": len(twins), "pairs": pairs}


def _contradictions(contents, parts):
    labels = collections.defaultdict(set)
    for part, records in parts.items():
        y = records.y["label"] if records.task == "both" else records.y
        if y.ndim > 1:
            return 0
        for content, label in zip(contents[part], y.tolist(), strict=True):
            labels[content].add(label)
    return sum(len(of_content) > 1 for of_content in labels.values())


def _absent(records):
    """Names of classes without an example (without a pixel, for masks)."""
    counts = class_sizes(records)
    return [name for key in counts for name, count in counts[key].items() if count["count"] == 0]
