"""Marks pasted at every place of a grid: what they do, and what else does as much.

All is measured in log-odds, log p / (1 - p): a share is 0 or 1 at many places, and
tells none of them apart. The push of a mark toward a class is the mean by which it
raises the class's log-odds in images that are not named so. Beside the marks stand
pieces of other images, pasted at their own place: what real content does.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from happymaps.diagnosis.marks.reading import Reader
from happymaps.diagnosis.marks.stamps import Ink, Mark, grid

_PASSES = 120_000  # images that go through a network while it is probed, at most
_VALUES = 5e10  # that its layers make of them, at most
_SIDES = (9.5, 5.6)  # a mark's side is the image's shorter side by this
_SWAPS = 2  # pieces of other images per image and place
_TAIL = 0.95  # of the pushes of real content, the quantile that counts
# Sizes, steps as a share of a side, images: the first that can be paid.
_PLANS = (
    (2, 0.5, 64), (2, 0.5, 32), (2, 0.75, 24), (1, 0.5, 24), (1, 0.75, 16),
    (1, 1.0, 16), (1, 1.0, 8),
)  # fmt: skip
_LEAST_IMAGES = 4  # that are not named as a class, for it to be looked at
_KEPT_PUSH = 0.9  # of a mark's push, so that a smaller one takes its place


class Scan(NamedTuple):
    """What marks did, of one size.

    Attributes:
        marks: Each.
        pushes: Shape `(marks, classes)`, in nat; NaN for classes that all images are
            named as.
        shares: Of images not named so, those that are named so with the mark.
        real: Shape `(places, classes)`: the 95 % quantile of the pushes of pieces of
            other images.
        places: A mark at each of them.
    """

    marks: list[Mark]
    pushes: np.ndarray
    shares: np.ndarray
    real: np.ndarray
    places: list[Mark]


class Candidate(NamedTuple):
    """The mark that stands out most toward a class.

    Attributes:
        mark: Where and what.
        label: The class.
        push: In nat.
        times: The push, over the largest of any mark of its size that does not touch
            it, and of real content at any place, its own too.
        z: How far the push lies from the median of all marks of its size and all
            classes, in deviations by the median absolute deviation.
        chance: The largest share that any mark of its size turns elsewhere.
    """

    mark: Mark
    label: int
    push: float
    times: float
    z: float
    chance: float


class Probe:
    """A network with the images that marks are pasted into.

    Args:
        reader: The network.
        images: In its range, shape `(images, y, x, color)`.
        ink: What marks are drawn with.
        seed: Of the pieces of other images.
    """

    def __init__(
        self, reader: Reader, images: np.ndarray, ink: Ink, seed: int = 0
    ) -> None:
        self._reader, self._images, self._ink = reader, images, ink
        self._before = reader.ask(images)
        named = self._before.argmax(axis=1)
        self._others = named[:, None] != np.arange(self._before.shape[1])
        self._donors = np.random.default_rng(seed).integers(
            len(images), size=(_SWAPS, len(images))
        )

    @property
    def counts(self) -> np.ndarray:
        """How many images are not named as each class."""
        return self._others.sum(axis=0)

    def try_marks(self, marks: Sequence[Mark]) -> tuple[np.ndarray, np.ndarray]:
        """Return pushes and turned shares of marks, each of shape (marks, classes)."""
        pasted = (self._ink.paste(self._images, mark) for mark in marks)
        found = [self._compare(odds) for odds in self._reader.ask_each(pasted)]
        return tuple(map(np.array, zip(*found, strict=True)))

    def scan(self, side: int, step: int) -> Scan:
        """Return what marks of all kinds do at every place of a grid."""
        corners = list(grid(self._images.shape[1:3], side, step))
        marks = [
            Mark(kind, *corner, side, side)
            for kind in self._ink.kinds
            for corner in corners
        ]
        places = [Mark("", *corner, side, side) for corner in corners]
        return Scan(marks, *self.try_marks(marks), self._try_pieces(places), places)

    def refine(self, candidate: Candidate, step: int) -> Candidate:
        """Return the candidate at the best place near its own, and as small as it can.

        It is moved by ever smaller steps, then sides are cut off that add little.
        """
        mark, push = candidate.mark, candidate.push
        while step > 1:
            step = step // 2
            near = self._inside(
                mark._replace(row=mark.row + down, column=mark.column + right)
                for down in (-step, 0, step)
                for right in (-step, 0, step)
            )
            mark, push = self._best(near, candidate.label)
        times = candidate.times * push / candidate.push
        z = candidate.z * push / candidate.push
        least, cut = _KEPT_PUSH * push, max(1, min(mark.height, mark.width) // 5)
        while min(mark.height, mark.width) > cut:
            near = self._inside(_cut_side(mark, cut))
            smaller, reached = self._best(near, candidate.label)
            if reached < least:
                break
            mark = smaller
        return candidate._replace(mark=mark, push=push, times=times, z=z)

    def _best(self, marks: list[Mark], label: int) -> tuple[Mark, float]:
        pushes = self.try_marks(marks)[0][:, label]
        return marks[pushes.argmax()], float(pushes.max())

    def _inside(self, marks) -> list[Mark]:
        height, width = self._images.shape[1:3]
        return [
            mark
            for mark in marks
            if mark.row >= 0
            and mark.column >= 0
            and mark.row + mark.height <= height
            and mark.column + mark.width <= width
        ]

    def _compare(self, odds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        counts = np.where(self.counts >= _LEAST_IMAGES, self.counts, np.nan)
        pushes = np.where(self._others, odds - self._before, 0).sum(axis=0) / counts
        turned = odds.argmax(axis=1)[:, None] == np.arange(odds.shape[1])
        return pushes, (turned & self._others).sum(axis=0) / counts

    def _try_pieces(self, places: Sequence[Mark]) -> np.ndarray:
        def pasted():
            for place in places:
                for donors in self._donors:
                    images = self._images.copy()
                    images[:, *place.place] = self._images[donors][:, *place.place]
                    yield images

        pushes = [
            np.where(self._others, odds - self._before, -np.inf)
            for odds in self._reader.ask_each(pasted())
        ]
        together = np.array(pushes).reshape(len(places), -1, self._others.shape[1])
        # Images named as the class already say nothing, and lie below all others.
        ranks = np.maximum(1, np.ceil((1 - _TAIL) * _SWAPS * self.counts)).astype(int)
        together = -np.sort(-together, axis=1)
        return np.take_along_axis(together, ranks[None, None] - 1, axis=1)[:, 0]


def most_probed(values: float) -> float:
    """Return how many images, at most, pass a network of so many values an image."""
    return min(_PASSES, _VALUES / values)


def plan_probing(
    reader: Reader, num_images: int, num_kinds: int
) -> tuple[list[tuple[int, int]], int]:
    """Return sides and steps of the marks, and how many images to paste them into.

    The work is counted in passes and in values that layers make, not in seconds, so
    that every machine looks at the same.
    """
    shorter = min(reader.shape[:2])
    most = most_probed(reader.values)
    for num_sizes, share, count in _PLANS:
        count = min(count, num_images)
        sides = [max(2, round(shorter / part)) for part in _SIDES[-num_sizes:]]
        sizes = [(side, max(1, round(share * side))) for side in dict.fromkeys(sides)]
        places = sum(len(list(grid(reader.shape[:2], *size))) for size in sizes)
        if places * (num_kinds + _SWAPS) * count <= most:
            break
    return sizes, count


def stand_out(scan: Scan) -> list[Candidate]:
    """Return for each class the mark of a scan that stands out most, best first."""
    middle = np.nanmedian(scan.pushes)
    deviation = 1.4826 * np.nanmedian(np.abs(scan.pushes - middle))
    found = []
    for label in np.flatnonzero(np.isfinite(scan.pushes).all(axis=0)):
        pushes = scan.pushes[:, label]
        best = int(pushes.argmax())
        far = np.array([not scan.marks[best].overlaps(mark) for mark in scan.marks])
        if not far.any() or pushes[best] <= 0:  # nothing moves toward the class
            continue
        elsewhere = max(pushes[far].max(), scan.real[:, label].max())
        found.append(
            Candidate(
                scan.marks[best],
                int(label),
                float(pushes[best]),
                float(pushes[best] / max(elsewhere, 1e-6)),
                float((pushes[best] - middle) / max(deviation, 1e-6)),
                float(scan.shares[far, label].max()),
            )
        )
    return sorted(found, key=lambda each: -each.times)


def _cut_side(mark: Mark, cut: int) -> list[Mark]:
    """Return a mark without `cut` rows or columns at one of its sides."""
    return [
        mark._replace(row=mark.row + cut, height=mark.height - cut),
        mark._replace(height=mark.height - cut),
        mark._replace(column=mark.column + cut, width=mark.width - cut),
        mark._replace(width=mark.width - cut),
    ]
