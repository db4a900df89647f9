from keras import ops


def augment(images, noise):
    """Shifts, brightens and cuts out images by operations that gradients pass.

    Real and made images are augmented alike before they are compared, so that few real ones are not
    learned by heart. Brightness changes by up to 0.5 of the range of 2, the image is shifted over
    black by up to an eighth of its sides, and a square of half of the sides is grey.
    After [Zhao et al., 2020](https://arxiv.org/abs/2006.10738).

    Args:
        images: In `[-1, 1]`, `(batch, height, width, channels)`.
        noise: In `[0, 1)`, `(batch, 5)`.
    """
    height, width = images.shape[1:3]
    images = images + noise[:, 0, None, None, None] - 0.5
    down, across = shift_matrix(noise[:, 1], height), shift_matrix(noise[:, 2], width)
    # Black is -1: shifted is what lies above it.
    images = ops.einsum("bij,bjkc->bikc", down, images + 1.0)
    images = ops.einsum("bkl,bilc->bikc", across, images) - 1.0
    rows, columns = inside(noise[:, 3], height), inside(noise[:, 4], width)
    kept = 1.0 - rows[:, :, None] * columns[:, None, :]
    return images * kept[..., None]


def shift_matrix(noise, size):
    """For each example, the matrix that moves `size` rows by up to an eighth of them."""
    farthest = max(1, round(size / 8))
    steps = ops.floor(noise * (2 * farthest + 1)) - farthest
    places = ops.arange(size, dtype="float32")
    moved = places[None, :] + steps[:, None]
    return ops.cast(ops.equal(places[None, :, None], moved[:, None, :]), "float32")


def inside(noise, size):
    """For each example, 1 in a random stretch of half of `size` places, which may reach out."""
    half = max(1, size // 2)
    start = ops.floor(noise * (size + 1)) - half // 2
    distance = ops.arange(size, dtype="float32")[None, :] - start[:, None]
    return ops.cast(ops.logical_and(distance >= 0, distance < half), "float32")
