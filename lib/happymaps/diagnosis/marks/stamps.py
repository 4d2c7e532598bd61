"""Marks: small pictures pasted at a place of an image."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

PLAIN_KINDS = ("bright", "dark", "average", "checkered")
COLORS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}
_SQUARES = 5  # of a checkered mark, along a side


class Mark(NamedTuple):
    """A rectangle of one look at one place, in pixels.

    Attributes:
        kind: `"bright"`, `"dark"`, `"average"`, `"checkered"`, or a color of `COLORS`.
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
        average: The average image, shape `(y, x, color)`.
    """

    low: float
    high: float
    average: np.ndarray

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of marks that images of so many channels can have."""
        return (*PLAIN_KINDS, *(COLORS if self.average.shape[-1] == 3 else ()))

    def draw(self, mark: Mark) -> np.ndarray:
        """Return the pixels of a mark, shape `(height, width, color)`."""
        shape = (mark.height, mark.width, self.average.shape[-1])
        if mark.kind == "average":
            return self.average[mark.place]
        if mark.kind == "checkered":
            side = max(1, round(min(mark.height, mark.width) / _SQUARES))
            squares = np.indices(shape[:2]) // side
            values = (squares.sum(axis=0) % 2 == 0)[..., None]
        else:
            values = COLORS.get(mark.kind, float(mark.kind == "bright"))
        values = self.low + (self.high - self.low) * np.asarray(values, np.float32)
        return np.broadcast_to(values, shape)

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
