"""Changing the size of feature maps, `(batch, height, width, channels)`."""

from keras import ops


def resize(x, size):
    """Bilinear interpolation to `size = (height, width)`, pixel centres aligned at half pixels.

    A fixed linear map over space with weights that sum to one: it commutes with every 1x1
    convolution, bias included. The decoders rest on that.
    """
    if tuple(x.shape[1:3]) == tuple(size):
        return x
    return ops.image.resize(x, size, interpolation="bilinear", data_format="channels_last")


def pool_to_grid(x, grid):
    """Average pooling by the smallest whole stride that leaves at most `grid` rows and columns."""
    stride = tuple(-(-side // grid) for side in x.shape[1:3])
    if stride == (1, 1):
        return x
    return ops.average_pool(x, stride, strides=stride, padding="same", data_format="channels_last")
