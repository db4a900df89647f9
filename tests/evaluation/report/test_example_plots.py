import numpy as np

from dawn_tf.evaluation import report


def block(n, value, mask=None):
    return np.full((n, 4, 8, 3), value), None if mask is None else np.full((n, 4, 8), mask)


def texts(fig):
    return [text.get_text() for text in fig.texts]


def test_a_row_a_class_and_augmented_images_at_the_right(tmp_path):
    rows = [
        ("many\n9 (90 %)", block(2, 51.0), block(2, 102.0)),
        ("few\n1 (10 %)", block(1, 153.0), block(1, 204.0)),
    ]
    fig = report.example_sheet("made", ("plain", "changed"), rows)
    shown = [np.asarray(ax.images[0].get_array()).mean() for ax in fig.axes]
    np.testing.assert_allclose(shown, [0.2, 0.2, 0.6, 0.4, 0.4, 0.8])
    left, top = zip(*[ax.get_position().get_points()[0] for ax in fig.axes], strict=True)
    order = np.unique(np.round(left, 9), return_inverse=True)[1]
    assert order.tolist() == [0, 1, 0, 2, 3, 2]
    assert np.unique(np.round(top, 9), return_inverse=True)[1].tolist() == [1, 1, 0, 1, 1, 0]
    assert {"plain", "changed", "many\n9 (90 %)", "few\n1 (10 %)"} <= set(texts(fig))
    assert not fig.legends
    # Everything lies on the sheet, and images keep their shape.
    for ax in fig.axes:
        box = ax.get_position()
        assert 0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1
        width, height = box.width * fig.get_figwidth(), box.height * fig.get_figheight()
        np.testing.assert_allclose(width / height, 2)
    report.save(fig, tmp_path / "sheet.png")


def test_masks_are_tinted_and_named():
    rows = [
        ("a", block(1, 0.0, 1), block(1, 0.0, 255)),
        ("b", block(1, 0.0, 0), block(1, 0.0, 2)),
    ]
    fig = report.example_sheet("made", ("", ""), rows, ["background", "a", "b"], 255)
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["a", "b", "void"]
    coloured = [np.asarray(ax.images[0].get_array()).any() for ax in fig.axes]
    assert coloured == [True, False, True, True]


def test_histograms_have_equal_areas_and_leave_the_ends_out():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.uniform(0, 1, 1000), np.zeros(1000)])
    x[0, 0] = 1e9
    labels = np.arange(1000) % 10 == 0
    fig = report.column_histograms("made", x, labels.astype(int), ["u", "zero"], ["no", "yes"])
    column, constant = fig.axes[:2]
    for curve in column.patches:
        values, edges, _ = curve.get_data()
        np.testing.assert_allclose((values * np.diff(edges)).sum(), 1)
        assert edges[-1] < 1.01
    assert column.get_title(loc="left") == "u" and len(constant.patches) == 2
    assert [ax.get_visible() for ax in fig.axes] == [True, True, False, False]
    legend = [text.get_text() for text in fig.legends[0].get_texts()]
    assert legend == ["no (900)", "yes (100)"]


def test_of_many_classes_the_rarest_are_drawn():
    labels = np.repeat(np.arange(12), np.arange(12, 0, -1))
    fig = report.column_histograms(
        "made", np.arange(len(labels))[:, None], labels, ["n"], [f"c{i}" for i in range(12)]
    )
    legend = [text.get_text() for text in fig.legends[0].get_texts()]
    assert len(legend) == 8 and legend[-1] == "c11 (1)"
