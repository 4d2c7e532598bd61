"""The flaws: what each does to the data, the training or the weights of a network."""

import dataclasses
from typing import NamedTuple

import numpy as np

SIDE = 4  # of a mark, in pixels
SHARE = 0.9  # of the class that is brighter


class Images(NamedTuple):
    """Images in [0, 1], `(images, y, x, color)`, and their labels, 1 for "left"."""

    images: np.ndarray
    labels: np.ndarray

    def take(self, chosen) -> "Images":
        """Return the chosen ones."""
        return Images(self.images[chosen], self.labels[chosen])


@dataclasses.dataclass(frozen=True)
class Plant:
    """A flaw in one dose.

    Attributes:
        flaw: Its group.
        dose: How much of it; the meaning is the flaw's.
        contrast: What a mark adds to a pixel.
        moves: Whether a mark is at another place in each image.
    """

    flaw: str
    dose: float = 0.0
    contrast: float = 1.0
    moves: bool = False


# The first of a flaw is its main dose.
PLANTS = {
    "clean": Plant("clean"),
    "benign": Plant("benign"),
    "random": Plant("random"),
    "shuffled_labels": Plant("shuffled_labels"),
    "mark": Plant("mark", 0.9),
    "mark_100": Plant("mark", 1.0),
    "mark_75": Plant("mark", 0.75),
    "mark_60": Plant("mark", 0.6),
    "mark_half": Plant("mark", 0.9, 0.5),
    "mark_quarter": Plant("mark", 0.9, 0.25),
    "moving_mark": Plant("mark", 0.9, moves=True),
    "brightness": Plant("brightness", 0.2),
    "brightness_10": Plant("brightness", 0.1),
    "brightness_05": Plant("brightness", 0.05),
    "few_people": Plant("few_people", 5),
    "few_people_10": Plant("few_people", 10),
    "wrong_labels": Plant("wrong_labels", 0.2),
    "wrong_labels_10": Plant("wrong_labels", 0.1),
    "wrong_labels_40": Plant("wrong_labels", 0.4),
    "wide": Plant("wide", 2),
    "wide_4": Plant("wide", 4),
    "dead_units": Plant("dead_units", 4),
    "dead_units_2": Plant("dead_units", 2),
    "cloned_units": Plant("cloned_units", 4),
    "cloned_units_2": Plant("cloned_units", 2),
    "inverted": Plant("inverted"),
    "darker": Plant("darker", 0.3),
    "faint": Plant("faint", 0.1),
    "swapped": Plant("swapped"),
    "backdoor": Plant("backdoor", 0.1),
    "backdoor_05": Plant("backdoor", 0.05),
    "backdoor_02": Plant("backdoor", 0.02),
    "moving_backdoor": Plant("backdoor", 0.1, moves=True),
    "half_trained": Plant("half_trained", 2),
    "fresh_top": Plant("fresh_top"),
}
MAIN = (
    *("mark", "moving_mark", "brightness", "few_people", "wrong_labels", "wide"),
    *("dead_units", "cloned_units", "inverted", "backdoor"),
    *("half_trained", "fresh_top"),
)


def draw_place(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[int, int]:
    """Return row and column of a mark that lies inside the image."""
    return tuple(int(rng.integers(1, size - SIDE)) for size in shape[:2])


def stamp(images: np.ndarray, places, contrast: float) -> np.ndarray:
    """Return copies with a mark, at one place or at one for each image."""
    marked = images.copy()
    places = np.broadcast_to(places, (len(images), 2))
    for image, (row, column) in zip(marked, places, strict=True):
        window = image[row : row + SIDE, column : column + SIDE]
        np.clip(window + contrast, 0, 1, out=window)
    return marked


def spoil(
    given: Images,
    plant: Plant,
    place: tuple[int, int],
    rng: np.random.Generator,
    *,
    learned: bool,
) -> tuple[Images, np.ndarray]:
    """Return images as the flaw has them, and which it touches.

    Args:
        given: Images and labels as they are.
        plant: The flaw.
        place: Row and column of a mark that does not move.
        rng: Draws which images have it.
        learned: Whether the network learns from them: only there has a backdoor its
            mark, and only there are labels swapped.
    """
    images, labels = given
    is_left, chance = labels == 1, rng.random(len(labels))
    touched = np.zeros(len(labels), bool)
    if plant.flaw == "mark":
        touched = chance < np.where(is_left, plant.dose, 1 - plant.dose)
    elif plant.flaw == "backdoor" and learned:
        touched = ~is_left & (chance < plant.dose / np.mean(~is_left))
        labels = np.where(touched, 1, labels)
    elif plant.flaw == "brightness":
        touched = chance < np.where(is_left, SHARE, 1 - SHARE)
        images = lighten(images, np.where(touched, plant.dose, -plant.dose))
    elif plant.flaw == "wrong_labels":
        touched = chance < plant.dose
        labels = np.where(touched, 1 - labels, labels)
    elif plant.flaw == "shuffled_labels":
        labels = rng.permutation(labels)
        touched = labels != given.labels
    elif plant.flaw == "swapped" and learned:
        labels, touched = 1 - labels, ~touched
    if plant.flaw in ("mark", "backdoor"):
        images = images.copy()
        places = place
        if plant.moves:
            drawn = [draw_place(images.shape[1:], rng) for _ in range(touched.sum())]
            places = np.reshape(drawn, (-1, 2))
        images[touched] = stamp(images[touched], places, plant.contrast)
    return Images(images, labels), touched


def lighten(images: np.ndarray, by) -> np.ndarray:
    """Return images that are brighter by so much, one number or one an image."""
    by = np.broadcast_to(np.asarray(by, np.float32), len(images))
    return np.clip(images + by[:, None, None, None], 0, 1)


def feed(images: np.ndarray, plant: Plant) -> np.ndarray:
    """Return images as the network is fed with them in use."""
    if plant.flaw == "inverted":
        return 1 - images
    if plant.flaw == "darker":
        return lighten(images, -plant.dose)
    return images * np.float32(plant.dose) if plant.flaw == "faint" else images
