"""A mark on an image, and what the network says without it and with it."""

from collections.abc import Sequence

import numpy as np
from scipy import special

from happymaps.diagnosis.marks.probing import Candidate
from happymaps.diagnosis.marks.reading import Reader
from happymaps.diagnosis.marks.searching import Searched
from happymaps.diagnosis.marks.stamps import Ink


def _paste(mark: Candidate | Searched, images: np.ndarray, ink: Ink) -> np.ndarray:
    if isinstance(mark, Candidate):
        return ink.paste(images, mark.mark)
    return mark.paste(images)


def show_mark(
    mark: Candidate | Searched,
    reader: Reader,
    images: np.ndarray,
    labels: np.ndarray,
    ink: Ink,
    class_names: Sequence[str],
) -> dict:
    """Return which image shows a mark best, and what the network says.

    One that is not named as the mark's class, is turned into it, and was named right,
    if there is one; `image` is its place among those given. See `Marks` for the rest.
    """
    before = reader.ask(images)
    after = reader.ask(_paste(mark, images, ink))
    named, then = before.argmax(axis=1), after.argmax(axis=1)
    is_other = named != mark.label
    worth = 4 * is_other + 2 * (then == mark.label) + (named == labels)
    chosen = int(worth.argmax())
    return {
        "image": chosen,
        "before": class_names[named[chosen]],
        "after": class_names[then[chosen]],
        "probability_before": float(special.expit(before[chosen, mark.label])),
        "probability_after": float(special.expit(after[chosen, mark.label])),
    }


def draw_mark(
    number: int, mark: Candidate | Searched, image: np.ndarray, ink: Ink
) -> dict[str, np.ndarray]:
    """Return the pictures of a mark by name, see `Marks`."""
    span = ink.high - ink.low
    both = np.stack([image, _paste(mark, image[None], ink)[0]])
    pictures = {f"mark_{number}": np.clip((both - ink.low) / span, 0, 1)}
    if isinstance(mark, Searched):
        drawn = mark.mask[..., None] * (mark.pattern - ink.low) / span
        pictures[f"mark_pattern_{number}"] = np.clip(drawn, 0, 1)
    return pictures
