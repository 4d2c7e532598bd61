"""Which images hold most of a mark, at its place."""

from collections.abc import Mapping

import numpy as np

from happymaps.diagnosis.marks.stamps import Ink, Mark

_SHIFT = 0.25  # of the mark's side, that it may lie elsewhere
_TAIL = 0.99  # of the other classes' images, the match that few of them reach


def read_mark(found: Mapping) -> Mark:
    """Return a mark that was pasted, of a finding.

    Raises:
        ValueError: A mark that was searched, whose pattern a finding does not hold.
    """
    if found["kind"] == "searched":
        raise ValueError(
            "Expected a mark that was pasted (bright, dark, a color, ...). Received: a "
            f"searched pattern for {found['class']!r}. Compare its picture on the page "
            "with the images yourself."
        )
    return Mark(found["kind"], *(found[name] for name in Mark._fields[1:]))


def match_mark(images: np.ndarray, mark: Mark) -> np.ndarray:
    """Return how well images match a mark at its place, 1 for exactly and 0 for not.

    `1 - mean |pixel - mark| / mean |average image - mark|`, cut off at 0: by how much
    the window is nearer to the mark than that of an average image. The mark may lie a
    quarter of its side elsewhere; the best such place counts.

    Args:
        images: In [0, 1], shape `(images, y, x, color)`.
        mark: A place within them.
    """
    ink, average = Ink(0.0, 1.0, images.shape[-1]), images.mean(axis=0)
    shift = round(_SHIFT * min(mark.height, mark.width))
    height, width = images.shape[1:3]
    drawn = ink.draw(mark)
    usual = max(float(np.abs(average[mark.place] - drawn).mean()), 1e-6)
    found = []
    for down in range(-shift, shift + 1):
        for right in range(-shift, shift + 1):
            moved = mark._replace(row=mark.row + down, column=mark.column + right)
            if moved.row < 0 or moved.row + moved.height > height:
                continue
            if moved.column < 0 or moved.column + moved.width > width:
                continue
            distance = np.abs(images[:, *moved.place] - drawn).mean(axis=(1, 2, 3))
            found.append(1 - distance / usual)
    return np.clip(np.max(found, axis=0), 0, 1)


def count_outstanding(matches: np.ndarray, is_own: np.ndarray) -> tuple[int, float]:
    """Return how many images of a class match better than 99 % of all others do.

    Args:
        matches: Of all images, as from `match_mark`.
        is_own: Which are of the class.

    Returns:
        The number, and the match from which they count.
    """
    others = matches[~is_own]
    limit = float(np.quantile(others, _TAIL)) if len(others) else 0.0
    return int((matches[is_own] > limit).sum()), limit
