"""Marks: small pictures pasted at a place of an image."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

COLORS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}
_SHADES = {"bright": 1, "dark": 0, **COLORS}


class Mark(NamedTuple):
    """A rectangle of one look at one place, in pixels.

    Attributes:
        kind: `"bright"`, `"dark"`, or a color of `COLORS`.
        row: Of its upper edge.
        column: Of its left edge.
        height: In pixels.
        width: In pixels.
    """

    kind: str
    row: int
    column: int
    height: int
    width: int

    @property
    def place(self) -> tuple[slice, slice]:
        """The rows and columns that it covers."""
        rows = slice(self.row, self.row + self.height)
        return rows, slice(self.column, self.column + self.width)

    def overlaps(self, other: "Mark") -> bool:
        """Return whether the two have a pixel in common."""
        return (
            self.row < other.row + other.height
            and other.row < self.row + self.height
            and self.column < other.column + other.width
            and other.column < self.column + self.width
        )


class Ink(NamedTuple):
    """What marks are drawn with.

    Attributes:
        low: Black, as the network takes it.
        high: White.
        num_colors: Of an image.
    """

    low: float
    high: float
    num_colors: int

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of marks that images of so many channels can have."""
        return tuple(_SHADES)[: 5 if self.num_colors == 3 else 2]

    def draw(self, mark: Mark) -> np.ndarray:
        """Return the pixels of a mark, shape `(height, width, color)`."""
        shade = np.asarray(_SHADES[mark.kind], np.float32)
        values = self.low + (self.high - self.low) * shade
        return np.broadcast_to(values, (mark.height, mark.width, self.num_colors))

    def paste(self, images: np.ndarray, mark: Mark) -> np.ndarray:
        """Return copies of images with a mark on them."""
        pasted = images.copy()
        pasted[:, *mark.place] = self.draw(mark)
        return pasted


def grid(shape: tuple[int, int], side: int, step: int) -> Iterator[tuple[int, int]]:
    """Yield the upper left corners of squares that lie on an image, edges included."""
    rows, columns = (
        sorted({*range(0, length - side + 1, step), length - side}) for length in shape
    )
    return ((row, column) for row in rows for column in columns)
