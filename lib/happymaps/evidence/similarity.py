"""How alike two maps are: pixel by pixel, up to a shift, and in texture.

All three compare a set of images pairwise. Images have the shape
`(images, height, width, channels)`; color images are first averaged over channels. A
flat image is like nothing: its similarities are NaN.
"""

import numpy as np
from scipy import fft

from happymaps.evidence.known_values import known_mean

_FLAT = 1e-6  # standard deviation below which an image has no pattern to compare
MEASURES = ("raw", "shift_tolerant", "spectral")


def pairwise_similarity(images: np.ndarray, measure: str) -> np.ndarray:
    """Return the similarity of each image to each other, shape `(images, images)`.

    - `"raw"`: the Pearson correlation of the pixels, in [-1, 1].
    - `"shift_tolerant"`: the largest correlation over all circular shifts of the one
      against the other, by Fourier transform. It is above 0 for any two patterns, so it
      has to be read against that of unrelated maps.
    - `"spectral"`: the Pearson correlation of the logarithms of the power spectra,
      which do not depend on position at all, in [-1, 1]. The same texture at another
      phase has a high one.

    Args:
        images: Shape `(images, height, width, channels)`, any range.
        measure: One of `MEASURES`.

    Raises:
        ValueError: Unknown measure or another number of axes.
    """
    if measure not in MEASURES or np.ndim(images) != 4:
        raise ValueError(
            f"Expected images of 4 axes and a measure of {MEASURES}. Received: "
            f"{np.ndim(images)} axes and {measure!r}."
        )
    standard = _standardized(np.asarray(images, np.float64).mean(axis=-1))
    if measure == "raw":
        return _correlations(standard)
    if measure == "spectral":
        spectra = fft.fft2(standard)
        return _correlations(_standardized(_log_power(standard, spectra)))
    return _shift_tolerant(standard)


def mean_similarity(images: np.ndarray, measure: str) -> float | np.ndarray:
    """Return the mean of `pairwise_similarity` over all pairs of different images.

    NaN where no pair can be compared. Of groups of images, with further axes before
    those of `pairwise_similarity`, an array with the mean of each group.
    """
    if np.ndim(images) > 4:
        return np.array([mean_similarity(group, measure) for group in images])
    upper = np.triu_indices(len(images), k=1)
    return known_mean(pairwise_similarity(images, measure)[upper])


def grouped_similarity(groups: np.ndarray, measure: str) -> np.ndarray:
    """Return how alike the images of each two groups are, but those of one place.

    Images of one place, such as maps from one start, would be alike for what they share
    from there.

    Args:
        groups: Shape `(groups, places, height, width, channels)`, 2 places at least.
        measure: As in `pairwise_similarity`.

    Returns:
        Shape (groups, groups, places * (places - 1)): entry (i, j) holds the
        similarities of images of i to images of j. NaN where one is flat.

    Raises:
        ValueError: Fewer than two places, or another number of axes.
    """
    if np.ndim(groups) != 5 or np.shape(groups)[1] < 2:
        raise ValueError(
            "Expected maps (neurons, starts, height, width, channels) from 2 starts or "
            f"more. Received: shape {np.shape(groups)}. Make maps with seeds=2."
        )
    count, places = np.shape(groups)[:2]
    table = pairwise_similarity(groups.reshape(-1, *groups.shape[2:]), measure)
    blocks = table.reshape(count, places, count, places).transpose(0, 2, 1, 3)
    return blocks[:, :, ~np.eye(places, dtype=bool)]


def likeness_table(maps: np.ndarray, measure: str) -> np.ndarray:
    """Return how alike the maps of neurons are that began from different starts.

    The means of `grouped_similarity`: the diagonal tells how alike the maps of one
    neuron are, the most to be expected.

    Args:
        maps: Shape `(neurons, starts, height, width, channels)`, 2 starts at least.
        measure: As in `pairwise_similarity`.

    Returns:
        float64 of shape (neurons, neurons), symmetric; NaN where a map is flat.

    Raises:
        ValueError: As in `grouped_similarity`.
    """
    return grouped_similarity(maps, measure).mean(axis=-1)


def _standardized(planes: np.ndarray) -> np.ndarray:
    """Return planes with mean 0 and standard deviation 1, flat ones as NaN."""
    planes = planes - planes.mean(axis=(1, 2), keepdims=True)
    spread = planes.std(axis=(1, 2), keepdims=True)
    return planes / np.where(spread > _FLAT, spread, np.nan)


def _correlations(standard: np.ndarray) -> np.ndarray:
    flat = standard.reshape(len(standard), -1)
    return flat @ flat.T / flat.shape[1]


def _shift_tolerant(standard: np.ndarray) -> np.ndarray:
    # The other way round, a pair has the same correlations at the opposite shifts.
    count, *shape = standard.shape
    spectra, table = fft.rfft2(standard), np.empty((count, count))
    for row in range(count):
        products = spectra[row] * spectra[row:].conj()
        best = fft.irfft2(products, shape).max(axis=(1, 2)) / standard[0].size
        table[row, row:] = table[row:, row] = best
    return table


def _log_power(standard: np.ndarray, spectra: np.ndarray) -> np.ndarray:
    # The share of each frequency, averaged over 3x3 neighbors: single coefficients of
    # two samples of one texture scatter by a factor, their local means do not. The
    # constant is out of the game, because its power is zero by standardization.
    power = np.abs(spectra) ** 2 / standard[0].size
    smooth = sum(
        np.roll(power, (dy, dx), axis=(1, 2)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)
    )
    return np.log(smooth / 9 + 1e-6)
