"""How alike two heat maps of one image are."""

import numpy as np
from scipy import ndimage, stats

from happymaps.attribution.evaluation.heatmap_checks import check_heatmaps

KINDS = ("absolute_rank", "signed_rank", "structure")
_SIGMA = 1.5  # pixels; with the cut below a window of 11x11
_CUT = 3.5  # standard deviations


def map_similarity(
    first: np.ndarray, second: np.ndarray, *, kind: str = "absolute_rank"
) -> np.ndarray:
    """Return how alike the heat maps of each image are, in [-1, 1].

    - `"absolute_rank"`: Spearman's rank correlation of the absolute values, equal
      values sharing their mean rank.
    - `"signed_rank"`: the same of the values themselves.
    - `"structure"`: `structural_similarity` of the absolute values, each map divided by
      its own largest.

    Source: the sanity checks of Adebayo et al. 2018, arXiv:1810.03292.

    Args:
        first: Shape `(images, height, width)`.
        second: The same.
        kind: One of the above.

    Returns:
        float64 of shape (images,); NaN where a rank correlation has a flat map, or the
        structure one of zeros.

    Raises:
        ValueError: Shapes that differ, or an unknown kind.
    """
    first = check_heatmaps(first)
    second = check_heatmaps(second, count=len(first))
    if kind not in KINDS or first.shape != second.shape:
        raise ValueError(
            f"Expected heat maps of one shape and a kind of {KINDS}. Received: "
            f"{first.shape}, {second.shape} and {kind!r}."
        )
    if kind == "signed_rank":
        return _rank_correlation(first, second)
    if kind == "absolute_rank":
        return _rank_correlation(np.abs(first), np.abs(second))
    return structural_similarity(_scaled(first), _scaled(second), data_range=1)


def structural_similarity(
    first: np.ndarray, second: np.ndarray, *, data_range: float
) -> np.ndarray:
    """Return the mean structural similarity index (SSIM) of each pair, in [-1, 1].

    `(2 m1 m2 + C1) (2 c12 + C2) / ((m1^2 + m2^2 + C1) (v1 + v2 + C2))` with means,
    variances and covariance under a Gaussian of 1.5 pixels in a window of 11x11,
    `C1 = (0.01 range)^2`, `C2 = (0.03 range)^2`, averaged over all pixels; beyond the
    rim the image is mirrored.

    Source: Wang et al. 2004, doi:10.1109/TIP.2003.819861.

    Args:
        first: Shape `(images, height, width)`.
        second: The same.
        data_range: Distance of the lowest from the highest possible value, > 0.

    Returns:
        float64 of shape (images,).

    Raises:
        ValueError: A range that is not above 0.
    """
    if not data_range > 0:
        raise ValueError(f"data_range must be > 0. Received: {data_range!r}.")
    low, high = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    mean_1, mean_2 = _window(first), _window(second)
    variances = _window(first**2) - mean_1**2 + _window(second**2) - mean_2**2
    covariance = _window(first * second) - mean_1 * mean_2
    index = (2 * mean_1 * mean_2 + low) * (2 * covariance + high)
    index /= (mean_1**2 + mean_2**2 + low) * (variances + high)
    return index.mean(axis=(1, 2))


def _window(planes: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(planes, (0, _SIGMA, _SIGMA), truncate=_CUT)


def _scaled(heatmaps: np.ndarray) -> np.ndarray:
    heatmaps = np.abs(heatmaps)
    highest = heatmaps.max(axis=(1, 2), keepdims=True)
    return heatmaps / np.where(highest > 0, highest, np.nan)


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    ranks = [stats.rankdata(maps.reshape(len(maps), -1), axis=1)
             for maps in (first, second)]  # fmt: skip
    ranks = [rank - rank.mean(axis=1, keepdims=True) for rank in ranks]
    norms = np.prod([np.linalg.norm(rank, axis=1) for rank in ranks], axis=0)
    along = np.sum(ranks[0] * ranks[1], axis=1)
    flat = np.full(len(along), np.nan)
    return np.clip(np.divide(along, norms, out=flat, where=norms > 0), -1, 1)
