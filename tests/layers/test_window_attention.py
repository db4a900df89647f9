import numpy as np
import pytest

from dawn_tf.layers import WindowAttention


def reference(x, layer, window, shift):
    """Each place looks at the places of its window, one by one, in plain numpy."""
    batch, height, width, channels = x.shape
    sides = min(window, height), min(window, width)
    moved = [
        side // 2 if shift and side < size else 0
        for side, size in zip(sides, (height, width), strict=True)
    ]
    heads, depth = layer.num_heads, channels // layer.num_heads
    qkv = x @ np.asarray(layer.query_key_value.kernel) + np.asarray(layer.query_key_value.bias)
    qkv = qkv.reshape(batch, height, width, 3, heads, depth)
    table = np.asarray(layer.bias_table)

    def window_of(place, side, offset):
        # Windows start at `offset`; what lies before it is a window of its own.
        return -1 if place < offset else (place - offset) // side

    out = np.zeros((batch, height, width, heads, depth))
    places = [(i, j) for i in range(height) for j in range(width)]
    for i, j in places:
        own = window_of(i, sides[0], moved[0]), window_of(j, sides[1], moved[1])
        fellows = [
            (r, c)
            for r, c in places
            if (window_of(r, sides[0], moved[0]), window_of(c, sides[1], moved[1])) == own
        ]
        for head in range(heads):
            q = qkv[:, i, j, 0, head]
            scores = []
            for r, c in fellows:
                row = (i - r + sides[0] - 1) * (2 * sides[1] - 1) + j - c + sides[1] - 1
                k = qkv[:, r, c, 1, head]
                scores.append((q * k).sum(-1) / np.sqrt(depth) + table[row, head])
            weights = np.exp(scores - np.max(scores, 0))
            weights /= weights.sum(0)
            values = np.stack([qkv[:, r, c, 2, head] for r, c in fellows])
            out[:, i, j, head] = (weights[..., None] * values).sum(0)
    out = out.reshape(batch, height, width, channels)
    return out @ np.asarray(layer.projection.kernel) + np.asarray(layer.projection.bias)


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("size", [(6, 6), (7, 5), (2, 8), (1, 1)])
def test_windows_against_a_loop_over_places(size, shift):
    rng = np.random.default_rng(0)
    layer = WindowAttention(num_heads=2, window=3, shift=shift)
    x = rng.normal(size=(2, *size, 4)).astype("float32")
    layer.build(x.shape)
    layer.bias_table.assign(rng.normal(size=layer.bias_table.shape))
    layer.query_key_value.bias.assign(rng.normal(size=12))
    np.testing.assert_allclose(layer(x), reference(x, layer, 3, shift), atol=1e-5)


def test_heads_must_divide_the_channels():
    with pytest.raises(ValueError, match="Expected channels that num_heads=3 divides"):
        WindowAttention(num_heads=3).build((None, 4, 4, 4))
