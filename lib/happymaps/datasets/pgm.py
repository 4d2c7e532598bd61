"""Portable graymaps, exactly: every value divided by the maximum of its own header.

Pillow rounds a graymap whose maximum is below 255 to 8 bits (off by up to half a gray
level), which is why it is not used here.
"""

import re

import numpy as np

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(
    rb"(P[25])" + _GAP + rb"(\d{1,6})" + _GAP + rb"(\d{1,6})" + _GAP + rb"(\d{1,6})\s"
)


def is_pgm(content: bytes) -> bool:
    """Return whether `content` begins like a plain or a binary PGM file."""
    return content[:2] in (b"P2", b"P5")


def decode_pgm(content: bytes) -> np.ndarray:
    """Return the image in a PGM file; what follows the first image is ignored.

    Args:
        content: The file: plain (`P2`) or binary (`P5`), up to 16 bits a pixel.

    Returns:
        float32 in [0, 1] of shape `(height, width)`: value / the header's maximum.

    Raises:
        ValueError: Not a PGM file, too few pixels, or a pixel above the maximum.
    """
    header = _HEADER.match(content)
    if header is None:
        raise ValueError(
            "Expected a PGM file: P2 or P5, width, height, maximum. "
            f"Received a file that begins with {content[:16]!r}."
        )
    width, height, maximum = (int(number) for number in header.groups()[1:])
    if not (width and height and 1 <= maximum <= 65535):
        raise ValueError(
            "Expected a PGM file of positive size with a maximum from 1 to 65535. "
            f"Received {width}x{height}, maximum {maximum}."
        )
    read = _read_plain if header[1] == b"P2" else _read_binary
    values = read(content[header.end() :], maximum)[: width * height]
    if values.size < width * height or values.max() > maximum:
        raise ValueError(
            f"Expected {width * height} values up to {maximum} in a PGM file. "
            f"Received {values.size} values up to {values.max(initial=0)}."
        )
    pixels = values.astype(np.float32) / np.float32(maximum)
    return pixels.reshape(height, width)


def _read_plain(body: bytes, maximum: int) -> np.ndarray:
    text = re.sub(rb"#[^\r\n]*", b"", body) if b"#" in body else body
    strange = text.translate(None, b"0123456789 \t\r\n\v\f")
    if strange:
        raise ValueError(
            f"Expected numbers in a plain PGM file. Received {strange[:16]!r}."
        )
    # np.array(text.split()) gives the same values and takes five times as long.
    return np.fromstring(text, dtype=np.int64, sep=" ") if text.strip() else _NOTHING


def _read_binary(body: bytes, maximum: int) -> np.ndarray:
    if maximum < 256:
        return np.frombuffer(body, np.uint8)
    return np.frombuffer(body, ">u2", count=len(body) // 2)


_NOTHING = np.zeros(0, np.int64)
