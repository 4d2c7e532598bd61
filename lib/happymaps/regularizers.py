"""What is charged: one penalty per image, never negative.

The definitions are those of keras-vis 0.4.1/0.5.0 (Kotikalapudi et al.), taken per
image, so that a weight means what it means there. N is the number of values of an
image, height x width x channels.
"""

import dataclasses
import math
import numbers

from happymaps.backend import keras

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
        """Return the unweighted penalties, shape (images,), of (images, h, w, c)."""
        values = ops.reshape(ops.abs(images), (ops.shape(images)[0], -1))
        # Dividing by the largest value keeps the powers from underflowing, and a
        # black image from having an undefined gradient.
        largest = ops.stop_gradient(ops.max(values, axis=1, keepdims=True)) + 1e-12
        powers = ops.mean((values / largest) ** self.p, axis=1) + 1e-30
        size = math.prod(images.shape[1:])
        return largest[:, 0] * powers ** (1 / self.p) * size ** (1 / self.p - 1)


@dataclasses.dataclass(frozen=True)
class TotalVariation:
    """`sum((dx^2 + dy^2)^(beta/2)) / N`, which smooths.

    The differences are taken on the common crop that leaves out the last row and
    column. With beta = 2 these are squared differences: not
    `tf.image.total_variation`, which sums absolute ones.

    Source: Mahendran & Vedaldi 2016, doi:10.1007/s11263-016-0911-8, as in keras-vis.

    Args:
        weight: Factor of the penalty, >= 0. The original study found 1e-3 to 1e-2 good
            for convolution filters and 1e1 for dense units.
        beta: Exponent, > 0.
    """

    weight: float = 0.01
    beta: float = 2.0
    name = "tv"

    def __post_init__(self) -> None:
        _check_weight("TotalVariation", self.weight)
        if not 0 < self.beta < math.inf:
            raise ValueError(
                f"TotalVariation needs an exponent beta > 0. Received: {self.beta}."
            )

    def __call__(self, images):
        """Return the unweighted penalties, shape (images,), of (images, h, w, c)."""
        corner = images[:, :-1, :-1]
        squares = (images[:, 1:, :-1] - corner) ** 2 + (
            images[:, :-1, 1:] - corner
        ) ** 2
        if self.beta != 2:
            # A flat region has an undefined gradient below beta = 2.
            squares = (squares + 1e-12) ** (self.beta / 2)
        return ops.sum(squares, axis=(1, 2, 3)) / math.prod(images.shape[1:])


def _check_weight(kind: str, weight: float) -> None:
    if not (isinstance(weight, numbers.Real) and 0 <= weight < math.inf):
        raise ValueError(
            f"{kind} needs a finite weight >= 0. Received: {weight!r}. "
            "Use 0 to switch it off."
        )
