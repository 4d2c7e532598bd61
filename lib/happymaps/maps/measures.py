"""What can be said of a map without looking at it, and of the colors of images."""

import numpy as np
from scipy import ndimage

__all__ = [
    "PATTERNS",
    "classify_patterns",
    "color_factors",
    "concentration",
    "high_frequency_share",
]

PATTERNS = ("bright", "dark", "gray", "edges", "static", "texture")
_FLAT = 0.1  # contrast below which a map has no pattern
_STATIC = 0.8  # share of high frequencies from which it looks like television noise
_BRIGHT = 0.65
_ORIENTED = 0.5  # coherence from which a map has one orientation


def high_frequency_share(images: np.ndarray) -> np.ndarray:
    """Return the energy of neighbor differences over twice the variance, per image.

    `mean((dx^2 + dy^2) / 2) / (2 variance)`: 0 for a flat or very smooth image, 1 for
    noise in which each pixel is independent, up to 2 for a checkerboard.

    Args:
        images: Shape `(..., height, width, channels)`.

    Returns:
        float64 of the leading shape; 0 where an image is flat.
    """
    images = np.asarray(images, np.float64)
    axes = (-3, -2, -1)
    vertical = np.mean(np.diff(images, axis=-3) ** 2, axis=axes)
    horizontal = np.mean(np.diff(images, axis=-2) ** 2, axis=axes)
    variance = images.var(axis=axes)
    share = np.divide(
        (vertical + horizontal) / 2,
        2 * variance,
        out=np.zeros_like(variance),
        where=variance > 1e-12,
    )
    return share


def orientation_coherence(images: np.ndarray) -> np.ndarray:
    """Return how much of an image's contrast runs in one direction, in [0, 1].

    `sqrt((Jxx - Jyy)^2 + 4 Jxy^2) / mean(dx^2 + dy^2)`, with J the structure tensor,
    averaged over the image, of differences between the halves of 2x2 blocks, and dx, dy
    those of single neighbors: 1 for parallel stripes, even those one pixel wide, about
    0 for noise, 0 for a checkerboard, which the blocks do not see, or a flat image.

    Source: the structure tensor of Bigün & Granlund 1987.

    Args:
        images: Shape `(..., height, width, channels)`; colors are averaged.
    """
    planes = np.asarray(images, np.float64).mean(axis=-1)
    down, across = np.diff(planes, axis=-2), np.diff(planes, axis=-1)
    contrast = np.mean(down**2, axis=(-2, -1)) + np.mean(across**2, axis=(-2, -1))
    down = (down[..., 1:] + down[..., :-1]) / 2
    across = (across[..., 1:, :] + across[..., :-1, :]) / 2
    difference = np.mean(across**2 - down**2, axis=(-2, -1))
    strength = np.hypot(difference, 2 * np.mean(across * down, axis=(-2, -1)))
    found = np.zeros_like(strength)
    return np.divide(strength, contrast, out=found, where=contrast > 1e-12)


def classify_patterns(images: np.ndarray) -> np.ndarray:
    """Return what each map shows at a glance, one of `PATTERNS`.

    A map is flat when its 10 % darkest and 10 % brightest pixels are cut off and the
    rest spans less than a tenth of the range: `"bright"` (mean above 0.65), `"dark"`
    (below 0.35) or `"gray"`. Cutting lets a bright map keep the black rim that the
    borders of convolutions leave. Of the others, those with an `orientation_coherence`
    of 0.5 and more are `"edges"`, of the rest those with a `high_frequency_share` of
    0.8 and more `"static"`, the rest `"texture"`. Colors are averaged. The thresholds
    are conventions of this project.

    Args:
        images: Shape `(..., height, width, channels)` in [0, 1].

    Returns:
        Array of str of the leading shape.
    """
    planes = np.asarray(images, np.float64).mean(axis=-1)
    low, high = np.quantile(planes, [0.1, 0.9], axis=(-2, -1))
    flat = high - low < _FLAT
    mean = planes.mean(axis=(-2, -1))
    return np.select(
        [
            flat & (mean > _BRIGHT),
            flat & (mean < 1 - _BRIGHT),
            flat,
            orientation_coherence(images) >= _ORIENTED,
            high_frequency_share(images) >= _STATIC,
        ],
        ["bright", "dark", "gray", "edges", "static"],
        "texture",
    )


def concentration(images: np.ndarray, *, share: float = 0.25) -> np.ndarray:
    """Return how much of a map's contrast lies in its liveliest region, per image.

    The squared deviation from the image's median, averaged over 5x5 neighborhoods: the
    part of its sum that the `share` of pixels with the most of it hold.

    Args:
        images: Shape `(images, height, width, channels)`.
        share: Size of the region as a share of the image, in (0, 1].

    Returns:
        float64 of shape (images,), from `share` (everywhere alike) to 1; NaN if flat.
    """
    plane = np.asarray(images, np.float64).mean(axis=-1)
    energy = (plane - np.median(plane, axis=(1, 2), keepdims=True)) ** 2
    energy = ndimage.uniform_filter(energy, (0, 5, 5), mode="nearest")
    ordered = np.sort(energy.reshape(len(energy), -1), axis=1)[:, ::-1]
    total = ordered.sum(axis=1)
    top = ordered[:, : max(1, round(share * ordered.shape[1]))].sum(axis=1)
    return np.divide(top, total, out=np.full(len(top), np.nan), where=total > 1e-12)


def color_factors(images: np.ndarray) -> tuple[tuple[float, ...], ...]:
    """Return the symmetric square root of the covariance of colors over all pixels.

    White noise times this matrix has the colors of the images. By singular value
    decomposition of the covariance, `U sqrt(S) U^T`; for
    `Fourier(decorrelate_colors=)`.

    Args:
        images: Shape `(images, ..., channels)`, two channels or more.

    Raises:
        ValueError: A single channel, or channels that do not vary by themselves.
    """
    colors = np.asarray(images, np.float64).reshape(-1, np.shape(images)[-1])
    if colors.shape[1] < 2:
        raise ValueError(
            f"Expected images of several channels. Received: shape {np.shape(images)}. "
            "Leave decorrelate_colors out."
        )
    directions, variances, _ = np.linalg.svd(np.cov(colors, rowvar=False))
    if variances[-1] < 1e-10 * variances[0]:
        raise ValueError(
            "Expected colors that vary along every direction. Received: variances "
            f"{variances.tolist()}; the images may be gray. Leave decorrelate_colors "
            "out."
        )
    matrix = directions * np.sqrt(variances) @ directions.T
    return tuple(map(tuple, matrix.tolist()))
