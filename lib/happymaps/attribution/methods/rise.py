"""RISE: randomized masks."""

import numbers
from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.attribution.parts.baselines import baseline_for
from happymaps.attribution.parts.explained import Explained
from happymaps.attribution.parts.labels import label_attributions
from happymaps.attribution.parts.option_checks import check_count, check_seed, sizes_of
from happymaps.attribution.parts.positions import enlarge, position_sizes
from happymaps.backend import keras
from happymaps.maps.objectives import Objective


def rise(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    *,
    activation: str = "leaky",
    batch_size: int = 32,
    num_masks: int = 500,
    grid: int | tuple[int, ...] = 5,
    probability: float = 0.5,
    baseline: float | np.ndarray | None = 0.0,
    seed: int = 0,
) -> xr.DataArray:
    """Return the scores of masked images, averaged where the masks are open.

    `sum_m S(b + M_m (x - b)) M_m / (num_masks probability)`. A mask M is a grid of
    cells, open with this probability, enlarged linearly and shifted at random by less
    than a cell. All channels of a pixel have the same value. A score that is far from 0
    everywhere adds itself to all pixels; differences between pixels are what counts.

    Source: Petsiuk, Das & Saenko 2018, arXiv:1806.07421 (there b = 0 and S a
    probability).

    Args:
        model: As in `gradient`.
        objective: One for all images, or one per image.
        images: Shape `(images, *input shape)`.
        activation: `"leaky"`, `"pre"` or `"post"`.
        batch_size: >= 1; the masks do not depend on it.
        num_masks: >= 1, the same masks for all images.
        grid: Cells along each axis, one number or one for each.
        probability: That a cell is open, in (0, 1).
        baseline: b, as in `integrated_gradients`.
        seed: Of the masks.

    Returns:
        As in `gradient`.

    Raises:
        ValueError: As in `gradient`; no mask, more cells than pixels, a probability out
            of range, or a baseline of another shape.
        TypeError: As in `gradient`.
    """
    explained = Explained(model, objective, images, activation, batch_size)
    base = baseline_for(baseline, explained.images)
    sizes = position_sizes(explained.images.shape[1:])
    check_count("num_masks", num_masks)
    check_seed(seed)
    grid = sizes_of("grid", grid, sizes)
    _check_probability(probability)
    total = np.zeros((len(explained.images), *sizes))
    channels = (1,) * (explained.images.ndim - 1 - len(sizes))
    with explained.progress("rise", num_masks * len(explained.images)):
        for start in range(0, num_masks, batch_size):
            numbers_of_masks = range(start, min(start + batch_size, num_masks))
            masks = np.stack(
                [_mask(seed, n, grid, sizes, probability) for n in numbers_of_masks]
            )
            holes = masks.reshape(*masks.shape, *channels)
            for owner, image in enumerate(explained.images):
                inputs = base.values[owner] + holes * (image - base.values[owner])
                found = explained.scores(inputs, np.full(len(masks), owner))
                total[owner] += np.tensordot(found.astype(np.float64), masks, 1)
    heat = (total / (num_masks * probability)).reshape(*total.shape, *channels)
    values = np.broadcast_to(heat, explained.images.shape)
    scores = explained.scores(explained.images, explained.everyone())
    return label_attributions(
        explained, values, scores, "rise", baseline=base, num_masks=num_masks,
        grid=list(grid), probability=float(probability), seed=seed,
    )  # fmt: skip


def _mask(
    seed: int, number: int, grid: tuple, sizes: tuple, probability: float
) -> np.ndarray:
    """Return one mask in [0, 1], which depends on its number and the options alone."""
    rng = np.random.default_rng([seed, number])
    cells = (rng.random(grid) < probability).astype(np.float32)
    lengths = [-(-size // count) for size, count in zip(sizes, grid, strict=True)]
    wide = [(n + 1) * length for n, length in zip(grid, lengths, strict=True)]
    shifts = [int(rng.integers(length)) for length in lengths]
    window = [slice(s, s + size) for s, size in zip(shifts, sizes, strict=True)]
    return enlarge(cells[None], tuple(wide))[0][tuple(window)]


def _check_probability(probability: float) -> None:
    if not isinstance(probability, numbers.Real) or not 0 < probability < 1:
        raise ValueError(
            f"probability must be in (0, 1). Received: {probability!r}. It is the "
            "share of a mask's cells that are open."
        )
