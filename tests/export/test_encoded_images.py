import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dawn_tf.export.encoded_images import MAX_PIXELS, decode_images

SHAPE = (16, 12, 3)


def encode(kind, size, mode="RGB"):
    pixels = np.random.default_rng(1).integers(0, 255, (*size, 3), dtype="uint8")
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind)
    return file.getvalue()


def png_header(width, height):
    """A PNG that says it is that large, and holds a few bytes."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


@pytest.fixture(scope="module")
def decode():
    return tf.function(
        lambda images: decode_images(images, SHAPE),
        input_signature=[tf.TensorSpec((None,), tf.string)],
    )


def test_images_are_decoded_and_resized_as_in_training(decode):
    encoded, expected = [], []
    for kind, size in (("PNG", (16, 12)), ("JPEG", (40, 30)), ("PNG", (7, 9))):
        encoded.append(encode(kind, size))
        decoded = tf.io.decode_image(encoded[-1], channels=3).numpy().astype("float32")
        resized = tf.image.resize(decoded, (16, 12), antialias=True).numpy()
        expected.append(decoded if size == (16, 12) else np.rint(resized).clip(0, 255))
    np.testing.assert_array_equal(decode(encoded), expected)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "I;16"])
def test_every_kind_of_png_gives_three_channels(mode, decode):
    assert decode([encode("PNG", (5, 5), mode)]).shape == (1, *SHAPE)


def test_a_grey_jpeg_and_one_for_print_give_three_channels(decode):
    assert decode([encode("JPEG", (5, 5), "L"), encode("JPEG", (5, 5), "CMYK")]).shape[0] == 2


def test_no_image_is_an_empty_batch(decode):
    assert decode(tf.constant([], tf.string)).shape == (0, *SHAPE)


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "Expected an encoded JPEG or PNG"),
        (b"GIF89a\1\0\1\0", "Expected an encoded JPEG or PNG"),
        (b"\x89PNG", "Expected an encoded JPEG or PNG"),
        (b"\xff\xd8\xff", "JPEG"),
        (encode("JPEG", (40, 30))[:100], "JPEG"),
        (encode("PNG", (40, 30))[:-400], "PNG"),
        (png_header(20_000, 20_000), f"at most {MAX_PIXELS} pixels"),
        (png_header(2**31 - 1, 2**31 - 1), f"at most {MAX_PIXELS} pixels"),
        (png_header(0, 5), "PNG"),
    ],
    ids=["empty", "GIF", "head", "JPEG head", "half a JPEG", "half a PNG", "large", "huge", "0"],
)
def test_anything_else_is_an_error_where_the_graph_runs(data, message, decode):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        decode([data])
