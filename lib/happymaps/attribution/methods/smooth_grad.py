"""SmoothGrad and its square: gradients averaged over noise."""

import numbers
from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.attribution.parts.explained import Explained
from happymaps.attribution.parts.labels import label_attributions
from happymaps.attribution.parts.option_checks import check_count, check_seed
from happymaps.backend import keras
from happymaps.maps.objectives import Objective


def smooth_grad(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    *,
    activation: str = "leaky",
    batch_size: int = 32,
    noise_level: float = 0.15,
    num_samples: int = 25,
    seed: int = 0,
) -> xr.DataArray:
    """Return the gradient averaged over noisy images, `mean_k dS/dx(x + e_k)`.

    The values of e_k are independent and normal, their standard deviation is
    `noise_level (max x - min x)`. All images get the same noise but for this scale, so
    that an image's attributions do not depend on the others.

    Source: Smilkov et al. 2017, arXiv:1706.03825.

    Args:
        model: As in `gradient`.
        objective: One for all images, or one per image.
        images: Shape `(images, *input shape)`.
        activation: `"leaky"`, `"pre"` or `"post"`.
        batch_size: >= 1; the noise does not depend on it.
        noise_level: Standard deviation as a share of the image's range, >= 0.
        num_samples: How many noisy images, >= 1.
        seed: Of the noise.

    Returns:
        As in `gradient`; `score` is that of the image without noise.

    Raises:
        ValueError: As in `gradient`; a noise level below 0, or no sample.
        TypeError: As in `gradient`.
    """
    explained = Explained(model, objective, images, activation, batch_size)
    options = {"noise_level": noise_level, "num_samples": num_samples, "seed": seed}
    return _smoothed(explained, "smooth_grad", np.asarray, **options)


def smooth_grad_squared(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    *,
    activation: str = "leaky",
    batch_size: int = 32,
    noise_level: float = 0.15,
    num_samples: int = 25,
    seed: int = 0,
) -> xr.DataArray:
    """Return the squared gradient averaged over noise, `mean_k (dS/dx(x + e_k))^2`.

    Source: Hooker et al. 2019, arXiv:1806.10758 (SmoothGrad-Squared).

    Args:
        model: As in `gradient`.
        objective: One for all images, or one per image.
        images: Shape `(images, *input shape)`.
        activation: `"leaky"`, `"pre"` or `"post"`.
        batch_size: >= 1.
        noise_level: As in `smooth_grad`, like all that follow.
        num_samples: >= 1.
        seed: Of the noise.

    Returns:
        As in `smooth_grad`, never negative.

    Raises:
        ValueError: As in `smooth_grad`.
        TypeError: As in `gradient`.
    """
    explained = Explained(model, objective, images, activation, batch_size)
    options = {"noise_level": noise_level, "num_samples": num_samples, "seed": seed}
    return _smoothed(explained, "smooth_grad_squared", np.square, **options)


def _smoothed(
    explained: Explained, method: str, function, *, noise_level, num_samples, seed
) -> xr.DataArray:
    check_count("num_samples", num_samples)
    check_seed(seed)
    if not isinstance(noise_level, numbers.Real) or not 0 <= noise_level < np.inf:
        raise ValueError(
            f"noise_level must be a number >= 0. Received: {noise_level!r}. It is a "
            "share of the image's range, such as 0.15."
        )
    images = explained.images
    axes = tuple(range(1, images.ndim))
    spreads = noise_level * np.ptp(images, axis=axes, keepdims=True)
    total = np.zeros(images.shape)
    with explained.progress(method, num_samples * len(images)):
        for owners, samples in explained.repeated(num_samples):
            inputs = images[owners] + spreads[owners] * _noise(
                seed, samples, images.shape[1:]
            )
            _, gradients = explained.gradients(inputs, owners)
            np.add.at(total, owners, function(gradients))
    scores = explained.scores(images, explained.everyone())
    return label_attributions(
        explained, total / num_samples, scores, method,
        noise_level=float(noise_level), num_samples=num_samples, seed=seed,
    )  # fmt: skip


def _noise(seed: int, samples: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the noise of each sample, which depends on its number alone."""
    drawn = {
        sample: np.random.default_rng([seed, sample]).standard_normal(shape, np.float32)
        for sample in set(samples.tolist())
    }
    return np.stack([drawn[sample] for sample in samples.tolist()])
