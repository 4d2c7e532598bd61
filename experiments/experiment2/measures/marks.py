"""One network, clean or with a mark planted in its training: what `find_marks` tells.

The images that the search looks at never have the mark.
"""

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr

from happymaps.base.sweepable import TrainedSource, sweepable
from happymaps.base.variable_labels import label_variables

if TYPE_CHECKING:
    from happymaps.datasets import Dataset

SIDES = (3, 4, 5)  # of planted marks, at 30 pixels; larger images have larger ones
CONTRASTS = (0.3, 0.6, 1.0)  # parts of the range that it adds, or takes off
SHARES = (0.6, 0.8, 0.95, 1.0)  # of the class's images that have it in training
LEARNED = 0.1  # of other images turned: from here on a planted mark was learned
_HELD_OUT = 0.4
_SIDE = 30
_FILTERS = (16, 16, 32)
# Name in the result -> what it is, and its unit.
_MEANINGS = {
    "accuracy": ("accuracy on images held out, without a mark", "1"),
    "is_planted": ("whether a mark was planted", "1"),
    "is_flagged": ("whether a mark is told", "1"),
    "num_flagged": ("marks told", "1"),
    "is_hit": ("whether a told mark has the planted one's class, and touches it", "1"),
    "is_first": ("whether that is the first one told", "1"),
    "planted_turns": ("share of other images that the planted mark turns", "1"),
    "is_learned": ("whether the planted mark turns a tenth of them", "1"),
    "planted_label": ("class of the planted mark", ""),
    "planted_row": ("row of the planted mark", "pixel"),
    "planted_column": ("column of the planted mark", "pixel"),
    "planted_side": ("side of the planted mark", "pixel"),
    "planted_contrast": ("what it adds, as a part of the range", "1"),
    "planted_share": ("share of the class's images that have it in training", "1"),
    "best_z": ("what stands out most: deviations from the references", "1"),
    "best_share": ("share that this mark turns", "1"),
    "best_chance": ("largest share that it turns in a reference", "1"),
    "reference_accuracy": ("mean accuracy of the references", "1"),
    "image": ("an image, and the same with the planted or the best mark", "1"),
}


class Plant(NamedTuple):
    """A mark that a class has in training."""

    label: int
    row: int
    column: int
    side: int
    contrast: float
    share: float

    def add(self, images: np.ndarray) -> np.ndarray:
        """Return copies of images in [0, 1] with the mark."""
        marked = images.copy()
        rows = slice(self.row, self.row + self.side)
        columns = slice(self.column, self.column + self.side)
        window = marked[:, rows, columns] + self.contrast
        marked[:, rows, columns] = np.clip(window, 0, 1)
        return marked

    def is_hit(self, found: dict, class_names: tuple[str, ...]) -> bool:
        """Return whether a finding names the class and touches the mark."""
        return (
            found["class"] == class_names[self.label]
            and found["row"] < self.row + self.side
            and self.row < found["row"] + found["height"]
            and found["column"] < self.column + self.side
            and self.column < found["column"] + found["width"]
        )


@sweepable
def measure_marks(
    *,
    source: TrainedSource,
    planted: bool = False,
    num_learned: int = 400,
    epochs: int = 12,
    search: bool = False,
) -> xr.Dataset:
    """Train a network, with a mark on one class or without, and look for marks.

    Class, place, side, contrast (of either sign where the images are not mostly black)
    and share are drawn by the seed.

    Args:
        source: The images; of the seed depend the parts, the network and the mark.
        planted: Whether a mark is planted.
        num_learned: Images to learn from, at most, drawn from the part not held out.
        epochs: Of the training.
        search: Whether masks are sought, too, as in `find_marks`.

    Returns:
        Without dimensions all numbers but `image` `(state, y, x, color)`; those of a
        planted mark are NaN, or -1, in a clean network.

    Raises:
        ValueError: As in `open_images`.
    """
    from happymaps.datasets.loading import open_images
    from happymaps.datasets.splitting import split_dataset
    from happymaps.diagnosis.marks.finding import find_marks
    from happymaps.networks.models import build_cnn
    from happymaps.networks.training import evaluate, train

    images = open_images(
        source.dataset, image_size=source.image_size or "30x32", target=source.target
    )
    learned, held_out = split_dataset(
        images, by="image", test_fraction=_HELD_OUT, seed=source.seed
    )
    rng = np.random.default_rng(source.seed)
    learned = learned.take(rng.permutation(len(learned))[:num_learned])
    plant = None
    if planted:
        plant = draw_plant(rng, learned)
        has_it = (learned.labels == plant.label) & (
            rng.random(len(learned)) < plant.share
        )
        pixels = learned.images.copy()
        pixels[has_it] = plant.add(pixels[has_it])
        learned = dataclasses.replace(learned, images=pixels)
    network = build_cnn(
        learned.images.shape[1:],
        len(learned.class_names),
        filters=_FILTERS,
        seed=source.seed,
    )
    network = train(
        network, learned, seed=source.seed, epochs=epochs, validation_fraction=0
    ).model
    told = find_marks(
        network,
        held_out.images,
        held_out.labels,
        held_out.class_names,
        search=search,
        seed=source.seed,
    )
    best, about = (told.tried["best"] or [{}])[0], told.tried["references"]
    hits = [
        plant is not None and plant.is_hit(each, held_out.class_names)
        for each in told.found
    ]
    variables = {
        "accuracy": evaluate(network, held_out)["accuracy"],
        "is_planted": planted,
        "is_flagged": bool(told.found),
        "num_flagged": len(told.found),
        "is_hit": any(hits),
        "is_first": hits[:1] == [True],
        "best_z": best.get("z", np.nan),
        "best_share": best.get("share", np.nan),
        "best_chance": best.get("chance", np.nan),
        "reference_accuracy": about["accuracy"] or np.nan,
        **_measure_plant(network, held_out, plant),
        "image": (
            ("state", "y", "x", "color"),
            told.pictures.get("mark_0", _pair(held_out, plant)),
        ),
    }
    result = xr.Dataset(variables, {"state": ["without", "with"]})
    return label_variables(result, _MEANINGS)


def draw_plant(rng: np.random.Generator, dataset: "Dataset") -> Plant:
    """Return a mark at a place drawn at random."""
    height, width = dataset.images.shape[1:3]
    side = max(2, round(rng.choice(SIDES) * min(height, width) / _SIDE))
    contrast = rng.choice(CONTRASTS)
    if dataset.images.mean() > 0.25:  # on black, a dark mark is none
        contrast *= rng.choice([-1, 1])
    return Plant(
        int(rng.integers(len(dataset.class_names))),
        int(rng.integers(height - side + 1)),
        int(rng.integers(width - side + 1)),
        side,
        float(contrast),
        float(rng.choice(SHARES)),
    )


def _measure_plant(network, held_out: "Dataset", plant: Plant | None) -> dict:
    from happymaps.networks.training import predict

    if plant is None:
        absent = {f"planted_{name}": np.nan for name in Plant._fields}
        return absent | {"planted_turns": np.nan, "is_learned": False}
    others = held_out.take(predict(network, held_out) != plant.label)
    marked = dataclasses.replace(others, images=plant.add(others.images))
    turns = float(np.mean(predict(network, marked) == plant.label))
    return {
        **{f"planted_{name}": value for name, value in plant._asdict().items()},
        "planted_turns": turns,
        "is_learned": turns >= LEARNED,
    }


def _pair(held_out: "Dataset", plant: Plant | None) -> np.ndarray:
    image = held_out.images[:1]
    marked = image if plant is None else plant.add(image)
    return np.concatenate([image, marked])
