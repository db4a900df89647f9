"""Figures made of images: what the network looked at, and where masks are right or wrong."""

import numpy as np
from matplotlib.patches import Patch

from dawn_tf.evaluation.report.style import GREY, class_colors, new_figure, shorten, styled


@styled
def decoder_maps(images, gate, global_features, detail_features, captions):
    """Gate and decoder maps beside their images, one row for each example.

    The gate is averaged over channels: 1 takes the detail decoder's features, 0 the global
    decoder's. Decoder maps are the length of the feature vector at each place, each scaled to
    its own largest value.

    Args:
        images: `(n, height, width, channels)` in 0..255.
        gate: `(n, rows, cols, channels)` in 0..1, the model's output of that name.
        global_features: `(n, rows, cols, channels)`, output "global".
        detail_features: `(n, rows, cols, channels)`, output "detail".
        captions: One short text for each image.
    """
    n, (height, width) = len(images), images[0].shape[:2]
    fig = new_figure(10, 1.3 + (2.4 * height / width + 0.3) * n, layout="compressed")
    axes = fig.subplots(n, 4, squeeze=False)
    for i, row in enumerate(axes):
        row[0].imshow(to_rgb(images[i]))
        row[0].set_xlabel(shorten(captions[i], 34, lines=2), loc="left", fontsize=10)
        shown = row[1].imshow(gate[i].mean(-1), cmap="cividis", vmin=0, vmax=1)
        for ax, features in zip(row[2:], (global_features[i], detail_features[i]), strict=True):
            ax.imshow(np.linalg.norm(features, axis=-1), cmap="cividis", vmin=0)
    for ax, title in zip(
        axes[0], ("image", "gate", "global decoder", "detail decoder"), strict=True
    ):
        ax.set_title(title)
    clear(axes)
    label = "gate: 0 global … 1 detail   |   decoder maps: 0 … their largest value"
    bar = fig.colorbar(shown, ax=axes, location="bottom", shrink=0.5, aspect=40, label=label)
    bar.outline.set_visible(False)
    return fig


@styled
def mask_overlays(images, y_true, y_pred, captions, class_names, ignore_class=None):
    """Images with their true and predicted masks, one row for each example.

    Class 0, the background, is left clear. White lines on the prediction outline the truth.

    Args:
        images: `(n, height, width, channels)` in 0..255.
        y_true: Integer masks, `(n, height, width)`.
        y_pred: Integer masks, `(n, height, width)`.
        captions: One short text for each image, for instance "best: IoU 0.97".
        class_names: Name of each class, the background first.
        ignore_class: Label of void pixels, shown in grey, or `None`.
    """
    n, (height, width) = len(images), images[0].shape[:2]
    colors = class_colors(len(class_names))
    fig = new_figure(9, 0.9 + (2.9 * height / width + 0.3) * n, layout="compressed")
    axes = fig.subplots(n, 3, squeeze=False)
    for i, (plain, truth, prediction) in enumerate(axes):
        image = to_rgb(images[i])
        plain.imshow(image)
        plain.set_xlabel(shorten(captions[i], 42, lines=2), loc="left", fontsize=10)
        truth.imshow(overlay(image, y_true[i], colors, ignore_class))
        prediction.imshow(overlay(image, y_pred[i], colors, None))
        for c in np.unique(y_true[i]):
            if c not in (0, ignore_class):
                outline = {"levels": [0.5], "colors": "white", "linewidths": 1.2}
                prediction.contour(y_true[i] == c, **outline)
    for ax, title in zip(axes[0], ("image", "truth", "prediction"), strict=True):
        ax.set_title(title)
    clear(axes)
    shown = [c for c in np.union1d(y_true, y_pred) if c not in (0, ignore_class)]
    patches = [Patch(color=colors[c - 1], label=shorten(class_names[c])) for c in shown]
    if ignore_class is not None and np.any(y_true == ignore_class):
        patches.append(Patch(color=GREY, label="void"))
    fig.legend(handles=patches, loc="outside lower center", ncols=min(4, max(1, len(patches))))
    return fig


def overlay(image, mask, colors, ignore_class, opacity=0.5):
    """`image` in 0..1 with the classes of `mask` above 0 tinted."""
    tinted = image.copy()
    for c in np.unique(mask):
        if c != 0:
            color = (0.54, 0.54, 0.54) if c == ignore_class else colors[c - 1]
            tinted[mask == c] = (1 - opacity) * image[mask == c] + opacity * np.array(color)
    return tinted


def to_rgb(image):
    """An image in 0..255 with any number of channels as RGB in 0..1."""
    image = np.clip(np.asarray(image, float) / 255, 0, 1)
    return image[..., :3] if image.shape[-1] >= 3 else np.repeat(image[..., :1], 3, -1)


def clear(axes):
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
