"""Where maps start from: noise of a seed, or given images; and their random numbers."""

import dataclasses
import numbers
from collections.abc import Sequence

import numpy as np

from happymaps.backend import keras
from happymaps.maps.settings import AscentSettings
from happymaps.networks.checks import check_images

_START_SPREAD = 0.05  # standard deviation of a start, as a share of the range
_TRANSFORM_STREAM = 1  # sets the numbers of the transforms apart from the start's


@dataclasses.dataclass(frozen=True, eq=False)
class Starts:
    """One start per seed, first axis of every array.

    Attributes:
        seeds: Their numbers.
        images: Inside the range, shape (seeds, *shape).
        parameters: What the parameterization makes of them.
        random: For the transforms, in [0, 1), shape (seeds, steps + 1, draws).
    """

    seeds: list[int]
    images: np.ndarray
    parameters: np.ndarray
    random: np.ndarray


def make_starts(
    model: keras.Model,
    settings: AscentSettings,
    *,
    seeds: int | Sequence[int] = 1,
    seed_input: np.ndarray | None = None,
) -> Starts:
    """Return the starts of seeds, or of `seed_input` where it is given.

    Raises:
        ValueError: Seeds that are none, or images that do not fit the network.
    """
    low, high = settings.input_range
    is_noise = seed_input is None
    if is_noise:
        seeds = _check_seeds(seeds)
        images = start_images(seeds, settings.shape, settings.input_range)
    else:
        check_images(model, seed_input)
        if not len(seed_input):
            raise ValueError(
                "seed_input must hold at least one image. Received: none. Leave it out "
                "to start from noise."
            )
        images = np.clip(np.asarray(seed_input, np.float32), low, high)
        seeds = list(range(len(images)))
    encode = settings.parameterization.encode
    parameters = np.stack([encode(i, low, high, is_noise=is_noise) for i in images])
    random = np.stack([_random_numbers(seed, settings) for seed in seeds])
    return Starts(seeds, images, parameters, random)


def start_images(
    seeds: Sequence[int],
    shape: tuple[int, ...],
    input_range: tuple = (0.0, 1.0),
) -> np.ndarray:
    """Return the random starts of seeds, float32 of shape `(seeds, *shape)`.

    Each is uniform noise, shifted and scaled to have exactly the middle of the range as
    mean and 5 % of the range as standard deviation, as in keras-vis. A single value,
    which has no deviation, starts in the middle.
    """
    low, high = input_range
    images = np.stack([np.random.default_rng(seed).random(shape) for seed in seeds])
    axes = tuple(range(1, images.ndim))
    images -= images.mean(axis=axes, keepdims=True)
    images /= np.maximum(images.std(axis=axes, keepdims=True), np.finfo(float).tiny)
    middle = (low + high) / 2
    return (middle + images * _START_SPREAD * (high - low)).astype(np.float32)


def _random_numbers(seed: int, settings: AscentSettings) -> np.ndarray:
    # Row by row from one generator: a longer run begins with the rows of a shorter one.
    shape = (settings.num_steps + 1, settings.draws)
    rng = np.random.default_rng([_TRANSFORM_STREAM, seed])
    return rng.random(shape, dtype=np.float32)


def _check_seeds(seeds: int | Sequence[int]) -> list[int]:
    listed = list(range(seeds) if isinstance(seeds, numbers.Integral) else seeds)
    whole = all(isinstance(seed, numbers.Integral) and seed >= 0 for seed in listed)
    if not listed or not whole or len(set(listed)) < len(listed):
        raise ValueError(
            "seeds must be a count >= 1 or different whole numbers >= 0. Received: "
            f"{seeds!r}."
        )
    return [int(seed) for seed in listed]
