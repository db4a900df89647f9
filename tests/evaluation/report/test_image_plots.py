import numpy as np

from dawn_tf.evaluation import report
from dawn_tf.evaluation.report.image_plots import overlay, to_rgb


def test_maps_are_the_mean_gate_and_the_length_of_features():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 8, 12, 1))
    gate, coarse, fine = (rng.random((2, 4, 6, channels)) for channels in (3, 5, 5))
    fig = report.decoder_maps(images, gate, coarse, fine, ["one", "two"])
    shown = [ax.images[0] for ax in fig.axes[:8]]
    np.testing.assert_allclose(shown[4].get_array(), np.repeat(images[1] / 255, 3, -1))
    np.testing.assert_allclose(shown[5].get_array(), gate[1].mean(-1))
    np.testing.assert_allclose(shown[6].get_array(), np.sqrt((coarse[1] ** 2).sum(-1)))
    np.testing.assert_allclose(shown[7].get_array(), np.sqrt((fine[1] ** 2).sum(-1)))
    assert shown[5].get_clim() == (0, 1)
    assert [ax.get_xlabel() for ax in fig.axes[:8:4]] == ["one", "two"]


def test_overlays_tint_classes_and_void_and_leave_the_background():
    image = np.full((2, 2, 3), 0.5)
    tinted = overlay(image, np.array([[0, 1], [2, 255]]), np.array([[1, 0, 0], [0, 0, 1]]), 255)
    np.testing.assert_allclose(tinted[0, 0], 0.5)
    np.testing.assert_allclose(tinted[0, 1], [0.75, 0.25, 0.25])
    np.testing.assert_allclose(tinted[1, 0], [0.25, 0.25, 0.75])
    np.testing.assert_allclose(tinted[1, 1], 0.52)
    np.testing.assert_allclose(image, 0.5)


def test_mask_figure_names_the_classes_it_shows():
    images = np.zeros((2, 6, 8, 3))
    truth, predicted = np.zeros((2, 6, 8), int), np.zeros((2, 6, 8), int)
    truth[0, 2:4, 2:5], truth[1, 0], predicted[1, 3:, 3:] = 1, 255, 3
    names = ["background", "a", "b", "c"]
    fig = report.mask_overlays(images, truth, predicted, ["best", "worst"], names, 255)
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["a", "c", "void"]
    assert len(fig.axes) == 6


def test_masks_without_any_foreground_can_be_shown(tmp_path):
    empty = np.zeros((1, 4, 4), int)
    fig = report.mask_overlays(np.zeros((1, 4, 4, 1)), empty, empty, ["empty"], ["skin", "lesion"])
    report.save(fig, tmp_path / "empty.png")


def test_images_of_any_channel_count_become_rgb():
    assert to_rgb(np.full((2, 2, 1), 255)).tolist() == np.ones((2, 2, 3)).tolist()
    np.testing.assert_allclose(to_rgb(np.full((2, 2, 4), 51.0)), np.full((2, 2, 3), 0.2))
    np.testing.assert_allclose(to_rgb(np.full((2, 2, 3), 300.0)), 1)
