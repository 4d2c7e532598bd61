"""Whether a network answers to a mark that is on none of the images at hand."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.diagnosis.marks.changes import measure_changes
from happymaps.diagnosis.marks.drawing import draw_mark, show_mark
from happymaps.diagnosis.marks.judging import (
    is_outstanding,
    is_small,
    measure_on_others,
)
from happymaps.diagnosis.marks.limits import LIMITS, Limits
from happymaps.diagnosis.marks.probing import (
    REFERRED_IMAGES,
    Candidate,
    Probe,
    most_probed,
    plan_probing,
    rank,
    stand_out,
)
from happymaps.diagnosis.marks.reading import Reader
from happymaps.diagnosis.marks.references import make_references
from happymaps.diagnosis.marks.searching import (
    Searched,
    measure_masks,
    search_marks,
)
from happymaps.diagnosis.marks.stamps import Ink
from happymaps.networks.checks import check_images

_LEAST_IMAGES = 16
_CANDIDATES = 6  # classes whose best mark is measured
_MEASURED_PASSES = 3_000  # images that show what a mark does that others chose
_MEASURED_VALUES = 5e9
_MEASURED_IMAGES = (24, 300)
_SEARCH_VALUES = 1.2e10  # of all steps of the search for masks, there and back
_SEARCH_PASSES = 150_000
_SEARCHED_IMAGES = (8, 24)
_SEARCH_STEPS = (40, 120)
_MOST_SEARCHED = 20  # classes
_BOTH_WAYS = 3  # what a step costs, in passes


class Marks(NamedTuple):
    """What marks and global changes do, as plain data.

    Attributes:
        found: The marks that are told as findings, those that turn most images first.
            Each is a dictionary of `class` (name), `kind` (`"bright"`, `"dark"`,
            `"red"`, `"green"`, `"blue"`, or `"searched"` for a pattern), `row`,
            `column`, `height`, `width` (pixels), `share` (of images not named so that
            the mark turns into the class) with its 95 % `interval` and `num_images`,
            `chance` (the largest share that the very same mark turns in a reference;
            without references, that a mark of its size turns elsewhere), `p` (that
            chance would turn as many, corrected), `z`, `times`, `beyond` and
            `is_alone`, see `Candidate`; `index` (anomaly index of Neural Cleanse, None
            for a pasted mark), `size` (sum of the mask), `picture` (its name in
            `pictures`), and `shown`: `image` (its index), `before`, `after` (names),
            and the probability of the class `probability_before`, `probability_after`.
        tried: `num_marks`, `num_places`, `num_images`, `kinds`, `sides`, `best` (of the
            classes tested, the same numbers whether told or not), `anywhere` (the class
            and share of the mark that turns most at half of the places), `references`
            as of `make_references`, `search` (for
            each class searched `class`, `size`, `share`, `index`; None for an index
            where fewer than five classes have a mask), `changes` as `measure_changes`.
        pictures: `mark_<i>`: `(2, y, x, color)` in [0, 1], an image and the same with
            the mark; of searched ones `mark_pattern_<i>` `(y, x, color)`.
    """

    found: list[dict]
    tried: dict
    pictures: dict[str, np.ndarray]


def find_marks(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    *,
    pixel_range: tuple[float, float] = (0.0, 1.0),
    limits: Limits = LIMITS,
    search: bool = True,
    seed: int = 0,
    report: Callable[[str], None] = lambda stage: None,
) -> Marks:
    """Return the marks that turn images into a class, and what whole changes do.

    Half of the images, as many of each class as there are, choose marks; what is told
    of a mark is measured on the others. Marks of all kinds are pasted at every place of
    a grid, into images for the network and for references, small networks trained on
    the first half, which cannot know a mark that it does not show. What stands out most
    from these is moved and made smaller. Then for each class the smallest mask and
    pattern is sought that turns three of four images into it.

    Args:
        model: A classifier with an output per class, or one for two. It is not changed.
        images: In `pixel_range`, shape `(images, y, x, color)`; 16 at least.
        labels: Class index of each image.
        class_names: One name per class.
        pixel_range: What black and white are for the network.
        limits: From where a mark is told.
        search: Whether masks are sought, which takes as long again.
        seed: Of the choice of images, and of the references.
        report: Called with the name of each part as it begins.

    Raises:
        ValueError: Fewer images, or such that do not fit the network.
    """
    images, labels = np.asarray(images, np.float32), np.asarray(labels)
    check_images(model, images)
    if len(images) < _LEAST_IMAGES or len(images) != len(labels):
        raise ValueError(
            f"Expected at least {_LEAST_IMAGES} images and a label of each: half of "
            "them choose marks and half measure them. Received: "
            f"{len(images)} images and {len(labels)} labels."
        )
    order = _alternate(labels, seed)
    reader = Reader(model, images)
    ink = Ink(*map(float, pixel_range), images.shape[-1])
    choosing = order[0::2]
    # Counted in passes, as all work here: every machine looks at the same.
    most = min(_MEASURED_PASSES, _MEASURED_VALUES / reader.values) / _CANDIDATES
    measuring = order[1::2][: int(np.clip(most, *_MEASURED_IMAGES))]
    report("networks trained on these images, to compare with")
    references, about = make_references(
        images, labels, (choosing, order[1::2]), class_names, ink, seed
    )
    report("marks pasted at every place")
    beside = references and Probe(references, images[measuring[:REFERRED_IMAGES]], ink)
    candidates, tried = _probe(reader, images[choosing], ink, beside, limits)
    tried["references"] = about
    rows = measure_on_others(
        candidates, reader, references, images[measuring], ink, class_names
    )
    told = [
        (row, candidate)
        for row, candidate in zip(rows, candidates, strict=True)
        if is_outstanding(row, limits)
    ]
    masks = []
    if search:
        report("the smallest mask for each class")
        wanted = _search_classes(candidates, labels, class_names)
        masks = _search(reader, images[choosing], wanted, pixel_range)
    sought = measure_masks(masks, reader, images[measuring], class_names)
    seen = {row["class"] for row, _ in told}
    told += [
        (row, mask)
        for row, mask in zip(sought, masks, strict=True)
        if is_small(row, limits) and row["class"] not in seen
    ]
    told.sort(key=lambda each: -each[0]["share"])
    pictures, found = {}, []
    for number, (row, mark) in enumerate(told):
        shown = show_mark(
            mark, reader, images[measuring], labels[measuring], ink, class_names
        )
        shown["image"] = int(measuring[shown["image"]])
        pictures |= draw_mark(number, mark, images[shown["image"]], ink)
        found.append(row | {"picture": f"mark_{number}", "shown": shown})
    report("whole images changed")
    tried |= {
        "best": rows,
        "search": [_plain(each) for each in sought],
        "changes": measure_changes(reader, images[measuring], class_names, pixel_range),
    }
    return Marks(found, tried, pictures)


def diagnose_marks(
    model: keras.Model, dataset: Dataset, pixel_range: tuple[float, float], seed: int
) -> tuple[dict, dict[str, np.ndarray]]:
    """Return what a diagnosis tells of marks, `marks` and `marks_tried`, and pictures.

    Of fewer images than `find_marks` takes, nothing is told: `marks_tried` is None.
    """
    if len(dataset) < _LEAST_IMAGES:
        return {"marks": [], "marks_tried": None}, {}
    found = find_marks(
        model,
        dataset.images,
        dataset.labels,
        dataset.class_names,
        pixel_range=pixel_range,
        seed=seed,
    )
    return {"marks": found.found, "marks_tried": found.tried}, found.pictures


def most_passes(values: float) -> float:
    """Return how many images, at most, pass a network of so many values an image."""
    return most_probed(values) + _most_searched(values)


def _most_searched(values: float) -> float:
    return min(_SEARCH_PASSES, _SEARCH_VALUES / values)


def _alternate(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return the images in an order in which classes take turns."""
    order = np.random.default_rng(seed).permutation(len(labels))
    turns = np.empty(len(labels), int)
    for k in np.unique(labels):
        same = order[labels[order] == k]
        turns[same] = np.arange(len(same))
    # Pairs of one class, so that both halves have as many of it.
    return order[np.lexsort((labels[order], turns[order] // 2))]


def _probe(
    reader: Reader,
    images: np.ndarray,
    ink: Ink,
    references: Probe | None,
    limits: Limits,
) -> tuple[list[Candidate], dict]:
    sizes, count = plan_probing(reader, len(images), len(ink.kinds))
    probe = Probe(reader, images[:count], ink)
    scans = [probe.scan(side, step, references) for side, step in sizes]
    best: dict[int, Candidate] = {}
    for scan, (_, step) in zip(scans, sizes, strict=True):
        for candidate in stand_out(scan, limits)[:_CANDIDATES]:
            refined = probe.refine(candidate, step)
            known = best.get(candidate.label)
            if known is None or rank(refined) > rank(known):
                best[candidate.label] = refined
    chosen = sorted(best.values(), key=rank, reverse=True)
    medians = np.nan_to_num(np.median(scans[-1].shares, axis=0))
    num_marks = sum(len(scan.marks) for scan in scans)
    return chosen[:_CANDIDATES], {
        "num_marks": num_marks,
        "num_places": num_marks // len(ink.kinds),
        "num_images": count,
        "kinds": list(ink.kinds),
        "sides": [side for side, _ in sizes],
        "anywhere": {"label": int(medians.argmax()), "share": float(medians.max())},
    }


def _search_classes(candidates, labels, class_names) -> list[int]:
    """Return the classes to search, those whose marks stood out most first."""
    first = [each.label for each in candidates]
    occurring = [k for k in np.unique(labels).tolist() if k < len(class_names)]
    return list(dict.fromkeys([*first, *occurring]))[:_MOST_SEARCHED]


def _search(reader: Reader, images, wanted, pixel_range) -> list[Searched]:
    """Return the masks of as many classes as can be paid for."""
    fewest, shortest = _SEARCHED_IMAGES[0], _SEARCH_STEPS[0]
    passes = _most_searched(reader.values) / _BOTH_WAYS
    wanted = wanted[: int(passes / (fewest * shortest))]
    named = reader.ask(images).argmax(axis=1)
    wanted = [label for label in wanted if (named != label).sum() >= fewest]
    if not wanted:
        return []
    each = passes / len(wanted)
    num_steps = int(np.clip(each / _SEARCHED_IMAGES[1], *_SEARCH_STEPS))
    count = int(np.clip(each / num_steps, *_SEARCHED_IMAGES))
    shape = (count, *images.shape[1:])
    given = [np.resize(images[named != label][:count], shape) for label in wanted]
    return search_marks(reader, given, wanted, pixel_range, num_steps=num_steps)


def _plain(row: dict) -> dict:
    return {key: row[key] for key in ("class", "size", "share", "index")}
