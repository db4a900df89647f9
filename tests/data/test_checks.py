import dataclasses

import numpy as np
import pytest

from dawn_tf.data import DataSplits, load
from dawn_tf.data.checks import average_hash, check, content_hashes
from dawn_tf.data.lazy import LazyImages
from dawn_tf.data.records import Records


def part(x, labels, prefix, groups=None):
    labels = np.array(labels, "int32")
    return Records(
        x=x,
        y=labels,
        ids=np.array([f"{prefix}{i}" for i in range(len(labels))]),
        sampling_labels=labels,
        class_names=["a", "b"],
        task="classification",
        groups=groups,
    )


def splits(train, val, test):
    parts = {"train": train, "val": val, "test": test}
    counts = np.bincount(train.y, minlength=2)
    return DataSplits("made", "classification", "by hand", ["a", "b"], counts, parts, [])


def noise(n, seed):
    return np.random.default_rng(seed).integers(0, 256, (n, 16, 16, 3), "uint8")


@pytest.fixture
def apart():
    return splits(*(part(noise(3, i), [0, 1, 1], name) for i, name in enumerate("abc")))


def with_part(data, name, **changes):
    changed = dataclasses.replace(data.parts[name], **changes)
    return dataclasses.replace(data, parts={**data.parts, name: changed})


def test_parts_that_are_apart(apart):
    assert check(apart) == {
        "in_two_parts": [],
        "near_duplicates": None,
        "repeated_within": {"train": 0, "val": 0, "test": 0},
        "contradictions": 0,
        "absent_classes": {"train": [], "val": [], "test": []},
    }
    assert check(apart, near=2)["near_duplicates"] == []


def test_equal_pixels_are_found_whatever_their_name_and_label(apart):
    x = apart.parts["test"].x.copy()
    x[2] = apart.parts["train"].x[0]
    found = check(with_part(apart, "test", x=x))
    assert found["in_two_parts"] == [
        {
            "what": "exact duplicate",
            "parts": ["train", "test"],
            "examples": 1,
            "pairs": [["a0", "c2"]],
        }
    ]
    assert found["contradictions"] == 1


def test_one_pixel_apart_is_another_image(apart):
    x = apart.parts["test"].x.copy()
    x[2] = apart.parts["train"].x[0]
    x[2, 0, 0, 0] ^= 1
    found = check(with_part(apart, "test", x=x), near=0)
    assert found["in_two_parts"] == []
    assert [(f["parts"], f["pairs"]) for f in found["near_duplicates"]] == [
        (["train", "test"], [["a0", "c2"]])
    ]


def test_the_same_id_and_the_same_lesion_are_found(apart):
    data = with_part(apart, "val", ids=np.array(["a1", "v", "w"]))
    for name, groups in (("train", "xxy"), ("val", "pyy"), ("test", "qrs")):
        data = with_part(data, name, groups=np.array(list(groups)))
    findings = check(data)["in_two_parts"]
    assert [(f["what"], f["parts"], f["examples"]) for f in findings] == [
        ("id", ["train", "val"], 1),
        ("group", ["train", "val"], 2),
    ]
    assert findings[1]["pairs"] == [["a2", "v"], ["a2", "w"]]


def test_repeats_within_a_part_and_absent_classes(apart):
    x = apart.parts["val"].x.copy()
    x[1:] = x[0]
    found = check(with_part(apart, "val", x=x, y=np.zeros(3, "int32")))
    assert found["in_two_parts"] == [] and found["contradictions"] == 0
    assert found["repeated_within"]["val"] == 2
    assert found["absent_classes"] == {"train": [], "val": ["b"], "test": []}


def test_pairs_are_counted_all_and_named_a_few(apart):
    many = part(np.repeat(apart.parts["train"].x[:1], 9, axis=0), [0] * 9, "c")
    parts = {**apart.parts, "test": many}
    (finding,) = check(dataclasses.replace(apart, parts=parts))["in_two_parts"]
    assert finding["examples"] == 9 and len(finding["pairs"]) == 5


def test_rows_are_compared_by_value():
    x = np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, np.nextafter(1, 2, dtype="float32")]], "float32")
    first, second, third = content_hashes(x)
    assert first == second != third


def test_lazy_images_hash_like_decoded_ones():
    images = noise(5, 0)
    read = lambda name: images[int(name)].tobytes()  # noqa: E731
    decode = lambda content, name: np.frombuffer(content, "uint8").reshape(16, 16, 3)  # noqa: E731
    lazy = LazyImages(np.arange(5).astype(str), read, decode, (16, 16, 3))
    assert content_hashes(lazy) == content_hashes(images)
    np.testing.assert_array_equal(average_hash(lazy), average_hash(images))


def test_average_hash_by_hand():
    blocks = np.zeros((8, 8), "uint8")
    blocks[0, 0] = blocks[7, 7] = 200  # Alone above the mean: the first and the last bit.
    image = np.repeat(np.repeat(blocks, 4, 0), 4, 1)[None, ..., None]
    assert average_hash(image).view("uint8").tolist() == [128, 0, 0, 0, 0, 0, 0, 1]
    np.testing.assert_array_equal(average_hash(255 - image), ~average_hash(image))


def test_the_embedded_digits_are_apart():
    assert check(load("digits"))["in_two_parts"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, task, expected",
    [
        ("mnist_imb", None, []),
        ("cifar10_lt", None, []),
        ("cifar100_lt", None, [("exact duplicate", 3), ("exact duplicate", 1)]),
        ("ham10000", None, []),
        ("isic2017", "both", [("exact duplicate", 1)]),
        ("camvid", None, []),
    ],
)
def test_what_the_published_data_share(data_dir, name, task, expected):
    findings = check(load(name, data_dir, task))["in_two_parts"]
    assert [(finding["what"], finding["examples"]) for finding in findings] == expected
