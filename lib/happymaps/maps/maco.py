"""Images of a given amplitude spectrum, of which only the phases are climbed (MACO).

Source: Fel et al. 2023, arXiv:2306.06805, and their Xplique. They take the spectrum of
ImageNet; here it is that of the images at hand.
"""

import dataclasses
import hashlib

import numpy as np

from happymaps.backend import tf

_SHOWN = 80  # percentile of the gradients from which a pixel is fully shown
_HIDDEN = 10  # percentile up to which it is not shown at all


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Maco:
    """Waves of fixed amplitudes: a parameterization whose parameters are phases.

    The image is the inverse real Fourier transform of `a exp(i phase)`, clipped to the
    range, each channel along a direction of color of its own. The mean has no phase. A
    wave and its mirror image share one phase, of opposite signs. A start, random or
    given, lends its phases alone. The step of `maximize`'s default learning rate is
    0.05 radians. Make one with `fit_maco`.

    A map's `accumulated_gradient` says where the network looked: see `fade`.

    Attributes:
        amplitudes: Shape `(*spatial, channels)`, the last of the spatial axes halved as
            in `numpy.fft.rfft`, of images in the range.
        colors: Orthonormal directions of color, shape `(channels, channels)`.
    """

    amplitudes: np.ndarray
    colors: np.ndarray
    shape: tuple[int, ...]
    accumulates = True  # the loop adds up the score's gradients

    def __repr__(self) -> str:
        return f"Maco({self.shape}, {self._fingerprint})"

    def __eq__(self, other) -> bool:
        return isinstance(other, Maco) and self._fingerprint == other._fingerprint

    def __hash__(self) -> int:
        return hash(self._fingerprint)

    @property
    def _fingerprint(self) -> str:
        arrays = (np.asarray(self.shape), self.amplitudes, self.colors)
        digest = hashlib.sha256(b"".join(array.tobytes() for array in arrays))
        return digest.hexdigest()[:16]

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise a ValueError unless inputs have the shape of its images."""
        if tuple(shape) != self.shape:
            raise ValueError(
                f"The spectrum is that of images of shape {self.shape}. Received an "
                f"input of shape {tuple(shape)}. Use fit_maco on images as the network "
                "takes them."
            )

    def unit(self, low, high):
        """Return 3 radians, about half of a turn."""
        return 3.0

    def encode(self, image: np.ndarray, low, high, *, is_noise: bool) -> np.ndarray:
        """Return the phases of an image's waves, shape of the amplitudes, in radians.

        Those of noise are uniform from -pi to pi.
        """
        return np.angle(_spectrum(image.astype(np.float64) @ self.colors)).astype("f4")

    def decode(self, parameters, low, high, shape: tuple[int, ...]):
        """Return images (images, *shape) of phases (images, *amplitudes.shape)."""
        phases = _mirrored(parameters, shape[:-1])
        size = tf.constant(self.amplitudes, tf.float32)
        waves = tf.complex(size * tf.cos(phases), size * tf.sin(phases))
        axes = range(1, len(shape))
        waves = tf.transpose(waves, [0, len(shape), *axes])
        inverse = tf.signal.irfft if len(shape) == 2 else tf.signal.irfft2d
        values = inverse(waves, fft_length=shape[:-1])
        values = tf.transpose(values, [0, *range(2, len(shape) + 1), 1])
        directions = tf.constant(self.colors.T, tf.float32)
        # A sum over channels, which rounds the same in any batch.
        mixed = tf.reduce_sum(values[..., None] * directions, axis=-2)
        return tf.clip_by_value(mixed, low, high)

    def constrain(self, parameters, low, high):
        """Return the phases: the images they make are inside the range."""
        return parameters


def fit_maco(images: np.ndarray) -> Maco:
    """Return the parameterization whose amplitudes are the mean ones of images.

    Args:
        images: Shape `(images, length, channels)` or `(images, height, width,
            channels)`, in the range that the network takes.

    Raises:
        ValueError: Images of another kind, or that are not finite.
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4) or not len(images):
        raise ValueError(
            "Expected images (images, height, width, channels) or signals (images, "
            f"length, channels). Received: shape {images.shape}."
        )
    if not np.isfinite([images.min(), images.max()]).all():
        raise ValueError("Expected finite images. Received: NaN or infinity in them.")
    flat = images.reshape(-1, images.shape[-1])
    average = flat.mean(axis=0, dtype=np.float64)
    colors = np.linalg.eigh(np.atleast_2d(np.cov(flat, rowvar=False)))[1][:, ::-1]
    # So that the mean, which has no phase, is positive along each of them.
    colors = colors * np.where(average @ colors < 0, -1, 1)
    total = 0.0
    for image in images:
        total = total + np.abs(_spectrum(image.astype(np.float64) @ colors))
    amplitudes = total / len(images)
    mean = (0,) * (images.ndim - 2)
    amplitudes[mean] = _spectrum(images.mean(axis=0, dtype=np.float64) @ colors)[
        mean
    ].real
    return Maco(amplitudes, colors, tuple(images.shape[1:]))


def fade(
    images: np.ndarray, gradients: np.ndarray, *, background: float = 1.0
) -> np.ndarray:
    """Return images that are the more transparent the less the network looked there.

    Opacity is 0 up to the tenth percentile of an image's accumulated gradients, 1 from
    the eightieth, and linear between.

    Args:
        images: Shape `(..., height, width, channels)`.
        gradients: `accumulated_gradient` of the maps, shape `(..., height, width)`.
        background: What shows through, in the units of the images.
    """
    gradients = np.asarray(gradients, np.float64)
    least, most = np.percentile(
        gradients, (_HIDDEN, _SHOWN), axis=(-2, -1), keepdims=True
    )
    span = np.where(most > least, most - least, 1)
    opacity = np.clip((gradients - least) / span, 0, 1)[..., None]
    return opacity * images + (1 - opacity) * background


def _spectrum(values: np.ndarray) -> np.ndarray:
    return np.fft.rfftn(values, axes=tuple(range(values.ndim - 1)))


def _mirrored(phases, spatial: tuple[int, ...]):
    """Return phases of which those of a wave and of its mirror image are opposite.

    Both are there in the first and, of an even length, the last place of the halved
    axis. A wave that is its own mirror image has the phase 0.
    """
    turned = phases
    for axis in range(1, len(spatial)):
        turned = tf.roll(tf.reverse(turned, [axis]), 1, axis)
    both = np.zeros((phases.shape[-2], 1), bool)
    both[0] = True
    both[-1] |= spatial[-1] % 2 == 0
    return tf.where(both, (phases - turned) / 2, phases)
