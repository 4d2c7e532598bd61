"""Maps as pictures: each stretched to its own gray scale, many packed into one file.

A map is an array `(y, x, color)` of 1 or 3 colors, in any range, NaN where there is
none.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

PERCENTILES = (1.0, 99.0)  # what is shown black and white
NO_MAP, DRAWN, FLAT = 0, 1, 2
_FLAT_RANGE = 1e-6
_SHEET_PIXELS = 12_000_000
_WIDEST_COVER = 6  # maps in a row of a cover
_TALLEST_COVER = 4
_QUALITY = 90


@dataclass(frozen=True)
class Stretch:
    """A map between 0 and 255, the values shown black and white, and what it is."""

    pixels: np.ndarray
    low: float
    high: float
    kind: int


@dataclass(frozen=True)
class Packing:
    """How `num_maps` maps lie in sheets: row after row, `columns` in a row."""

    height: int
    width: int
    per_sheet: int
    columns: int


def stretch_map(image: np.ndarray) -> Stretch:
    """Return a map on a gray scale of its own, all colors alike.

    Black and white are the 1st and the 99th percentile of its values. A flat map is
    middle gray throughout.

    Args:
        image: Shape `(y, x, color)`.
    """
    image = np.asarray(image, np.float64)
    if not np.isfinite(image).all():
        return Stretch(np.zeros(image.shape, np.uint8), math.nan, math.nan, NO_MAP)
    low, high = (float(each) for each in np.percentile(image, PERCENTILES))
    if high - low <= _FLAT_RANGE * max(1.0, abs(low), abs(high)):
        return Stretch(np.full(image.shape, 128, np.uint8), low, high, FLAT)
    share = np.clip((image - low) / (high - low), 0, 1)
    return Stretch(np.rint(255 * share).astype(np.uint8), low, high, DRAWN)


def plan_packing(num_maps: int, height: int, width: int) -> Packing:
    """Return how to pack maps of `height` by `width` pixels, nearly square sheets."""
    most = max(1, _SHEET_PIXELS // (height * width))
    per_sheet = max(1, min(num_maps, most))
    columns = max(1, round(math.sqrt(per_sheet * height / width)))
    return Packing(height, width, per_sheet, min(columns, per_sheet))


def pack_sheets(maps: np.ndarray, packing: Packing) -> list[bytes]:
    """Return maps as WebP pictures of `packing.per_sheet` maps each.

    Args:
        maps: Stretched, shape `(maps, y, x, color)`, 1 or 3 colors.
        packing: Their layout.
    """
    step = packing.per_sheet
    return [
        encode_picture(tile(maps[start : start + step], packing.columns))
        for start in range(0, len(maps), step)
    ]


def tile(maps: np.ndarray, columns: int, gap: int = 0) -> np.ndarray:
    """Return maps `(maps, y, x, color)` as one picture, `gap` white pixels apart."""
    count, height, width, colors = maps.shape
    rows = -(-count // columns)
    size = (rows * (height + gap) - gap, columns * (width + gap) - gap, colors)
    sheet = np.full(size, 255, np.uint8)
    for index, each in enumerate(maps):
        top, left = (
            (height + gap) * (index // columns),
            (width + gap) * (index % columns),
        )
        sheet[top : top + height, left : left + width] = each
    return sheet


def make_cover(grid: np.ndarray) -> bytes:
    """Return a few maps of a grid as a picture for a card.

    Args:
        grid: Stretched, shape `(rows, columns, y, x, color)`.
    """
    rows = _spread(grid.shape[0], _TALLEST_COVER)
    columns = _spread(grid.shape[1], _WIDEST_COVER)
    chosen = grid[np.ix_(rows, columns)].reshape(-1, *grid.shape[2:])
    return encode_picture(tile(chosen, len(columns), gap=4))


def encode_picture(pixels: np.ndarray) -> bytes:
    """Return `(y, x, color)` as WebP."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=_QUALITY, method=4)
    return stream.getvalue()


def _spread(length: int, most: int) -> list[int]:
    """Return at most `most` positions, evenly from the first to the last."""
    count = min(length, most)
    return np.linspace(0, length - 1, count).round().astype(int).tolist()
