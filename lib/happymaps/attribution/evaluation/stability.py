"""How much an attribution changes when next to nothing does."""

from collections.abc import Callable

import numpy as np
import xarray as xr


def max_sensitivity(
    explain: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    *,
    radius: float = 0.02,
    num_samples: int = 10,
    seed: int = 0,
) -> xr.Dataset:
    """Return the largest relative change of an attribution under small noise.

    `max over samples |A(x + e) - A(x)| / |A(x)|` with Euclidean norms and e uniform in
    [-radius, radius] for each pixel: the largest of a sample, so a lower bound of the
    largest there is.

    Source: Yeh et al. 2019, arXiv:1901.09392.

    Args:
        explain: Images to attributions, whose first axis is the images'. For example
            `lambda images: gradient(model, logit(1), images).values`. Maps of other
            scales compare, since the change is relative.
        images: Shape `(images, height, width, colors)`.
        radius: Of the noise, in units of a pixel, > 0.
        num_samples: Draws of noise, >= 1; the same for all methods with one seed.
        seed: Of the noise.

    Returns:
        `largest` and `mean` change over the samples, float64 with dimension `image`,
        >= 0; 0 for an attribution that does not change, NaN for one that was 0 all
        over and changes.

    Raises:
        ValueError: A radius or number of samples out of its range, or attributions of
            other images.
    """
    if not radius > 0 or num_samples < 1:
        raise ValueError(
            "radius must be > 0 and num_samples >= 1. Received: "
            f"{radius!r} and {num_samples!r}."
        )
    images = np.asarray(images, np.float32)
    rng = np.random.default_rng(seed)
    noises = (rng.uniform(-radius, radius, images.shape) for _ in range(num_samples))
    noisy = (explain((images + noise).astype(np.float32)) for noise in noises)
    return _relative_changes(explain(images), noisy, len(images))


def _relative_changes(original, others, count: int) -> xr.Dataset:
    original = np.asarray(original, np.float64)
    if len(original) != count:
        raise ValueError(
            f"Expected an attribution for each of the {count} images. Received: an "
            f"array of shape {original.shape}. Its first axis must be the images'."
        )
    flat = original.reshape(count, -1)
    norms = np.linalg.norm(flat, axis=1)
    changes = np.array(
        [np.linalg.norm(np.reshape(other, flat.shape) - flat, axis=1)
         for other in others]
    )  # fmt: skip
    unknown = np.where(changes > 0, np.nan, 0.0)
    relative = np.divide(changes, norms, out=unknown, where=norms > 0)
    return xr.Dataset(
        {"largest": ("image", relative.max(axis=0)),
         "mean": ("image", relative.mean(axis=0))}
    )  # fmt: skip
