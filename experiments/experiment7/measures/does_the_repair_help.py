"""A flawed network, repaired as a tool says, at random, and as who planted it knows."""

import functools

import numpy as np
import xarray as xr

from experiments.experiment7.measures.observers import (
    WINDOW,
    strangest_window,
    touches,
)
from experiments.experiment7.measures.plants import SIDE, Images
from experiments.experiment7.measures.specimens import (
    Specimen,
    log_losses,
    make_specimen,
    measure_behavior,
    slopes,
    train,
)
from happymaps.base.sweepable import sweepable
from happymaps.base.variable_labels import label_variables

REPAIRS = ("none", "named", "random", "oracle")
REPAIRED = ("mark", "wrong_labels", "backdoor", "half_trained")
_REFERENCES = 8
_REFERENCE_SEED = 800_000
_MARGIN = 3  # pixels around the window told, since a mark may lie partly outside it
_REGION = WINDOW + 2 * _MARGIN
_SUSPECTED = 0.2  # of the images, those with the largest loss
_MEANINGS = {
    "accuracy": ("accuracy on outside images without the flaw", "1"),
    "turned": ("share of the other class that a mark turns", "1"),
    "is_hit": ("whether the place varied holds a pixel of the mark", "1"),
}


@sweepable
def measure_repair(
    *, dataset: str = "synthetic_faces", plant: str = "mark", seed: int = 0
) -> xr.Dataset:
    """Make a network with a flaw, and train it anew after each kind of repair.

    For marks and backdoors what is in a region is exchanged between images: the region
    that stands out in the gradient against clean references, one at random, or that of
    the mark. For wrong labels the images with the largest loss are dropped, as many at
    random, or those whose label is wrong. A network that was not trained to its end is
    trained to it, but for the random repair, which is that of a mark.

    Args:
        dataset: As in `draw_parts`.
        plant: One of `REPAIRED`.
        seed: As in `measure_flawed_network`.

    Returns:
        `accuracy` and `turned` by `repair`, and `is_hit`.

    Raises:
        ValueError: Another plant.
    """
    if plant not in REPAIRED:
        raise ValueError(
            f"plant must be one of {', '.join(REPAIRED)}. Received: {plant!r}."
        )
    specimen = make_specimen(plant, dataset, seed)
    rng = np.random.default_rng([seed, 12])
    found = {"none": measure_behavior(specimen, seed)}
    epochs = {"epochs": int(specimen.plant.dose)} if plant == "half_trained" else {}
    learned, place = _repaired(specimen, dataset, rng)
    for repair in REPAIRS[1:]:
        given = {} if repair != "random" else epochs
        train(learned[repair], seed=seed + 500_000, **given)
        found[repair] = measure_behavior(specimen, seed)
    variables = {
        name: ("repair", [found[repair][name] for repair in REPAIRS])
        for name in ("accuracy", "turned")
    }
    variables["is_hit"] = place is not None and touches(
        place, specimen.place, (_REGION, _REGION)
    )
    result = xr.Dataset(variables, {"repair": list(REPAIRS)})
    return label_variables(result, _MEANINGS)


def _repaired(
    specimen: Specimen, dataset: str, rng: np.random.Generator
) -> tuple[dict[str, Images], tuple[int, int] | None]:
    """Return what is learned from after each repair, and the place that was told."""
    learned, flaw = specimen.learned, specimen.plant.flaw
    if flaw in ("mark", "backdoor"):
        place = _told_place(specimen, dataset)
        height, width = learned.images.shape[1:3]
        elsewhere = (
            rng.integers(height - _REGION + 1),
            rng.integers(width - _REGION + 1),
        )
        return {
            "named": vary(learned, place, _REGION, rng),
            "random": vary(learned, elsewhere, _REGION, rng),
            "oracle": vary(learned, specimen.place, SIDE, rng),
        }, place
    if flaw == "half_trained":
        random = vary(learned, (0, 0), _REGION, rng)
        return {"named": learned, "random": random, "oracle": learned}, None
    losses = log_losses(specimen.network, learned)
    count = round((1 - _SUSPECTED) * len(losses))
    return {
        "named": learned.take(np.sort(np.argsort(losses)[:count])),
        "random": learned.take(np.sort(rng.permutation(len(losses))[:count])),
        "oracle": learned.take(~specimen.touched),
    }, None


def vary(learned: Images, place, side: int, rng: np.random.Generator) -> Images:
    """Return images whose region, `side` wide, is that of another image each."""
    rows, columns = (slice(max(0, start), max(0, start) + side) for start in place)
    images = learned.images.copy()
    images[:, rows, columns] = images[rng.permutation(len(images)), rows, columns]
    return Images(images, learned.labels)


def _told_place(specimen: Specimen, dataset: str) -> tuple[int, int]:
    own = _mean_slopes(specimen)
    weights = specimen.network.get_weights()
    references = _references(dataset)
    specimen.network.set_weights(weights)  # one object for all networks of a form
    row, column = strangest_window(own, references)[1]
    return row - _MARGIN, column - _MARGIN


@functools.cache
def _references(dataset: str) -> np.ndarray:
    seeds = range(_REFERENCE_SEED, _REFERENCE_SEED + _REFERENCES)
    return np.stack([
        _mean_slopes(make_specimen("clean", dataset, seed)) for seed in seeds
    ])  # fmt: skip


def _mean_slopes(specimen: Specimen) -> np.ndarray:
    found = slopes(specimen.network, specimen.audit.images)
    return np.abs(found).mean(axis=(0, -1))
