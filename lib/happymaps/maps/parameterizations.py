"""What is moved when an image is optimized: its pixels, or waves that make it up.

`encode(image, low, high, is_noise=...)` turns one start into parameters, in NumPy and
image by image, so that no map depends on the others; `decode(parameters, low, high,
shape)` turns a batch of parameters into images, in TensorFlow; `constrain` takes
parameters back to where they may be after a step. `unit(low, high)` is what one range
of the input is in parameters: the learning rate is a share of it. The images are inside
[low, high] always.
"""

import dataclasses
import math
import numbers

import numpy as np

from happymaps.backend import tf

# Square root of the covariance of colors over the photographs of ImageNet, by singular
# value decomposition; as published in Lucid, lucid/optvis/param/color.py.
_IMAGENET_COLORS = (
    (0.26, 0.09, 0.02),
    (0.27, 0.00, -0.05),
    (0.27, -0.09, 0.03),
)
_NEAREST_TO_BOUND = 1 / 512  # share of the range: half a gray level of 256


@dataclasses.dataclass(frozen=True)
class Pixels:
    """The values of the image themselves, clipped to the range after each step."""

    def check(self, shape: tuple[int, ...]) -> None:
        """Accept inputs of any shape."""

    def unit(self, low, high):
        """Return the range, in which the learning rate is a share."""
        return high - low

    def encode(self, image: np.ndarray, low, high, *, is_noise: bool) -> np.ndarray:
        """Return the image."""
        return image

    def decode(self, parameters, low, high, shape: tuple[int, ...]):
        """Return the parameters."""
        return parameters

    def constrain(self, parameters, low, high):
        """Return the parameters inside the range."""
        return tf.clip_by_value(parameters, low, high)


@dataclasses.dataclass(frozen=True)
class Fourier:
    """Waves: coarse structure moves as readily as fine structure, or more so.

    The image is `low + (high - low) sigmoid(4 v)` with `v` the inverse real Fourier
    transform of `c / f^decay_power`: c are the parameters, and f the frequency of a
    wave in cycles per pixel, at least that of one wave along the longest axis. The
    factors are scaled so that a step in which every parameter moves by the learning
    rate changes a middle-gray image by about that share of the range (root mean
    square). The sigmoid keeps the range; a start that touches its ends is brought 1/512
    of the range inside.

    A random start has the noise itself as its parameters, so its waves are as strong as
    the factors let them be; a given image is represented as it is.

    Source: Olah, Mordvintsev & Schubert 2017, doi:10.23915/distill.00007, and Lucid.

    Args:
        decay_power: 0 weighs all waves alike, 1 is the spectrum of natural images.
        decorrelate_colors: None; `"imagenet"` for the colors of photographs; or what
            `color_factors` returns for images of one's own. The parameters are then
            amounts along the directions in which colors vary, more freely along the
            directions in which they vary more.
    """

    decay_power: float = 1.0
    decorrelate_colors: str | tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.decay_power, numbers.Real) and self.decay_power >= 0):
            raise ValueError(
                f"Fourier needs a decay_power >= 0. Received: {self.decay_power!r}."
            )
        if self.decorrelate_colors is not None:
            self._color_matrix()

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise a ValueError unless inputs of a shape have positions and the colors."""
        if len(shape) < 2:
            raise ValueError(
                "Fourier needs an input with positions, such as (height, width, "
                f"channels). Received an input of shape {shape}, whose values have no "
                "neighbors. Use Pixels()."
            )
        colors = self.decorrelate_colors and len(self._color_matrix())
        if colors and colors != shape[-1]:
            raise ValueError(
                f"decorrelate_colors is for {colors} channels. Received an input of "
                f"shape {shape}. Use color_factors(images) of such images, or None."
            )

    def unit(self, low, high):
        """Return 1: the parameters are in shares of the range."""
        return 1.0

    def encode(self, image: np.ndarray, low, high, *, is_noise: bool) -> np.ndarray:
        """Return the coefficients, real and imaginary parts along the last axis."""
        spatial = image.shape[:-1]
        share = (image.astype(np.float64) - low) / (np.asarray(high, np.float64) - low)
        if is_noise:
            values = share - 0.5
        else:
            inside = np.clip(share, _NEAREST_TO_BOUND, 1 - _NEAREST_TO_BOUND)
            values = np.log(inside / (1 - inside)) / 4
            if self.decorrelate_colors is not None:
                values = values @ np.linalg.inv(self._color_matrix()).T
        axes = tuple(range(1, len(spatial) + 1))
        waves = np.fft.rfftn(np.moveaxis(values, -1, 0), axes=axes, norm="ortho")
        if not is_noise:
            waves = waves / self._factors(spatial)
        parts = np.stack([waves.real, waves.imag], axis=-1)
        return (math.sqrt(2) * parts).astype(np.float32)

    def decode(self, parameters, low, high, shape: tuple[int, ...]):
        """Return images (images, *shape) of coefficients (images, channels, ..., 2)."""
        spatial = shape[:-1]
        # The inverse transform divides by the number of values, the orthonormal one by
        # its root.
        scale = self._factors(spatial) * math.sqrt(math.prod(spatial) / 2)
        scale = tf.constant(scale, tf.float32)
        waves = tf.complex(parameters[..., 0] * scale, parameters[..., 1] * scale)
        if len(spatial) == 3:  # TensorFlow's own has no gradient
            order = [0, 1, 3, 4, 2]
            waves = tf.transpose(
                tf.signal.ifft(tf.transpose(waves, order)), [0, 1, 4, 2, 3]
            )
        inverse = tf.signal.irfft if len(spatial) == 1 else tf.signal.irfft2d
        values = inverse(waves, fft_length=spatial[-2:])
        values = tf.transpose(values, [0, *range(2, len(spatial) + 2), 1])
        if self.decorrelate_colors is not None:
            values = _mix(values, self._color_matrix())
        return low + (high - low) * tf.sigmoid(4 * values)

    def constrain(self, parameters, low, high):
        """Return the parameters: the images they make are inside the range."""
        return parameters

    def _factors(self, spatial: tuple[int, ...]) -> np.ndarray:
        """Return the factor of each wave; their mean square over all waves is 1."""
        lengths = [np.fft.fftfreq(length) ** 2 for length in spatial]
        squares = sum(np.meshgrid(*lengths, indexing="ij"))
        frequency = np.maximum(np.sqrt(squares), 1 / max(spatial))
        factors = frequency**-self.decay_power
        factors /= np.sqrt(np.mean(factors**2))
        return factors[..., : spatial[-1] // 2 + 1]

    def _color_matrix(self) -> np.ndarray:
        """Return the factors of the colors, scaled to keep the mean square."""
        given = self.decorrelate_colors
        if isinstance(given, str) and given == "imagenet":
            given = _IMAGENET_COLORS
        try:
            matrix = np.array(given, np.float64)
            usable = np.linalg.cond(matrix) < 1e6
        except (TypeError, ValueError, np.linalg.LinAlgError):
            usable = False
        if not usable:
            raise ValueError(
                "decorrelate_colors must be None, 'imagenet', or an invertible matrix "
                f"of color_factors(images). Received: {self.decorrelate_colors!r}."
            )
        return matrix * math.sqrt(len(matrix)) / np.linalg.norm(matrix)


def _mix(values, matrix: np.ndarray):
    # Sums of channels, and not a matrix product, which rounds otherwise in batches of
    # another size.
    channels = tf.unstack(values, axis=-1)
    mixed = [
        sum(
            float(share) * channel for share, channel in zip(row, channels, strict=True)
        )
        for row in matrix
    ]
    return tf.stack(mixed, axis=-1)
