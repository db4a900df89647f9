import dataclasses

import numpy as np
import pytest

from dawn_tf.data.errors import DataError
from dawn_tf.data.records import Records, class_counts, rarest_class, validate

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


def test_rarest_class_by_hand():
    masks = np.array([[[0, 0]], [[0, 1]], [[2, 1]], [[255, 255]], [[2, 255]]])
    # Pixels: class 1 is rarer than 2, 0 the commonest.
    assert rarest_class(masks, [90, 3, 7]).tolist() == [0, 1, 1, 0, 2]


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
                "y": {"label": ROWS.y, "mask": np.full((3, 1, 1), 5)},
                "class_names": {"label": ["no", "yes"], "mask": ["skin", "lesion"]},
            },
            r"0\.\.1 \(skin, lesion\)\. Received: 5",
        ),
    ],
    ids=["nan", "inf", "high", "low", "short", "twice", "empty", "both"],
)
def test_what_is_wrong_is_named(change, text):
    with pytest.raises(DataError, match=text):
        validate(dataclasses.replace(ROWS, **change), "rows")


def test_void_is_a_label():
    validate(dataclasses.replace(ROWS, y=np.array([0, 255, 1]), ignore_class=255), "rows")
