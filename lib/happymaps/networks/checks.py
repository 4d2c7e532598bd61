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
    lengths = ", ".join(map(str, expected))
    are_images = len(expected) == 3 and expected[2] in (1, 3)
    raise ValueError(
        f"The network takes {'images' if are_images else 'inputs'} of shape (count, "
        f"{lengths}). Received: {shape}. {_remedy(expected, shape, are_images)}"
    )


def _remedy(expected: tuple, shape: tuple, are_images: bool) -> str:
    """Return what makes the one shape of the other: the least that does."""
    one, many = ("image", "images") if are_images else ("input", "inputs")
    if shape == expected:
        return f"Add the first axis to a single {one}: {one}[None]."
    if shape[:1] == (1,) and shape[2:] == expected:
        return f"Leave the first axis out: {many}[0]."
    if are_images:
        return _picture_remedy(expected, shape)
    if expected[-1:] == (1,) and shape in (expected[:-1], (*shape[:1], *expected[:-1])):
        single = "" if len(shape) == len(expected) else "None, "
        return f"Add the axes of length 1: {many}[{single}..., None]."
    return f"Bring each {one} to the shape ({', '.join(map(str, expected))})."


def _picture_remedy(expected: tuple, shape: tuple) -> str:
    height, width, channels = expected
    single = "None, " if len(shape) == 2 else ""
    pixels = shape[-2:] if len(shape) == 2 else shape[1:3]
    if len(shape) in (2, 3) and pixels == (height, width):
        gray = f"images[{single}..., None]"
        more = f", and np.repeat(..., 3, axis=-1) of it for {channels} channels"
        return f"Add the axis of the channels: {gray}{more if channels == 3 else ''}."
    if len(shape) == 4 and shape[1:] == (channels, height, width):
        return "Put the channels last: np.moveaxis(images, 1, -1)."
    if len(shape) == 4 and pixels == (height, width):
        return _channels_remedy(channels, shape[3])
    return (
        f"Load them with image_size=({height}, {width}), channels={channels} "
        f"(in a notebook: -p image_size={height}x{width})."
    )


def _channels_remedy(expected: int, received: int) -> str:
    if (expected, received) == (3, 1):
        how = "np.repeat(images, 3, axis=-1)"
    elif (expected, received) == (1, 3):
        how = "images.mean(axis=-1, keepdims=True)"
    elif (expected, received) == (3, 4):
        how = "images[..., :3], without the transparency"
    else:
        return f"Bring them to {expected} channels."
    return f"Load them with channels={expected}, or take {how}."
