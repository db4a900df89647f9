"""Mutations of bytes, texts and JSON values, each a function of a `random.Random`."""

import json
import struct
import zlib

INTERESTING = (0, 1, -1, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)


def mutate_bytes(rng, content, others=()):
    """`content` after one to four changes; `others` are for splicing."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        change = rng.randrange(8)
        at = rng.randrange(len(data) + 1)
        if change == 0 and data:  # A bit.
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif change == 1 and data:  # A byte.
            data[at % len(data)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif change == 2:  # A number that lengths and offsets trip over.
            form = rng.choice(("<I", ">I", "<H", ">H", "<Q"))
            number = rng.choice(INTERESTING) % 2 ** (8 * struct.calcsize(form))
            data[at : at + struct.calcsize(form)] = struct.pack(form, number)
        elif change == 3:  # Something missing.
            del data[at : at + rng.randrange(1, 64)]
        elif change == 4:  # Something twice.
            data[at:at] = data[at : at + rng.randrange(1, 64)] * rng.choice((1, 1, 50))
        elif change == 5:  # Something strange.
            data[at:at] = rng.randbytes(rng.randrange(1, 32))
        elif change == 6:  # The end.
            del data[at:]
        elif others:  # Half of another.
            other = rng.choice(others)
            data[at:] = other[rng.randrange(len(other) + 1) :]
    return bytes(data)


def with_png_checksums(content):
    """`content`, a PNG, with the checksum of every chunk put right."""
    data, at = bytearray(content[:8]), 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        body = content[at + 4 : at + 8 + length]
        data += content[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return bytes(data)


TOKENS = (
    *("", '"', "'", '""', ",", ",,", "\t", "\n", "\r\n", "\r", "\0", " ", ";", "#", "\\", "\ufeff"),
    *(
        "NA",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "1e400",
        "1e38",
        "-1e39",
        "0x10",
        "1_000",
        "1,5",
        "٣",
        "½",
    ),
    *("9" * 30, "0" * 300, "-", "+1", ".5", "5.", "1e", "true", "False", "null", "None"),
    *(
        "2020-01-01",
        "2020-01-01 10:00:00",
        "ä",
        "\u200b",
        "\ud7ff",
        "😀",
        "=1+1",
        "../../x",
        "[",
        "{",
    ),
)


def mutate_text(rng, text):
    """`text` after one to four changes of tokens."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(text) + 1)
        change = rng.randrange(5)
        if change == 0:
            text = text[:at] + rng.choice(TOKENS) + text[at:]
        elif change == 1:
            text = text[:at] + text[at + rng.randrange(1, 30) :]
        elif change == 2:
            text = text[:at] + rng.choice(TOKENS) + text[at + rng.randrange(1, 8) :]
        elif change == 3:
            text = text[:at] + text[at : at + 40] * rng.choice((2, 100)) + text[at + 40 :]
        else:
            lines = text.split("\n")
            rng.shuffle(lines)
            text = "\n".join(lines)
    return text


def random_value(rng, depth=2):
    """Something JSON has."""
    kind = rng.randrange(9 if depth else 7)
    if kind == 0:
        return None
    if kind == 1:
        return rng.random() < 0.5
    if kind == 2:
        return rng.choice((*INTERESTING, 10**40, -(2**63) - 1))
    if kind == 3:
        return rng.choice((0.5, -0.0, 1e308, 1e-320, float("nan"), float("inf")))
    if kind == 4:
        return rng.choice(TOKENS)
    if kind == 5:
        return "x" * rng.choice((0, 1, 10_000))
    if kind == 6:
        return rng.choice(([], {}))
    if kind == 7:
        return [random_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    return {rng.choice(TOKENS): random_value(rng, depth - 1) for _ in range(rng.randrange(4))}


def mutate_value(rng, value):
    """`value`, of JSON, with something in it replaced, added or removed."""
    value = json.loads(json.dumps(value))
    if rng.random() < 0.1 or not isinstance(value, dict | list) or not value:
        return random_value(rng)
    if isinstance(value, list):
        i = rng.randrange(len(value))
        if rng.random() < 0.3:
            value.insert(i, random_value(rng))
        else:
            value[i] = mutate_value(rng, value[i])
        return value
    key = rng.choice(list(value))
    change = rng.random()
    if change < 0.2:
        del value[key]
    elif change < 0.4:
        value[rng.choice((*TOKENS, key + "x"))] = random_value(rng)
    else:
        value[key] = mutate_value(rng, value[key])
    return value
