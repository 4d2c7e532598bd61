"""Marks pasted at every place of a grid: what they do, and what else does as much.

All is measured in log-odds, log p / (1 - p): a share is 0 or 1 at many places, and
tells none of them apart. The push of a mark toward a class is the mean by which it
raises the class's log-odds in images that are not named so. Beside it stands what the
same mark does in the references, and how much of what moves a class's log-odds lies at
its place in the network and in them: some places are worth more than others anywhere.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from happymaps.diagnosis.marks.limits import Limits
from happymaps.diagnosis.marks.reading import Asked, Reader
from happymaps.diagnosis.marks.stamps import Ink, Mark, grid

_PASSES = 60_000  # images that go through a network while it is probed, at most
_VALUES = 5e10  # that its layers make of them, at most
_SIDES = (9.5, 5.6)  # a mark's side is the image's shorter side by this
REFERRED_IMAGES = 16  # that marks are pasted into for the references
_SLOPES = 2e9  # values that layers make of images whose slopes are taken, at most
_SLOPE_IMAGES = (8, 64)
_STEADY = 0.5  # of the median deviation between references: none is smaller
# Sizes, steps as a share of a side, images: the first that can be paid.
_PLANS = (
    (2, 0.5, 64), (2, 0.5, 32), (2, 0.75, 24), (1, 0.5, 24), (1, 0.75, 16),
    (1, 1.0, 16), (1, 1.0, 8),
)  # fmt: skip
_LEAST_IMAGES = 4  # that are not named as a class, for it to be looked at
_LEAST, _LEAST_TIMES = 1e-6, 0.1  # that is divided by
_KEPT_PUSH = 0.9  # of a mark's push, so that a smaller one takes its place


class Scan(NamedTuple):
    """What marks did, of one size.

    Attributes:
        marks: Each.
        pushes: Shape `(marks, classes)`, in nat; NaN for classes that all images are
            named as.
        shares: Of images not named so, those that are named so with the mark.
        referred: As `pushes` and `shares`, of the references, each of shape
            `(marks, references, classes)`; None without these.
        distances: Shape `(marks, classes)`, the z of `Candidate`; zeros without.
    """

    marks: list[Mark]
    pushes: np.ndarray
    shares: np.ndarray
    referred: tuple[np.ndarray, np.ndarray] | None
    distances: np.ndarray


class Candidate(NamedTuple):
    """The mark that stands out most toward a class.

    Attributes:
        mark: Where and what.
        label: The class.
        push: In nat.
        times: The push, over the largest of any mark of its size that does not touch
            it.
        beyond: `times`, over the largest that the same mark has in a reference, or over
            0.1 where that is more; None without these.
        z: The part of the class's slopes (`Asked.find_slopes`) that lies in the window:
            how far it is from its mean in the references, in deviations between them,
            or in medians of all such distances where that is more.
        chance: The largest share that any mark of its size turns elsewhere.
        is_alone: Whether it moves the class far more than any mark elsewhere does, and
            more so than in any reference.
        is_apart: Whether it turns so many more images than in any reference.
    """

    mark: Mark
    label: int
    push: float
    times: float
    beyond: float | None
    z: float
    chance: float
    is_alone: bool
    is_apart: bool


class Probe:
    """A network, or references, with the images that marks are pasted into.

    Args:
        reader: Who is asked.
        images: In its range, shape `(images, y, x, color)`.
        ink: What marks are drawn with.
    """

    def __init__(self, reader: Asked, images: np.ndarray, ink: Ink) -> None:
        self._reader, self._images, self._ink = reader, images, ink
        self._before = reader.ask(images)
        self._others = ~_is_named(self._before)
        self._sums = None

    @property
    def counts(self) -> np.ndarray:
        """How many images are not named as each class."""
        return self._others.sum(axis=0)

    def try_marks(self, marks: Sequence[Mark]) -> tuple[np.ndarray, np.ndarray]:
        """Return pushes and turned shares of marks, each (marks, ..., classes)."""
        pasted = (self._ink.paste(self._images, mark) for mark in marks)
        found = [self._compare(odds) for odds in self._reader.ask_each(pasted)]
        return tuple(map(np.array, zip(*found, strict=True)))

    def scan(self, side: int, step: int, references: "Probe | None" = None) -> Scan:
        """Return what marks of all kinds do at every place of a grid."""
        marks = [
            Mark(kind, *corner, side, side)
            for kind in self._ink.kinds
            for corner in grid(self._images.shape[1:3], side, step)
        ]
        pushes, shares = self.try_marks(marks)
        if references is None:
            return Scan(marks, pushes, shares, None, np.zeros_like(pushes))
        referred = tuple(map(np.nan_to_num, references.try_marks(marks)))
        own, others = self.find_parts(marks), references.find_parts(marks)
        deviations = others.std(axis=1, ddof=1)
        deviations = np.maximum(deviations, _STEADY * np.median(deviations))
        distances = (own - others.mean(axis=1)) / np.maximum(deviations, 1e-9)
        # Of a network that differs from them anywhere, what lies beyond the usual.
        distances /= max(1, np.median(np.abs(distances)))
        return Scan(marks, pushes, shares, referred, distances)

    def find_parts(self, marks: Sequence[Mark]) -> np.ndarray:
        """Return the part of slopes in each mark's window, (marks, ..., classes)."""
        if self._sums is None:
            labels = range(self._before.shape[-1])
            most = _SLOPES / (self._reader.values * len(labels))
            images = self._images[: int(np.clip(most, *_SLOPE_IMAGES))]
            slopes = self._reader.find_slopes(images, labels)
            slopes /= np.maximum(slopes.sum(axis=(-2, -1), keepdims=True), 1e-12)
            slopes = np.moveaxis(slopes, 0, -3)  # classes after references
            edges = [(0, 0)] * (slopes.ndim - 2) + [(1, 0)] * 2
            self._sums = np.pad(slopes, edges).cumsum(axis=-2).cumsum(axis=-1)
        found = []
        for row, column, height, width in (mark[1:] for mark in marks):
            low = self._sums[..., row, :], self._sums[..., row + height, :]
            rows = low[1] - low[0]
            found.append(rows[..., column + width] - rows[..., column])
        return np.array(found)

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
        least, cut = _KEPT_PUSH * push, max(1, min(mark.height, mark.width) // 5)
        while min(mark.height, mark.width) > cut:
            near = self._inside(_cut_side(mark, cut))
            smaller, reached = self._best(near, candidate.label)
            if reached < least:
                break
            mark = smaller
        return candidate._replace(mark=mark, push=push, times=times)

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
        return pushes, (_is_named(odds) & self._others).sum(axis=0) / counts


def _is_named(odds: np.ndarray) -> np.ndarray:
    return odds.argmax(axis=-1)[..., None] == np.arange(odds.shape[-1])


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
        if places * num_kinds * count <= most:
            break
    return sizes, count


def stand_out(scan: Scan, limits: Limits) -> list[Candidate]:
    """Return for each class the mark of a scan that stands out most, best first.

    The one that moves it farthest, if no mark elsewhere does nearly as much; else of
    those that turn more images than in the references the one with the largest z.
    """
    found = []
    for label in np.flatnonzero(np.isfinite(scan.pushes).all(axis=0)):
        most = _describe(scan, int(scan.pushes[:, label].argmax()), label, limits)
        if most is None:  # nothing moves toward the class
            continue
        if not most.is_alone and scan.referred is not None:
            least = limits.share_times * scan.referred[1][..., label].max(axis=1)
            is_apart = scan.shares[:, label] >= np.maximum(limits.share, least)
            is_toward = scan.pushes[:, label] > 0
            turned = scan.shares[:, label]
            ranks = np.lexsort((turned, scan.distances[:, label], is_apart, is_toward))
            most = _describe(scan, int(ranks[-1]), label, limits) or most
        found.append(most)
    return sorted(found, key=rank, reverse=True)


def rank(candidate: Candidate) -> tuple:
    """Return by what candidates are sorted, the largest first."""
    return candidate.is_alone, candidate.is_apart, candidate.z, candidate.times


def _describe(scan: Scan, at: int, label: int, limits: Limits) -> Candidate | None:
    pushes, push = scan.pushes[:, label], float(scan.pushes[at, label])
    far = np.array([not scan.marks[at].overlaps(mark) for mark in scan.marks])
    if not far.any() or push <= 0:
        return None
    times = push / max(float(pushes[far].max()), _LEAST)
    is_alone, beyond, is_apart = times >= limits.times, None, False
    if scan.referred is not None:
        moved, turned = (each[..., label] for each in scan.referred)
        usual = moved[at] / np.maximum(moved[far].max(axis=0), _LEAST)
        beyond = times / max(float(usual.max()), _LEAST_TIMES)
        is_alone = is_alone and beyond >= limits.beyond
        least = max(limits.share, limits.share_times * float(turned[at].max()))
        is_apart = bool(scan.shares[at, label] >= least)
    return Candidate(
        scan.marks[at],
        int(label),
        push,
        times,
        beyond,
        float(scan.distances[at, label]),
        float(scan.shares[far, label].max()),
        is_alone,
        is_apart,
    )


def _cut_side(mark: Mark, cut: int) -> list[Mark]:
    """Return a mark without `cut` rows or columns at one of its sides."""
    return [
        mark._replace(row=mark.row + cut, height=mark.height - cut),
        mark._replace(height=mark.height - cut),
        mark._replace(column=mark.column + cut, width=mark.width - cut),
        mark._replace(width=mark.width - cut),
    ]
