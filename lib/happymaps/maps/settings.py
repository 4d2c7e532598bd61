"""The options of `maximize` that concern the loop, checked before anything runs."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from happymaps.maps.optimizers import RmsProp
from happymaps.maps.parameterizations import Pixels
from happymaps.maps.scoring import ACTIVATIONS
from happymaps.maps.transforms import count_draws
from happymaps.networks.checks import check_choice


@dataclasses.dataclass(frozen=True, eq=False)
class AscentSettings:
    """The options of the loop, as in `maximize`, for inputs of one shape.

    Attributes:
        shape: Of the input, without the batch axis.
        draws: Random numbers per image and step, for the transforms.
    """

    shape: tuple[int, ...]
    activation: str = "leaky"
    input_range: tuple = (0.0, 1.0)
    num_steps: int = 200
    learning_rate: float = 1 / 60
    batch_size: int | None = None
    optimizer: object = RmsProp()
    parameterization: object = Pixels()
    transforms: Sequence = ()
    tolerance: float | None = None
    mask: np.ndarray | None = None
    callback: Callable | None = None
    callback_every: int = 1
    draws: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        check_choice("activation", self.activation, ACTIVATIONS)
        for name, least in (("num_steps", 0), ("batch_size", 1), ("callback_every", 1)):
            value = getattr(self, name)
            if name == "batch_size" and value is None:
                continue
            if not isinstance(value, int | np.integer) or value < least:
                raise ValueError(
                    f"{name} must be a whole number >= {least}. Received: {value!r}."
                )
            self._set(name, int(value))
        if not 0 < self.learning_rate < np.inf:
            raise ValueError(
                "learning_rate is a share of the input range, > 0. Received: "
                f"{self.learning_rate}."
            )
        self._set("learning_rate", float(self.learning_rate))
        if self.tolerance is not None and not 0 <= self.tolerance < 1:
            raise ValueError(
                "tolerance is a share of the loss in [0, 1), or None for all steps. "
                f"Received: {self.tolerance!r}."
            )
        if self.callback is not None and not callable(self.callback):
            raise ValueError(
                "callback must be a function of step, images and scores. Received: "
                f"{self.callback!r}."
            )
        self._set("input_range", _bounds(self.input_range, self.shape))
        self._set("mask", _free(self.mask, self.shape))
        self._check_grammar()

    @property
    def parts(self) -> tuple:
        """The optimizer, the parameterization and the transforms."""
        return (self.optimizer, self.parameterization, *self.transforms)

    @property
    def loop_key(self) -> tuple:
        """All that the compiled loop depends on; it serves any number of steps."""
        bounds = [np.asarray(bound).tobytes() for bound in self.input_range]
        mask = None if self.mask is None else self.mask.tobytes()
        return (
            self.shape, *bounds, mask, self.parts, self.learning_rate, self.tolerance,
            self.draws,
        )  # fmt: skip

    def _check_grammar(self) -> None:
        for name, methods, example in (
            ("optimizer", ("start", "step"), "RmsProp()"),
            ("parameterization", ("check", "encode", "decode"), "Pixels()"),
        ):
            value = getattr(self, name)
            has_all = all(hasattr(value, method) for method in methods)
            if isinstance(value, type) or not has_all:
                raise ValueError(
                    f"Expected as {name} such as {example}. Received: {value!r}."
                )
        self.parameterization.check(self.shape)
        if not isinstance(self.transforms, Sequence):
            raise ValueError(
                f"Expected a sequence of transforms. Received: {self.transforms!r}. "
                "Use [Jitter(2)], or () for none."
            )
        self._set("transforms", tuple(self.transforms))
        self._set("draws", count_draws(self.transforms, self.shape))

    def _set(self, name: str, value) -> None:
        object.__setattr__(self, name, value)


def _bounds(input_range, shape: tuple[int, ...]) -> tuple:
    """Return both bounds: plain floats, or arrays of the input's shape."""
    try:
        low, high = (np.asarray(value, np.float64) for value in input_range)
        fit = np.broadcast_shapes(low.shape, high.shape, shape) == shape
        usable = np.isfinite(low).all() and np.isfinite(high).all()
        usable = fit and usable and np.all(low < high)
    except (TypeError, ValueError):
        usable = False
    if not usable:
        raise ValueError(
            "input_range must be (lowest, highest), finite. Received: "
            f"{input_range}. Give the range of the pixels that the network was "
            "trained on, such as (0, 1) or (0, 255); or two arrays that broadcast to "
            f"the input's shape {shape}, such as the least and the largest value of "
            "each feature."
        )
    if low.ndim == high.ndim == 0:
        # Plain floats: arithmetic of NumPy's scalars with tensors has rules of its own.
        return float(low), float(high)
    return tuple(np.broadcast_to(v, shape).astype(np.float32) for v in (low, high))


def _free(mask, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return where the input is free to move, booleans of its shape."""
    if mask is None:
        return None
    try:
        whole = np.broadcast_to(np.asarray(mask), shape)
        usable = bool(np.isin(whole, (0, 1)).all())
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(
            "mask must hold 1 (free) and 0 (frozen) and broadcast to the input's shape "
            f"{shape}. Received: shape {np.shape(mask)}. An image's mask of (height, "
            "width) needs a last axis of 1: mask[..., None]."
        )
    return whole.astype(bool)
