import dataclasses

import numpy as np
import pytest

from dawn_tf.data.errors import DataError
from dawn_tf.data.records import (
    Records,
    class_counts,
    rarest_class,
    validate,
    with_pixel_counts,
)

ROWS = Records(
    x=np.ones((3, 2), "float32"),
    y=np.array([0, 1, 1], "int32"),
    ids=np.array(["a", "b", "c"]),
    sampling_labels=np.array([0, 1, 1], "int32"),
    class_names=["no", "yes"],
    task="classification",
)


def test_counts_leave_void_out():
    assert class_counts(np.array([[0, 1], [1, 255]]), 3).tolist() == [1, 2, 0]


MASKS = np.array([[[0, 0]], [[0, 1]], [[2, 1]], [[255, 255]], [[2, 255]]], "uint8")


def with_masks(masks, **fields):
    numbers = np.zeros(len(masks), "int32")
    return Records(
        x=np.zeros((len(masks), 1, 2, 3), "uint8"),
        y=masks,
        ids=np.array([f"m{i}" for i in range(len(masks))]),
        sampling_labels=numbers,
        class_names=["sky", "car", "sign"],
        task="segmentation",
        **fields,
    )


def test_pixels_and_the_rarest_class_by_hand():
    counts = with_pixel_counts(with_masks(MASKS, ignore_class=255)).pixel_counts
    assert counts.tolist() == [[2, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 0], [0, 0, 1]]
    # Class 1 is rarer than 2, 0 the commonest.
    assert rarest_class(counts, [90, 3, 7]).tolist() == [0, 1, 1, 0, 2]


def test_a_pixel_of_no_class_is_named():
    with pytest.raises(DataError, match=r"0\.\.2 \(sky, car, sign\)\. Received: 255 .*'m3'"):
        with_pixel_counts(with_masks(MASKS))
    masks = MASKS.copy()
    masks[4, 0, 0] = 3
    with pytest.raises(DataError, match=r"Received: 3 in example 'm4'\. Mend that label"):
        with_pixel_counts(with_masks(masks, ignore_class=255))


def test_labels_of_images_have_no_pixels_to_count():
    assert with_pixel_counts(ROWS) is ROWS


def test_subset_keeps_fields_together():
    masks = {"mask": np.arange(12).reshape(3, 2, 2), "label": ROWS.y}
    part = dataclasses.replace(ROWS, y=masks, groups=np.array(["g", "h", "h"])).subset([2, 0])
    assert part.ids.tolist() == ["c", "a"] and part.groups.tolist() == ["h", "g"]
    assert part.y["label"].tolist() == [1, 0] and part.y["mask"][0, 0, 0] == 8
    assert part.official_part is None and len(part) == 2


def with_x(value):
    x = ROWS.x.copy()
    x[1, 0] = value
    return {"x": x}


@pytest.mark.parametrize(
    "change, text",
    [
        (with_x(np.nan), r"Received: nan in example 'b', column 0\. Mend or remove"),
        (with_x(-np.inf), "Received: -inf in example 'b'"),
        ({"y": np.array([0, 2, 1])}, r"labels in 0\.\.1 \(no, yes\)\. Received: 2 in example 'b'"),
        ({"y": np.array([0, -1, 1])}, "Received: -1 in example 'b'"),
        ({"y": np.array([0, 1])}, "Received: 2 labels, 3 examples"),
        ({"ids": np.array(["a", "b", "a"])}, "Received: 'a' 2 times"),
        ({"x": np.ones((0, 2))}, "Received: data set 'rows' without any"),
        (
            {
                "y": {"label": np.array([0, 1, 2]), "mask": np.zeros((3, 1, 1), "uint8")},
                "class_names": {"label": ["no", "yes"], "mask": ["skin", "lesion"]},
            },
            r"0\.\.1 \(no, yes\)\. Received: 2",
        ),
    ],
    ids=["nan", "inf", "high", "low", "short", "twice", "empty", "both"],
)
def test_what_is_wrong_is_named(change, text):
    with pytest.raises(DataError, match=text):
        validate(dataclasses.replace(ROWS, **change), "rows")


def test_void_is_a_label():
    validate(dataclasses.replace(ROWS, y=np.array([0, 255, 1]), ignore_class=255), "rows")
