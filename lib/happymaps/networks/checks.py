"""Checks at the public doors that several modules share."""

from collections.abc import Sequence

import numpy as np

from happymaps.backend import keras
from happymaps.networks.layers import input_shape


def check_choice(name: str, received: str, choices: Sequence[str]) -> None:
    """Raise a ValueError unless `received` is one of `choices`."""
    if received not in list(choices):
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, choices))}. "
            f"Received: {received!r}."
        )


def check_images(model: keras.Model, images: np.ndarray) -> None:
    """Raise a ValueError unless `images` fit the input of `model`."""
    expected = input_shape(model)
    shape = np.shape(images)
    if len(shape) == len(expected) + 1 and shape[1:] == expected:
        return
    if len(expected) != 3 or expected[2] not in (1, 3):
        lengths = ", ".join(map(str, expected))
        raise ValueError(
            f"The network takes inputs of shape (count, {lengths}). Received: "
            f"{shape}. Add the first axis to a single input with inputs[None]."
        )
    height, width, channels = expected
    raise ValueError(
        f"The network takes images of shape (count, {height}, {width}, "
        f"{channels}). Received: {shape}. "
        f"Load them with image_size=({height}, {width}), channels={channels} "
        f"(in a notebook: -p image_size={height}x{width})."
    )
