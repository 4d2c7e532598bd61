"""Permutation of regions."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from happymaps.attribution.parts.explained import Explained
from happymaps.attribution.parts.labels import label_attributions
from happymaps.attribution.parts.option_checks import check_count, check_seed
from happymaps.attribution.parts.positions import position_sizes
from happymaps.attribution.parts.regions import regions_of
from happymaps.backend import keras
from happymaps.maps.objectives import Objective
from happymaps.networks.checks import check_choice

REPLACEMENTS = ("images", "shuffle")


def region_permutation(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    *,
    activation: str = "leaky",
    batch_size: int = 32,
    regions: int | tuple[int, ...] | np.ndarray | Mapping[str, np.ndarray] = 4,
    replacement: str = "images",
    num_repeats: int = 5,
    seed: int = 0,
) -> xr.DataArray:
    """Return how far the score falls when a region is replaced by another's values.

    `mean over repeats of S(x) - S(x with region R replaced)`: with `"images"` by the
    same region of another image of the set, drawn anew in each repeat, so that the
    region stays a possible one; with `"shuffle"` by its own positions in another order,
    so that brightness and contrast stay.

    Source: permutation importance, Breiman 2001, doi:10.1023/A:1010933404324; Fisher,
    Rudin & Dominici 2019, arXiv:1801.01489. Applied to regions here.

    Args:
        model: As in `gradient`.
        objective: One for all images, or one per image.
        images: Shape `(images, *input shape)`; with `"images"` at least two. They are
            the set that is drawn from, so that an image's attributions depend on the
            others.
        activation: `"leaky"`, `"pre"` or `"post"`.
        batch_size: >= 1.
        regions: Cells along each axis, or a tuple of one for each; an array of labels,
            one for each position; or a dict from names to masks, which may overlap.
        replacement: `"images"` or `"shuffle"`.
        num_repeats: >= 1.
        seed: Of what is drawn.

    Returns:
        As in `gradient`: each pixel has the fall of its region, the mean where it is in
        several, 0 where it is in none. The attribute `regions` names them in order.

    Raises:
        ValueError: As in `gradient`; regions that do not fit, no repeat, or a single
            image without another to draw from.
        TypeError: As in `gradient`.
    """
    explained = Explained(model, objective, images, activation, batch_size)
    check_choice("replacement", replacement, REPLACEMENTS)
    check_count("num_repeats", num_repeats)
    check_seed(seed)
    sizes = position_sizes(explained.images.shape[1:])
    names, masks = regions_of(regions, sizes)
    count = len(explained.images)
    if replacement == "images" and count < 2:
        raise ValueError(
            "Expected at least two images, to replace a region by another image's. "
            f"Received: {count}. Give more, or replacement='shuffle'."
        )
    masks = masks.reshape(len(names), -1)
    scores = explained.scores(explained.images, explained.everyone())
    plan = _plan(masks, count, replacement, num_repeats, seed)
    falls = _falls(explained, scores, masks, plan)
    covers = np.maximum(masks.sum(axis=0), 1)
    channels = (1,) * (explained.images.ndim - 1 - len(sizes))
    heat = (falls @ masks / covers).reshape(count, *sizes, *channels)
    return label_attributions(
        explained, np.broadcast_to(heat, explained.images.shape), scores,
        "region_permutation", regions=names, replacement=replacement,
        num_repeats=num_repeats, seed=seed,
    )  # fmt: skip


def _plan(masks, count: int, replacement: str, num_repeats: int, seed: int) -> tuple:
    """Return where new values come from: which image, and which position of it.

    Shapes (repeats, images) and (repeats, regions, positions).
    """
    rng = np.random.default_rng(seed)
    own = np.arange(masks.shape[1])
    donors = np.tile(np.arange(count), (num_repeats, 1))
    orders = np.broadcast_to(own, (num_repeats, *masks.shape)).copy()
    for repeat in range(num_repeats):
        if replacement == "images":
            # Around a circle, so that none is its own donor.
            circle = rng.permutation(count)
            donors[repeat, circle] = np.roll(circle, 1)
            continue
        for region, mask in enumerate(masks):
            orders[repeat, region, mask] = rng.permutation(own[mask])
    return donors, orders


def _falls(explained: Explained, scores, masks, plan: tuple) -> np.ndarray:
    """Return how far the score falls on average, shape (images, regions)."""
    donors, orders = plan
    images = explained.images
    flat = images.reshape(len(images), masks.shape[1], -1)
    falls = np.zeros((len(images), len(masks)))
    count = len(donors) * len(masks)
    with explained.progress("region_permutation", count * len(images)):
        for owners, chosen in explained.repeated(count):
            repeats, regions = np.divmod(chosen, len(masks))
            others = donors[repeats, owners][:, None]
            filled = np.where(
                masks[regions][..., None],
                flat[others, orders[repeats, regions]],
                flat[owners],
            )
            found = explained.scores(filled.reshape(-1, *images.shape[1:]), owners)
            np.add.at(falls, (owners, regions), scores[owners] - found)
    return falls / len(donors)
