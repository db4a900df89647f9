import json

import numpy as np
import pytest

from dawn_tf.data import DataSplits, load
from dawn_tf.data.description import class_sizes, describe, mean_and_std
from dawn_tf.data.records import Records, with_pixel_counts


def test_the_digits_in_numbers():
    data = load("digits")
    info = json.loads(json.dumps(describe(data)))
    sizes = info["parts"]["train"]["classes"]["label"]
    assert [size["count"] for size in sizes.values()] == data.class_counts.tolist()
    assert sum(size["share"] for size in sizes.values()) == pytest.approx(1)
    assert info["imbalance_ratio"]["label"] == pytest.approx(122 / 6)
    assert info["input_shape"] == [8, 8, 1]
    assert info["training_mean"] == pytest.approx([data.parts["train"].x.mean()])
    assert info["training_std"] == pytest.approx([data.parts["train"].x.std()])
    assert info["parts"]["test"] == {**info["parts"]["test"], "examples": 269, "groups": None}


def records(n, prefix):
    masks = np.zeros((n, 2, 2), "uint8")
    masks[0, 0] = [1, 255]
    made = Records(
        x=np.full((n, 2, 2, 3), 7, "uint8"),
        y={"mask": masks, "label": np.zeros(n, "int32")},
        ids=np.array([f"{prefix}{i}" for i in range(n)]),
        sampling_labels=np.zeros(n, "int32"),
        class_names={"mask": ["skin", "lesion"], "label": ["x", "y"]},
        task="both",
        groups=np.array(["g"] * n),
        ignore_class=255,
    )
    return with_pixel_counts(made)


def test_masks_are_counted_in_pixels_and_images():
    assert class_sizes(records(3, "a")) == {
        "mask": {
            "skin": {"count": 10, "share": 10 / 11, "images": 3},
            "lesion": {"count": 1, "share": 1 / 11, "images": 1},
        },
        "label": {"x": {"count": 3, "share": 1}, "y": {"count": 0, "share": 0}},
    }


def test_both_kinds_of_label_and_groups():
    parts = {"train": records(3, "a"), "val": records(1, "b"), "test": records(1, "c")}
    names = parts["train"].class_names
    info = describe(DataSplits("made", "both", "by hand", names, {}, parts, ["a note"]))
    # A class without an example has no ratio.
    assert info["imbalance_ratio"] == {"mask": 10, "label": 1}
    assert info["parts"]["train"]["groups"] == 1
    assert info["training_mean"] == [7, 7, 7] and info["training_std"] == [0, 0, 0]
    assert info["notes"] == ["a note"]


def test_scale_of_columns_far_from_zero():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(5000, 3)) * (1, 2, 3) + (0, 100, 1e6)).astype("float32")
    mean, std = mean_and_std(x)
    np.testing.assert_allclose(mean, x.mean(0, "float64"), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(std, x.std(0, "float64"), rtol=1e-9)
