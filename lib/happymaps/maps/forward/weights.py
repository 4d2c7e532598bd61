"""Weights of a network as tensors that a compiled function can take as arguments."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

from happymaps.backend import tf


class WeightValues:
    """The tensors that are read on the way through a network.

    A compiled function that captures them goes with one network. One that takes them
    as arguments goes with every network of the same form.

    Attributes:
        tensors: As they were when they were added, in that order.
    """

    def __init__(self) -> None:
        self.tensors = []
        self._added = {}
        self._given = None

    def add(self, weight) -> Callable:
        """Return a function that returns the value of a variable or tensor.

        It is the value as of now, or what stands in for it within `replaced`.
        """
        # The weight is kept beside, because a number of another may come to be its own.
        known = self._added.get(id(weight))
        if known is None:
            known = self._added[id(weight)] = (weight, len(self.tensors))
            self.tensors.append(tf.convert_to_tensor(weight))
        _, position = known
        return lambda: (self._given or self.tensors)[position]

    @contextlib.contextmanager
    def replaced(self, tensors: Sequence) -> Iterator[None]:
        """Let other tensors stand in, one for each of `tensors`."""
        self._given = tensors
        try:
            yield
        finally:
            self._given = None
