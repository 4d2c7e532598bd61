"""Small random changes of an image before the network sees it, anew in every step.

What still excites a neuron when it is shifted, turned and resized is no accident of
single pixels. A transform is called with a batch of images and with random numbers in
[0, 1), shape `(images, transform.draws(shape))`, and has no randomness of its own: the
numbers of a map come from its seed and the step alone, whatever else is in the batch.

Only `Pad` changes the size of an image. After the last transform its center is cut out,
in the size that the network takes. The transforms of Lucid would be

    Pad(12), Jitter(8), Scale((0.95, 0.975, 1.0, 1.025, 1.05)), Rotate(5), Jitter(4)

Source: Olah, Mordvintsev & Schubert 2017, doi:10.23915/distill.00007, and Lucid.
"""

import dataclasses
import math
import numbers
from collections.abc import Sequence

from happymaps.backend import tf
from happymaps.maps.blurring import gaussian_blur


@dataclasses.dataclass(frozen=True)
class Jitter:
    """A shift along each axis by a whole number of pixels from -pixels to +pixels.

    What leaves on one side comes in on the other; after a `Pad` of at least as many
    pixels, that is the padding.

    Args:
        pixels: The longest shift, >= 0.
    """

    pixels: int

    def __post_init__(self) -> None:
        _check_count("Jitter", "pixels", self.pixels)

    def draws(self, shape: tuple[int, ...]) -> int:
        """Return the random numbers per image: one for each axis."""
        return len(shape) - 1

    def __call__(self, images, random):
        """Return the shifted images, of the same shape."""
        for position in range(len(images.shape) - 2):
            length = images.shape[position + 1]
            share = tf.floor(random[:, position] * (2 * self.pixels + 1))
            shift = tf.cast(share, tf.int32) - self.pixels
            places = tf.range(length)[None] - shift[:, None]
            places = tf.math.floormod(places, length)
            images = tf.gather(images, places, axis=position + 1, batch_dims=1)
        return images


@dataclasses.dataclass(frozen=True)
class Rotate:
    """A turn about the center by an angle from -degrees to +degrees, counterclockwise.

    Values between pixels are interpolated linearly; outside lies the nearest value of
    the edge.

    Args:
        degrees: The largest angle, >= 0.
    """

    degrees: float

    def __post_init__(self) -> None:
        _check_number("Rotate", "degrees", self.degrees)

    def draws(self, shape: tuple[int, ...]) -> int:
        """Return the random numbers per image; raise unless it has two axes."""
        if len(shape) != 3:
            raise ValueError(
                "Rotate needs images of shape (height, width, channels). Received an "
                f"input of shape {shape}. Leave Rotate out."
            )
        return 1

    def __call__(self, images, random):
        """Return the turned images, of the same shape."""
        height, width = images.shape[1:3]
        angle = (2 * random[:, :1, None] - 1) * math.radians(self.degrees)
        down = tf.range(height, dtype=tf.float32)[None, :, None] - (height - 1) / 2
        right = tf.range(width, dtype=tf.float32)[None, None, :] - (width - 1) / 2
        y = tf.cos(angle) * down + tf.sin(angle) * right + (height - 1) / 2
        x = tf.cos(angle) * right - tf.sin(angle) * down + (width - 1) / 2
        return _interpolate(images, y, x)


@dataclasses.dataclass(frozen=True)
class Scale:
    """An enlargement about the center by one of several factors, with equal chances.

    Values are interpolated linearly. What grows beyond the edge is cut off; around what
    shrinks lies the nearest value of the edge.

    Args:
        factors: To choose from, each > 0.
    """

    factors: Sequence[float]

    def __post_init__(self) -> None:
        factors = tuple(self.factors) if isinstance(self.factors, Sequence) else ()
        if not factors or not all(_is_finite(f) and f > 0 for f in factors):
            raise ValueError(
                "Scale needs a sequence of finite factors > 0. Received: "
                f"{self.factors!r}. Use Scale((0.9, 1.0, 1.1))."
            )
        object.__setattr__(self, "factors", tuple(float(f) for f in factors))

    def draws(self, shape: tuple[int, ...]) -> int:
        """Return the random numbers per image."""
        return 1

    def __call__(self, images, random):
        """Return the resized images, of the same shape."""
        choice = tf.cast(tf.floor(random[:, 0] * len(self.factors)), tf.int32)
        factor = tf.gather(tf.constant(self.factors), choice)[:, None]
        for axis in range(1, len(images.shape) - 1):
            length = images.shape[axis]
            center = (length - 1) / 2
            grid = tf.range(length, dtype=tf.float32)
            places = tf.clip_by_value((grid - center) / factor + center, 0, length - 1)
            # A row of shares for each new value, in place of two look-ups whose
            # gradients a GPU adds up in any order.
            shares = tf.nn.relu(1 - tf.abs(places[:, :, None] - grid))
            images = _along(shares, images, axis)
        return images


@dataclasses.dataclass(frozen=True)
class Pad:
    """A frame of one value around the image.

    Args:
        pixels: Its width, >= 0.
        value: In the units of the input; the middle of the range is the start's mean.
    """

    pixels: int
    value: float = 0.5

    def __post_init__(self) -> None:
        _check_count("Pad", "pixels", self.pixels)
        if not _is_finite(self.value):
            raise ValueError(f"Pad needs a finite value. Received: {self.value!r}.")

    def draws(self, shape: tuple[int, ...]) -> int:
        """Return the random numbers per image: none."""
        return 0

    def __call__(self, images, random):
        """Return images that are longer by twice `pixels` along each axis."""
        spatial = [(self.pixels, self.pixels)] * (len(images.shape) - 2)
        return tf.pad(images, [(0, 0), *spatial, (0, 0)], constant_values=self.value)


@dataclasses.dataclass(frozen=True)
class Blur:
    """A Gaussian blur, the same in every step.

    Args:
        sigma: Its standard deviation in pixels, >= 0.
    """

    sigma: float

    def __post_init__(self) -> None:
        _check_number("Blur", "sigma", self.sigma)

    def draws(self, shape: tuple[int, ...]) -> int:
        """Return the random numbers per image: none."""
        return 0

    def __call__(self, images, random):
        """Return the blurred images, of the same shape."""
        return gaussian_blur(images, self.sigma)


def count_draws(transforms: Sequence, shape: tuple[int, ...]) -> int:
    """Return how many random numbers an image of a shape needs in a step.

    Raises:
        ValueError: Something that is no transform, or one for inputs of another kind.
    """
    for transform in transforms:
        if isinstance(transform, type) or not hasattr(transform, "draws"):
            raise ValueError(
                "Expected a sequence of transforms. Received in it: "
                f"{transform!r}. Use [Pad(12), Jitter(8), Rotate(5)], or () for none."
            )
    if transforms and len(shape) < 2:
        raise ValueError(
            "Transforms need an input with positions, such as (height, width, "
            f"channels). Received an input of shape {shape}, whose values have no "
            "neighbors. Use transforms=()."
        )
    return sum(transform.draws(shape) for transform in transforms)


def apply_transforms(transforms: Sequence, images, random):
    """Return transformed images of the size that they had.

    Args:
        transforms: Checked by `count_draws`.
        images: Shape `(images, ..., channels)`.
        random: In [0, 1), shape `(images, count_draws(transforms, shape))`.
    """
    shape, used = images.shape[1:-1], 0
    for transform in transforms:
        count = transform.draws(tuple(images.shape[1:]))
        images = transform(images, random[:, used : used + count])
        used += count
    cuts = [slice(None)]
    for length, now in zip(shape, images.shape[1:-1], strict=True):
        first = (now - length) // 2
        cuts.append(slice(first, first + length))
    return images[tuple(cuts)] if transforms else images


def _interpolate(images, y, x):
    """Return values at real places (images, height, width), clamped to the edges."""
    height, width = images.shape[1:3]
    y, x = tf.clip_by_value(y, 0, height - 1), tf.clip_by_value(x, 0, width - 1)
    top, left = tf.floor(y), tf.floor(x)
    total = 0.0
    for row, row_share in ((top, top + 1 - y), (top + 1, y - top)):
        for column, share in ((left, left + 1 - x), (left + 1, x - left)):
            places = tf.stack(
                [tf.minimum(row, height - 1), tf.minimum(column, width - 1)], axis=-1
            )
            corner = tf.gather_nd(images, tf.cast(places, tf.int32), batch_dims=1)
            total += (row_share * share)[..., None] * corner
    return total


def _along(matrices, images, axis: int):
    """Return the products of matrices (images, new, old) with one axis of images."""
    letters = "abcde"[: len(images.shape) - 1]
    old = letters[axis - 1]
    new = letters.replace(old, "z")
    return tf.einsum(f"nz{old},n{letters}->n{new}", matrices, images)


def _is_finite(value) -> bool:
    return isinstance(value, numbers.Real) and math.isfinite(value)


def _check_count(kind: str, name: str, value: int) -> None:
    if not isinstance(value, numbers.Integral) or value < 0:
        raise ValueError(
            f"{kind} needs {name}, a whole number >= 0. Received: {value!r}."
        )


def _check_number(kind: str, name: str, value: float) -> None:
    if not _is_finite(value) or value < 0:
        raise ValueError(f"{kind} needs finite {name} >= 0. Received: {value!r}.")
