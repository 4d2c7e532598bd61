"""The image that a minimization starts from."""

import numpy as np

from happymaps.backend import keras
from happymaps.keras_vis.utils import utils


def prepare_seed(seed_input, input_tensor, input_range, is_legacy: bool) -> np.ndarray:
    """Return a start with the batch axis, a new array.

    Args:
        seed_input: An image, with or without the batch axis, channels first or last; or
            None for uniform noise from NumPy's global generator, float64, with the
            middle of the range as mean and 5 % of it as standard deviation.
        input_tensor: Input of the network.
        input_range: (lowest, highest).
        is_legacy: Whether to look for channels that are out of place as 0.4.1 does.

    Raises:
        ValueError: No array of that shape, or noise for an input of open size.
    """
    shape = (1, *input_tensor.shape[1:])
    if seed_input is None:
        if None in shape:
            raise ValueError(
                f"A random start needs an input of fixed size. Received: {shape}. "
                "Give seed_input."
            )
        low, high = input_range
        return utils.random_array(
            shape, mean=np.mean(input_range), std=0.05 * (high - low)
        )
    seed = np.asarray(seed_input)
    seed = seed if seed.ndim == len(shape) else seed[None]
    if seed.ndim == len(shape) and _has_channels_elsewhere(
        seed.shape, shape, is_legacy
    ):
        seed = np.moveaxis(seed, -1, 1)
    if seed.dtype.kind not in "fiub" or not _fits(seed.shape, shape):
        raise ValueError(
            f"seed_input must be numbers of shape {shape[1:]}, or with a batch axis "
            f"before. Received: shape {np.shape(seed_input)}, dtype {seed.dtype}. The "
            "order of arguments differs between keras-vis 0.4.1 and 0.5.0: give "
            "seed_input by keyword."
        )
    return seed.astype(keras.config.floatx())


def _has_channels_elsewhere(shape: tuple, desired: tuple, is_legacy: bool) -> bool:
    if is_legacy:
        return shape != desired
    return shape[-1] != desired[-1] and shape[1] != desired[1]


def _fits(shape: tuple, desired: tuple) -> bool:
    pairs = zip(shape[1:], desired[1:], strict=False)
    return len(shape) == len(desired) and all(b in (None, a) for a, b in pairs)
