"""What images look like, learned from images: a normal distribution in few directions.

Probabilistic principal components: an image of d values is drawn from a normal
distribution with the covariance `C = V L V' + s2 (I - V V')`. V holds q orthonormal
eigenimages, L the variances along them, and s2 is the variance in each of the d - q
directions left. A `Prior` is a parameterization, whose parameters are the coordinates
`z = L^(-1/2) V' (x - mean)`, and what `Unlikely` charges by.

Source: Tipping & Bishop 1999, doi:10.1111/1467-9868.00196.
"""

import dataclasses
import functools
import hashlib
from pathlib import Path

import numpy as np

from happymaps.backend import tf

_START_SPREAD = 0.05  # of the noise that maps start from, see `start_images`
_FIRST = 0.1  # standard deviations along each eigenimage that a start is away
_HALF_RANGE = 3.0  # standard deviations: few coordinates lie beyond
_AT_ONCE = 64  # images
_SLACK = 1e-5  # of the range, that rounding may put images outside
_SMALLEST_SPAN = 0.05  # of the range that images fill, lest it is another range


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Prior:
    """Images as their mean plus eigenimages times coordinates: a parameterization.

    Coordinates have the standard deviation 1 over the images that it was fitted to. The
    image is clipped to the range. A random start is the mean image, with each
    coordinate a tenth of a standard deviation away; a given one is brought to the
    nearest image that eigenimages can make. The step of `maximize`'s default learning
    rate is 0.05 standard deviations. Make one with `fit_prior`.

    Attributes:
        mean: Of the images, shape `shape`.
        eigenimages: Orthonormal, shape `(components, *shape)`, the largest first.
        variances: Along the eigenimages, shape (components,).
        noise_variance: In every other direction, > 0.
        bounds: Lowest and highest value of the images.
    """

    mean: np.ndarray
    eigenimages: np.ndarray
    variances: np.ndarray
    noise_variance: float
    bounds: tuple[float, float]

    def __repr__(self) -> str:
        return (
            f"Prior({len(self.variances)} eigenimages of {self.mean.shape}, "
            f"{self.fingerprint})"
        )

    def __eq__(self, other) -> bool:
        return isinstance(other, Prior) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @functools.cached_property
    def fingerprint(self) -> str:
        """16 hex digits of a sha256 over all that it holds."""
        digest = hashlib.sha256(repr((self.noise_variance, self.bounds)).encode())
        for array in (self.mean, self.eigenimages, self.variances):
            digest.update(repr((array.shape, array.dtype.str)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an image."""
        return self.mean.shape

    # ------------------------------------------------------------------ a distribution

    def coordinates(self, images: np.ndarray) -> np.ndarray:
        """Return the coordinates of images, shape (images, components)."""
        return self._project(self._flat(images)) / np.sqrt(self.variances)

    def unlikeliness(self, images: np.ndarray) -> np.ndarray:
        """Return `(x - mean)' C^-1 (x - mean)` of images, shape (images,), >= 0.

        Twice how far the log-likelihood is below that of the mean image. It is d on
        average over images from the distribution.
        """
        inside, residual = self.split_unlikeliness(images)
        return inside + residual

    def split_unlikeliness(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the two parts of `unlikeliness`, each of shape (images,), >= 0.

        Returns:
            `inside`, of the coordinates, `sum z^2`: a strange mixture of known things;
            and `residual`, of what no eigenimage shows, `|rest|^2 / s2`: something new.
            On average over images from the distribution they are q and d - q.
        """
        flat = self._flat(images)
        along = self._project(flat)
        # The rest by subtraction in the small, not of two large sums of squares.
        rest = flat - along @ self._rows
        inside = np.sum(along**2 / self.variances, axis=1)
        return inside, np.sum(rest**2, axis=1) / self.noise_variance

    def log_likelihood(self, images: np.ndarray) -> np.ndarray:
        """Return the log-density of images `(images, *shape)`, in nats, (images,).

        `-(d log 2 pi + log |C| + (x - mean)' C^-1 (x - mean)) / 2`

        Raises:
            ValueError: Images of another shape.
        """
        left = self.mean.size - len(self.variances)
        spread = np.log(self.variances).sum() + left * np.log(self.noise_variance)
        constant = self.mean.size * np.log(2 * np.pi) + spread
        parts = [
            self.unlikeliness(images[first : first + _AT_ONCE])
            for first in range(0, len(images), _AT_ONCE)
        ]
        return -(constant + np.concatenate(parts or [np.zeros(0)])) / 2

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """Return images drawn from the distribution, float32, `(n, *shape)`.

        They are not clipped: a normal distribution has no bounds.

        Args:
            n: How many, >= 0.
            seed: Of the draws.
        """
        rng = np.random.default_rng(seed)
        spread = np.sqrt(np.maximum(self.variances - self.noise_variance, 0))
        # In one table, so that more images begin with the same ones.
        draws = rng.standard_normal((n, len(spread) + self.mean.size))
        along, noise = spread * draws[:, : len(spread)], draws[:, len(spread) :]
        noise = noise * np.sqrt(self.noise_variance)
        flat = self.mean.ravel() + along @ self._rows + noise
        return flat.reshape(n, *self.shape).astype(np.float32)

    def save(self, path: str | Path) -> Path:
        """Write it to a `.npz` file, arrays only, and return the path."""
        path = Path(path)
        if path.suffix != ".npz":
            raise ValueError(
                f"Expected a path that ends in .npz. Received: {str(path)!r}."
            )
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        np.savez(path, **values)
        return path

    @classmethod
    def load(cls, path: str | Path) -> "Prior":
        """Return what `save` has written.

        Raises:
            ValueError: The file is of another kind.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        try:
            with np.load(path, allow_pickle=False) as file:
                values = {name: file[name] for name in names}
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(
                f"Expected a .npz file that Prior.save has written. Received: "
                f"{str(path)!r} ({error})."
            ) from error
        noise, bounds = values["noise_variance"], values["bounds"]
        values |= {"noise_variance": float(noise), "bounds": tuple(map(float, bounds))}
        return cls(**values)

    # -------------------------------------------------------------- a parameterization

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise a ValueError unless inputs have the shape of its images."""
        if tuple(shape) != self.shape:
            raise ValueError(
                f"The prior was fitted to images of shape {self.shape}. Received an "
                f"input of shape {tuple(shape)}. Fit one to images as the network "
                "takes them."
            )

    def unit(self, low, high):
        """Return half of the range in which most coordinates lie."""
        return _HALF_RANGE

    def encode(self, image: np.ndarray, low, high, *, is_noise: bool) -> np.ndarray:
        """Return the coordinates of an image.

        Raises:
            ValueError: The prior's images have another range.
        """
        self._check_range(low, high)
        if is_noise:
            share = (np.float64(image) - low) / (np.float64(high) - low)
            along = self._rows @ (share.ravel() - 0.5)
            return (_FIRST / _START_SPREAD * along).astype(np.float32)
        return self.coordinates(image[None])[0].astype(np.float32)

    def decode(self, parameters, low, high, shape: tuple[int, ...]):
        """Return images (images, *shape) of coordinates (images, components)."""
        mean, rows, deviations = self.tensors[:3]
        flat = mean + tf.matmul(parameters * deviations, rows)
        return tf.clip_by_value(tf.reshape(flat, (-1, *shape)), low, high)

    def constrain(self, parameters, low, high):
        """Return the coordinates: the images they make are inside the range."""
        return parameters

    @functools.cached_property
    def tensors(self) -> tuple:
        """Mean, eigenimages, standard deviations and noise variance, single precision.

        Functions that are compiled refer to them, and do not hold copies.
        """
        with tf.init_scope():
            return tuple(
                tf.constant(np.asarray(value, np.float32))
                for value in (
                    self.mean.ravel(), self._rows, np.sqrt(self.variances),
                    [self.noise_variance],
                )
            )  # fmt: skip

    def _check_range(self, low, high) -> None:
        lowest, highest = float(np.min(low)), float(np.max(high))
        span = self.bounds[1] - self.bounds[0]
        slack = _SLACK * (highest - lowest)
        inside = lowest - slack <= self.bounds[0]
        inside &= self.bounds[1] <= highest + slack
        if not inside or span < _SMALLEST_SPAN * (highest - lowest):
            raise ValueError(
                f"The prior was fitted to images from {self.bounds[0]:g} to "
                f"{self.bounds[1]:g}. Received input_range=({lowest:g}, {highest:g}). "
                "Fit it to images in the range that the network takes."
            )

    @property
    def _rows(self) -> np.ndarray:
        return self.eigenimages.reshape(len(self.variances), -1)

    def _flat(self, images: np.ndarray) -> np.ndarray:
        images = np.asarray(images)
        if images.shape[1:] != self.shape:
            raise ValueError(
                f"Expected images of shape (images, {str(self.shape)[1:]}. Received: "
                f"shape {images.shape}."
            )
        return images.reshape(len(images), -1).astype(np.float64) - self.mean.ravel()

    def _project(self, flat: np.ndarray) -> np.ndarray:
        return flat @ self._rows.T
