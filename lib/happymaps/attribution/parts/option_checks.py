"""Checks of the options that several methods share."""

import numbers

import numpy as np


def check_count(name: str, received: int, least: int = 1) -> None:
    """Raise a ValueError unless `received` is a whole number from `least`."""
    if not isinstance(received, numbers.Integral) or received < least:
        raise ValueError(
            f"{name} must be a whole number >= {least}. Received: {received!r}."
        )


def check_seed(seed: int) -> None:
    """Raise a ValueError unless the seed is a whole number from 0."""
    check_count("seed", seed, 0)


def sizes_of(
    name: str, received: int | tuple[int, ...], sizes: tuple[int, ...]
) -> tuple[int, ...]:
    """Return a size for each axis of positions.

    Args:
        name: Of the option.
        received: One number for all axes, or one for each.
        sizes: The largest that there may be, for each axis.

    Raises:
        ValueError: No whole numbers, below 1, too large or another number of them.
    """
    values = (received,) * len(sizes) if np.ndim(received) == 0 else tuple(received)
    fits = len(values) == len(sizes) and all(
        isinstance(value, numbers.Integral) and 1 <= value <= size
        for value, size in zip(values, sizes, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{name} must be a whole number >= 1, or one for each axis, and at most "
            f"{sizes}. Received: {received!r}."
        )
    return tuple(int(value) for value in values)
