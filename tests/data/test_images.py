import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dawn_tf.data import images
from dawn_tf.data.errors import DataError
from dawn_tf.data.images import decode_image, decode_mask, encoded_size, read_images, read_masks
from dawn_tf.data.lazy import is_lazy

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (12, 16, 3)).astype("uint8")


def png(array):
    return tf.io.encode_png(array).numpy()


def test_the_right_size_passes_through_unchanged():
    decoded = decode_image(png(IMAGE), (12, 16))
    assert decoded.dtype == "uint8"
    np.testing.assert_array_equal(decoded, IMAGE)


def test_halving_averages_over_the_antialiasing_triangle():
    # Triangle of half-width 2 at half size: weights 1/8, 3/8, 3/8, 1/8 inside.
    row = np.array([0, 0, 80, 240, 240, 0, 0, 0], "uint8")
    image = np.broadcast_to(row[None, :, None], (8, 8, 3))
    decoded = decode_image(png(image), (8, 4)).numpy()
    assert decoded[4, 1, 0] == (0 + 3 * 80 + 3 * 240 + 240) / 8
    assert decoded[4, 2, 0] == (240 + 3 * 240 + 0 + 0) / 8


@pytest.mark.parametrize("size", [(12, 16), (6, 5)])
def test_the_same_in_a_graph_with_static_shape(size):
    data = tf.data.Dataset.from_tensors(png(IMAGE)).map(lambda b: decode_image(b, size))
    assert data.element_spec.shape == (*size, 3)
    np.testing.assert_array_equal(next(iter(data)), decode_image(png(IMAGE), size))


def test_grey_files_become_three_channels_and_back():
    grey = IMAGE[..., :1]
    np.testing.assert_array_equal(decode_image(png(grey), (12, 16)), np.repeat(grey, 3, -1))
    assert decode_image(png(IMAGE), (12, 16), channels=1).shape == (12, 16, 1)


def test_masks_keep_their_values_when_resized():
    mask = RNG.choice(np.array([0, 7, 255], "uint8"), (30, 40))
    np.testing.assert_array_equal(decode_mask(png(mask[..., None]), (30, 40)), mask)
    resized = decode_mask(png(mask[..., None]), (13, 11)).numpy()
    assert resized.shape == (13, 11) and set(np.unique(resized)) <= {0, 7, 255}


def test_image_and_mask_of_one_picture_stay_aligned():
    # A lesion in one corner: its outline is within a pixel after the resize of both.
    lesion = np.zeros((90, 120, 3), "uint8")
    lesion[10:50, 20:70] = 255
    image = decode_image(png(lesion), (32, 32)).numpy()[..., 0] > 127
    mask = decode_mask(png(lesion[..., :1]), (32, 32)).numpy() > 127
    assert np.argwhere(image).min(0) == pytest.approx(np.argwhere(mask).min(0), abs=1)
    assert np.argwhere(image).max(0) == pytest.approx(np.argwhere(mask).max(0), abs=1)


def test_many_come_in_order():
    files = {f"{i}.png": png(np.full((4, 4, 3), i, "uint8")) for i in range(20)}
    array = read_images(list(files), files.__getitem__, (4, 4))
    np.testing.assert_array_equal(array[:, 0, 0, 0], np.arange(20))
    assert read_masks(list(files), files.__getitem__, (4, 4)).shape == (20, 4, 4)


@pytest.mark.parametrize("content", [b"", b"no image", png(IMAGE)[:60]], ids=["0", "text", "cut"])
def test_a_corrupt_image_is_named(content):
    with pytest.raises(
        DataError, match=r"'b\.png', which cannot be decoded \(.+\)\. Fetch this file"
    ):
        read_images(["b.png"], {"b.png": content}.__getitem__, (4, 4))


def test_what_does_not_fit_is_lazy_or_refused_before_decoding():
    names = ["a"] * (images.MAX_BYTES // 3 // 1024**2 + 1)
    assert is_lazy(read_images(names, None, (1024, 1024)))
    with pytest.raises(DataError, match=r"4\.0 GiB.*Choose a smaller --image-size"):
        read_images(names, None, (1024, 1024), in_memory=True)


def test_an_image_that_claims_more_pixels_than_memory_holds_is_refused():
    image = bytearray(png(np.zeros((2, 2, 3), "uint8")))
    image[16:24] = struct.pack(">II", 60_000, 60_000)
    image[29:33] = struct.pack(">I", zlib.crc32(image[12:29]))
    with pytest.raises(DataError, match=r"at most 128 million pixels.*'a' of 3,433 mill"):
        read_images(["a"], lambda name: bytes(image), (4, 4))
    frames = [Image.new("L", (9, 7 + i)) for i in range(3)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], optimize=False)
    gif = bytearray(file.getvalue())
    read_images(["a"], lambda name: bytes(gif), (4, 4))
    last = gif.rindex(b",\0\0\0\0")
    gif[last + 5 : last + 9] = struct.pack("<HH", 20_000, 10_000)  # The third frame.
    with pytest.raises(DataError, match="'a' of 191 million"):
        read_images(["a"], lambda name: bytes(gif), (4, 4))


@pytest.mark.parametrize("encode", [tf.io.encode_png, tf.io.encode_jpeg], ids=["png", "jpeg"])
def test_size_by_the_header(encode):
    assert encoded_size(encode(IMAGE).numpy(), "a") == (12, 16)


def test_size_of_gif_and_bmp():
    gif = b"GIF89a" + struct.pack("<HH", 16, 12)
    upside_down = b"BM" + bytes(16) + struct.pack("<ii", 16, -12)
    assert encoded_size(gif, "a") == encoded_size(upside_down, "a") == (12, 16)


@pytest.mark.parametrize("start", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b""])
def test_no_bytes_bring_it_down(start):
    jpeg = tf.io.encode_jpeg(IMAGE).numpy()
    contents = [start + RNG.bytes(n) for n in (0, 5, 30, 300)]
    contents += [jpeg[: len(jpeg) // 2], b"\x89PNG" + bytes(4)]
    for content in contents:
        with pytest.raises(DataError, match="'x'(, which cannot be decoded| of .* million)"):
            read_images(["x"], lambda name, content=content: content, (4, 4))


@pytest.mark.parametrize("content", [b"", b"RIFF", b"\xff\xd8\xff\xe0", b"\x89PNG", b"GIF8", b"BM"])
def test_no_size_of_what_is_no_image(content):
    with pytest.raises(DataError, match="'x', which cannot be decoded"):
        encoded_size(content, "x")
