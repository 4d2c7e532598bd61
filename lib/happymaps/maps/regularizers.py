"""What is charged: one penalty per image, never negative.

The definitions are those of keras-vis 0.4.1/0.5.0 (Kotikalapudi et al.), taken per
image, so that a weight means what it means there. N is the number of values of an
image, height x width x channels. Signals and volumes have one axis less or more.
"""

import dataclasses
import math
import numbers
from collections.abc import Callable, Sequence

from happymaps.backend import keras
from happymaps.maps.blurring import gaussian_blur
from happymaps.maps.penalties import lp_norm, squared_variation, unlikeliness
from happymaps.maps.priors import Prior

ops = keras.ops


@dataclasses.dataclass(frozen=True)
class LpNorm:
    """`||x||_p / N`, which keeps values near zero.

    Source: Mahendran & Vedaldi 2016, doi:10.1007/s11263-016-0911-8, as in keras-vis.

    Args:
        weight: Factor of the penalty, >= 0. keras-vis's own default is 10.
        p: Order of the norm, >= 1.
    """

    weight: float = 10.0
    p: float = 6.0
    name = "lp"

    def __post_init__(self) -> None:
        _check_weight("LpNorm", self.weight)
        if not 1 <= self.p < math.inf:
            raise ValueError(
                f"LpNorm needs an order p in [1, inf). Received: p={self.p}."
            )

    def __call__(self, images):
        """Return the unweighted penalties, shape (images,), of (images, ...)."""
        return lp_norm(images, self.p)


@dataclasses.dataclass(frozen=True)
class TotalVariation:
    """`sum((dx^2 + dy^2)^(beta/2)) / N`, which smooths.

    The differences are taken along every axis but that of the channels, on the common
    crop that leaves out the last row and column. With beta = 2 these are squared
    differences: not `tf.image.total_variation`, which sums absolute ones. The rows of a
    table have no neighboring values: there only the weight 0 is accepted.

    Source: Mahendran & Vedaldi 2016, doi:10.1007/s11263-016-0911-8, as in keras-vis.

    Args:
        weight: Factor of the penalty, >= 0. The original study found 1e-3 to 1e-2 good
            for convolution filters and 1e1 for dense units.
        beta: Exponent, > 0.
    """

    weight: float = 0.01
    beta: float = 2.0
    name = "tv"
    needs_neighbors = True

    def __post_init__(self) -> None:
        _check_weight("TotalVariation", self.weight)
        if not 0 < self.beta < math.inf:
            raise ValueError(
                f"TotalVariation needs an exponent beta > 0. Received: {self.beta}."
            )

    def __call__(self, images):
        """Return the unweighted penalties, shape (images,), of (images, ..., c)."""
        axes = range(1, len(images.shape) - 1)
        if not axes:
            return ops.zeros_like(images[:, 0])
        if self.beta == 2:
            return squared_variation(images)
        crop = (slice(None), *[slice(-1)] * len(axes))
        corner, squares = images[crop], None
        for axis in axes:
            ahead = (*crop[:axis], slice(1, None), *crop[axis + 1 :])
            square = (images[ahead] - corner) ** 2
            squares = square if squares is None else squares + square
        # A flat region has an undefined gradient below beta = 2.
        squares = (squares + 1e-12) ** (self.beta / 2)
        every = tuple(range(1, len(images.shape)))
        return ops.sum(squares, axis=every) / math.prod(images.shape[1:])


@dataclasses.dataclass(frozen=True)
class Sharpness:
    """`mean((x - blurred x)^2)`, which takes out what a Gaussian blur would.

    Source: the blur of Yosinski et al. 2015, arXiv:1506.06579, which blurs the image
    now and then; here as a penalty, like the others.

    Args:
        weight: Factor of the penalty, >= 0.
        sigma: Standard deviation of the blur in pixels, > 0: what is finer is charged.
    """

    weight: float = 1.0
    sigma: float = 1.0
    name = "sharpness"
    needs_neighbors = True

    def __post_init__(self) -> None:
        _check_weight("Sharpness", self.weight)
        if not 0 < self.sigma < math.inf:
            raise ValueError(
                f"Sharpness needs a finite sigma > 0. Received: {self.sigma}."
            )

    def __call__(self, images):
        """Return the unweighted penalties, shape (images,), of (images, ..., c)."""
        fine = images - gaussian_blur(images, self.sigma)
        return ops.mean(fine**2, axis=tuple(range(1, len(images.shape))))


@dataclasses.dataclass(frozen=True)
class Unlikely:
    """`(x - mean)' C^-1 (x - mean)`, which keeps an image like those of a prior.

    Twice how far the log-likelihood is below that of the mean image: the squared
    coordinates, and what no coordinates can make over the variance that images have
    there. It works on any parameterization.

    Args:
        prior: What `fit_prior` returns.
        weight: Factor of the penalty, >= 0; None for that of a rule, which differs
            from objective to objective: half the root mean square of the score's slope
            along the coordinates (see `happymaps.maps.unlikely_weights`). The result
            of `maximize` has it as `weight_unlikely`.
    """

    prior: Prior
    weight: float | None = 0.1
    name = "unlikely"

    def __post_init__(self) -> None:
        if self.weight is not None:
            _check_weight("Unlikely", self.weight)
        if not isinstance(self.prior, Prior):
            raise ValueError(
                f"Unlikely needs a prior of fit_prior(images). Received: "
                f"{type(self.prior).__name__}."
            )

    def __call__(self, images):
        """Return the unweighted penalties, shape (images,), of (images, *shape)."""
        self.prior.check(tuple(images.shape[1:]))
        return unlikeliness(images, *self.prior.tensors)


@dataclasses.dataclass(frozen=True)
class Penalty:
    """Any function of the images as a regularizer.

    Args:
        function: From images `(images, ...)`, a tensor, to penalties `(images,)`, with
            the operations of `keras.ops` or TensorFlow; each of its own image alone.
        weight: Factor of the penalty, >= 0.
        name: Of the result's variable `penalty_<name>`: letters, digits, `_`.
    """

    function: Callable
    weight: float = 1.0
    name: str = "penalty"

    def __post_init__(self) -> None:
        _check_weight("Penalty", self.weight)
        if not callable(self.function):
            raise ValueError(
                f"Penalty needs a function of images. Received: {self.function!r}. Use "
                "Penalty(lambda images: ..., weight=1.0, name='mine')."
            )
        if not (isinstance(self.name, str) and f"x{self.name}".isidentifier()):
            raise ValueError(
                "Penalty needs a name of letters, digits and '_'. Received: "
                f"{self.name!r}."
            )

    def __call__(self, images):
        """Return the unweighted penalties, shape (images,)."""
        return self.function(images)


def default_regularizers(shape: tuple[int, ...]) -> tuple:
    """Return `LpNorm()` and `TotalVariation()`; nothing for rows of a table.

    Features have no neighbors, zero is no better a value than others, and a norm over
    few values, divided by their number, would outweigh every score.
    """
    return () if len(shape) < 2 else (LpNorm(), TotalVariation())


def check_regularizers(regularizers: Sequence | None, shape: tuple[int, ...]) -> tuple:
    """Return the regularizers of an input of a shape; None means the default ones.

    Raises:
        ValueError: No sequence of regularizers, one name twice, or one that compares
            neighbors with a weight > 0 for an input without them.
    """
    if regularizers is None:
        return default_regularizers(shape)
    found = tuple(regularizers) if isinstance(regularizers, Sequence) else None
    if found is None or not all(map(_is_regularizer, found)):
        raise ValueError(
            "Expected a sequence of regularizers, functions of images with a weight "
            f"and a name. Received: {regularizers!r}. Use [LpNorm(weight=10.0), "
            "TotalVariation(weight=0.01)], or () for none."
        )
    names = [regularizer.name for regularizer in found]
    if len(set(names)) < len(names):
        raise ValueError(
            f"Expected each regularizer's name once. Received: {names}. Give one of "
            "them a name of its own: Penalty(regularizer, weight, name)."
        )
    for regularizer in found:
        if getattr(regularizer, "needs_neighbors", False) and regularizer.weight > 0:
            check_has_neighbors(regularizer, shape)
    return found


def check_has_neighbors(regularizer, shape: tuple[int, ...]) -> None:
    """Raise a ValueError if the values of an input have no neighbors to compare."""
    if len(shape) < 2:
        raise ValueError(
            f"{type(regularizer).__name__} compares neighboring values. Received an "
            f"input of shape {shape}, the rows of a table, whose values have no "
            "neighbors. Use regularizers=(), or in a sweep tv_weight=[0]."
        )


def check_weights(kind: type, weights: Sequence[float]) -> list[float]:
    """Return the weights of a sweep over one regularizer, each valid and there once."""
    values = [kind(weight=weight).weight for weight in weights]
    if len(set(values)) < max(1, len(values)):
        raise ValueError(
            f"Expected at least one weight of {kind.__name__}, each once. Received: "
            f"{values}."
        )
    return values


def _is_regularizer(value) -> bool:
    named = hasattr(value, "weight") and hasattr(value, "name")
    return named and callable(value) and not isinstance(value, type)


def _check_weight(kind: str, weight: float) -> None:
    if not (isinstance(weight, numbers.Real) and 0 <= weight < math.inf):
        raise ValueError(
            f"{kind} needs a finite weight >= 0. Received: {weight!r}. "
            "Use 0 to switch it off."
        )
