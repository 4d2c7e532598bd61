"""Fitting a prior: principal components, and how many of them."""

import numbers

import numpy as np
from sklearn.decomposition import PCA

from happymaps.maps.priors import Prior

_MOST_COMPONENTS = 256  # that a choice by likelihood looks at
# Values of all images: beyond, single precision and random sketches.
_LARGE = 20_000_000
_HELD_OUT = 5  # every fifth image
_FEWEST = 4
_QUICK_VALUES = 60_000_000  # of all images of a quick fit
_QUICK_IMAGE = 20_000  # values, from which eigenimages are counted out
_QUICK_NUMBER = 48


def fit_prior(
    images: np.ndarray, num_components: int | None = None, seed: int = 0
) -> Prior:
    """Return what images look like, as a normal distribution in few directions.

    The variance in every direction is at least that of rounding to 256 levels.
    scikit-learn's `PCA`: eigenimages are exact for few or small images; beyond 20
    million values they come from a random sketch (Halko et al. 2011,
    doi:10.1137/090771806), in single precision.

    Args:
        images: Shape `(images, *shape)`, in the range that the network takes, >= 4.
        num_components: Number of eigenimages, 1 to one less than there are images (or
            values of one, if these are fewer). None for that, up to 256, under which
            a fifth of the images, held out, is most likely.
        seed: Of the part held out, and of the sketch.

    Raises:
        ValueError: Too few images, images that are not finite or do not differ, or a
            number of components out of its range.
    """
    images = np.asarray(images)
    most = _check_fit(images, num_components)
    if num_components is None:
        num_components = _choose_number(images, min(most, _MOST_COMPONENTS), seed)
    fitted = _fit(images, num_components, seed, keep=True)
    return Prior(
        fitted.mean_.reshape(images.shape[1:]),
        fitted.components_.reshape(-1, *images.shape[1:]),
        np.maximum(fitted.explained_variance_, _least_noise(images)),
        float(max(fitted.noise_variance_, _least_noise(images))),
        (float(images.min()), float(images.max())),
    )


def quick_prior(images: np.ndarray, seed: int = 0) -> Prior:
    """Return a prior fitted to as many images as take seconds, whatever their size.

    Args:
        images: As in `fit_prior`.
        seed: Of which are taken, where not all are, and as in `fit_prior`.
    """
    size = images[0].size if len(images) else 1
    order = np.random.default_rng(seed).permutation(len(images))
    few = images[np.sort(order[: max(_FEWEST, _QUICK_VALUES // size)])]
    large = size > _QUICK_IMAGE
    return fit_prior(few, min(_QUICK_NUMBER, len(few) // 2) if large else None, seed)


def _check_fit(images: np.ndarray, num_components: int | None) -> int:
    """Return the largest number of components."""
    if images.ndim < 2 or len(images) < _FEWEST:
        raise ValueError(
            f"Expected images (images, ...), at least {_FEWEST}. Received: shape "
            f"{images.shape}."
        )
    if not np.isfinite([images.min(), images.max()]).all():
        raise ValueError("Expected finite images. Received: NaN or infinity in them.")
    if images.min() == images.max() or not np.ptp(images, axis=0).any():
        raise ValueError("Expected images that differ. Received: the same image again.")
    most = min(len(images) - 1, images[0].size) - 1
    whole = isinstance(num_components, numbers.Integral)
    if num_components is not None and not (whole and 1 <= num_components <= most):
        raise ValueError(
            f"num_components must be a whole number from 1 to {most}, one less than "
            f"images or values. Received: {num_components!r}."
        )
    return most


def _fit(images: np.ndarray, num_components: int, seed: int, keep: bool) -> PCA:
    """Return the components of images; where they need not be kept, without a copy."""
    large = images.size > _LARGE
    kind, solver = (np.float32, "randomized") if large else (np.float64, "full")
    flat = images.reshape(len(images), -1).astype(kind, copy=keep)
    pca = PCA(num_components, svd_solver=solver, random_state=seed, copy=False)
    return pca.fit(flat)


def _choose_number(images: np.ndarray, most: int, seed: int) -> int:
    """Return the number of components under which images held out are most likely."""
    order = np.random.default_rng(seed).permutation(len(images))
    held_out = images[order[::_HELD_OUT]]
    left = np.delete(order, np.s_[::_HELD_OUT])
    size, rank = images[0].size, min(len(left), images[0].size)
    most = min(most, rank - 2)
    if most < 1:
        return 1
    fitted = _fit(images[left], most, seed, keep=False)
    variances = np.maximum(fitted.explained_variance_, _least_noise(images))
    total = variances.sum() + fitted.noise_variance_ * (rank - most)
    counts = np.arange(1, most + 1)
    noise = (total - np.cumsum(variances)) / (rank - counts)
    noise = np.maximum(noise, _least_noise(images))
    flat = held_out.reshape(len(held_out), -1) - fitted.mean_
    squares = np.mean(np.square(flat @ fitted.components_.T, dtype=np.float64), axis=0)
    rest = np.mean(np.sum(np.square(flat, dtype=np.float64), axis=1))
    rest = np.maximum(rest - np.cumsum(squares), 0)
    inside = np.cumsum(squares / variances + np.log(variances))
    loss = inside + rest / noise + (size - counts) * np.log(noise)
    return int(counts[np.argmin(loss)])


def _least_noise(images: np.ndarray) -> float:
    """Return the variance that rounding to 256 levels leaves.

    Pixels that are the same in all images would else have none, and whatever touched
    them would be infinitely unlikely.
    """
    return (float(images.max() - images.min()) / 255) ** 2 / 12
