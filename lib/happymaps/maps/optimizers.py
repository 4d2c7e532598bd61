"""How a step is made from a gradient: one rule an optimizer, pure functions.

`start(values) -> state` and `step(gradient, state, size, count) -> (change, state)`.
The change is subtracted. `size` is the learning rate in the units of what is changed,
and `count` the number of steps done before. Every number of the state belongs to one
map, so that no map depends on those that it is optimized beside.
"""

import dataclasses
import math
import numbers

from happymaps.backend import tf


@dataclasses.dataclass(frozen=True)
class RmsProp:
    """The step of keras-vis, `size g / sqrt(c + epsilon)`.

    g is the gradient over its root mean square within the image, and
    `c <- decay c + (1 - decay) g^2` from 0, without correction for the start: the first
    step is `1 / sqrt(1 - decay)` = 4.5 times as long as the later ones.

    Source: keras-vis 0.4.1; RMSProp: Tieleman & Hinton 2012.

    Args:
        decay: Of the running mean of squared gradients, in [0, 1).
        epsilon: Added to it, > 0.
    """

    decay: float = 0.95
    epsilon: float = 1e-7

    def __post_init__(self) -> None:
        _check_share("RmsProp", "decay", self.decay)
        _check_positive("RmsProp", "epsilon", self.epsilon)

    def start(self, values) -> tuple:
        """Return the state before the first step, for values (images, ...)."""
        return (tf.zeros_like(values),)

    def step(self, gradient, state: tuple, size, count):
        """Return what to subtract, shape of the gradient, and the next state."""
        (cache,) = state
        gradient = tf.math.divide_no_nan(gradient, _rms(gradient))
        cache = self.decay * cache + (1 - self.decay) * gradient**2
        # A plain division by a root would be rewritten to the approximate inverse root,
        # which rounds the last few numbers of an array unlike the others.
        root = tf.sqrt(cache + self.epsilon)
        return tf.math.divide_no_nan(size * gradient, root), (cache,)


@dataclasses.dataclass(frozen=True)
class Adam:
    """The step `size m / (sqrt(v) + epsilon)` with means corrected for their start.

    `m <- b1 m + (1 - b1) g` and `v <- b2 v + (1 - b2) g^2` of the gradient g as it is,
    divided by `1 - b1^t` and `1 - b2^t` in step t.

    Source: Kingma & Ba 2015, arXiv:1412.6980; the optimizer of Lucid.

    Args:
        mean_decay: b1, in [0, 1).
        square_decay: b2, in [0, 1).
        epsilon: Added to the root, > 0. Gradients much smaller than it do not move.
    """

    mean_decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        _check_share("Adam", "mean_decay", self.mean_decay)
        _check_share("Adam", "square_decay", self.square_decay)
        _check_positive("Adam", "epsilon", self.epsilon)

    def start(self, values) -> tuple:
        """Return the state before the first step, for values (images, ...)."""
        return tf.zeros_like(values), tf.zeros_like(values)

    def step(self, gradient, state: tuple, size, count):
        """Return what to subtract, shape of the gradient, and the next state."""
        mean, square = state
        mean = self.mean_decay * mean + (1 - self.mean_decay) * gradient
        square = self.square_decay * square + (1 - self.square_decay) * gradient**2
        steps = tf.cast(count + 1, gradient.dtype)
        corrected = mean / (1 - self.mean_decay**steps)
        root = tf.sqrt(square / (1 - self.square_decay**steps))
        return size * corrected / (root + self.epsilon), (mean, square)


@dataclasses.dataclass(frozen=True)
class NormalizedGradient:
    """The step `size g / ||g||`: steepest ascent in steps of one length.

    Args:
        norm: `"rms"`, the root mean square: values change by `size` on average, in an
            image of any size. `"l2"`, the root of the sum of squares, as keras-vis
            0.5.0 normalizes: the whole image moves by `size`.
    """

    norm: str = "rms"

    def __post_init__(self) -> None:
        if self.norm not in ("rms", "l2"):
            raise ValueError(
                f"NormalizedGradient needs norm='rms' or 'l2'. Received: {self.norm!r}."
            )

    def start(self, values) -> tuple:
        """Return the state before the first step: there is none."""
        return ()

    def step(self, gradient, state: tuple, size, count):
        """Return what to subtract, shape of the gradient, and the next state."""
        length = _rms(gradient)
        if self.norm == "l2":
            length = length * math.sqrt(math.prod(gradient.shape[1:]))
        return size * tf.math.divide_no_nan(gradient, length), state


def _rms(values):
    """Return the root mean square of each image, with axes of length 1."""
    axes = list(range(1, len(values.shape)))
    return tf.sqrt(tf.reduce_mean(values**2, axis=axes, keepdims=True))


def _check_share(kind: str, name: str, value: float) -> None:
    if not (isinstance(value, numbers.Real) and 0 <= value < 1):
        raise ValueError(f"{kind} needs {name} in [0, 1). Received: {value!r}.")


def _check_positive(kind: str, name: str, value: float) -> None:
    if not (isinstance(value, numbers.Real) and 0 < value < math.inf):
        raise ValueError(f"{kind} needs a finite {name} > 0. Received: {value!r}.")
