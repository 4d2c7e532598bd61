"""What is climbed: one number per image, higher is better.

With z the pre-activation of a layer, an objective is a weighted sum of terms. Each term
reads one place of one layer and gives, for the sign s = +1 (happy) or -1 (sad):

    channel, direction     mean over positions of a(s v.z), v one-hot for a channel
    cosine                 mean over positions of s v.z / (|v| |z|)
    neuron                 s v.z at one position of a convolution layer
    unit                   s z of one unit of a dense layer
    logit                  s z of one class, before the softmax whatever `activation`
    layer                  s times the mean over the whole layer of z^2
    diversity              minus the mean likeness to the other maps of the objective

where a is the function chosen by `activation` in `maximize`. Positions are those of an
image's convolutions, the steps of a signal, or the tokens of an attention layer. A
layer that is called several times is read at its first call. Objectives add, subtract
and scale without changing their operands: `2 * unit("dense_3", 1) - unit("dense_3", 0)`
scores exactly twice the one score less the other.
"""

import dataclasses
import numbers
from collections.abc import Sequence

import numpy as np

KINDS = (
    "channel", "unit", "neuron", "direction", "cosine", "logit", "layer", "diversity"
)  # fmt: skip
OUTPUT = "(output)"  # stands for the layer that makes a network's only output


@dataclasses.dataclass(frozen=True)
class Term:
    """One place of a network: a kind from `KINDS`, a layer, and what of it."""

    kind: str
    layer: str | int
    index: int | None = None
    position: tuple[int, ...] | None = None
    vector: tuple[float, ...] | None = None

    @property
    def place(self) -> tuple[str | int, bool]:
        """The layer, and whether its activation is left out in any case."""
        return self.layer, self.kind == "logit"

    @property
    def name(self) -> str:
        """A short label, e.g. `conv2d_1[3]` or `conv2d_1[3] at (4, 5)`."""
        label = "logit" if self.kind == "logit" else str(self.layer)
        if self.index is not None:
            label += f"[{self.index}]"
        if self.vector is not None:
            label += f" along {len(self.vector)}-vector"
        if self.kind == "cosine":
            label += " (cosine)"
        if self.kind == "neuron":
            label += f" at {self.position or 'center'}"
        return label


@dataclasses.dataclass(frozen=True)
class Objective:
    """A weighted sum of terms.

    Attributes:
        terms: Pairs of a weight and a `Term`.
        name: The label of its map in results and figures.
    """

    terms: tuple[tuple[float, Term], ...]
    name: str

    @property
    def places(self) -> tuple[tuple[str | int, bool], ...]:
        """What the objective reads, as `Term.place`, in order, each once."""
        return tuple(dict.fromkeys(term.place for _, term in self.terms))

    def named(self, name: str) -> "Objective":
        """Return the same objective under another label."""
        return dataclasses.replace(self, name=name)

    def __add__(self, other: "Objective") -> "Objective":
        if not isinstance(other, Objective):
            return NotImplemented
        return Objective(self.terms + other.terms, f"{self.name} + {other.name}")

    def __sub__(self, other: "Objective") -> "Objective":
        if not isinstance(other, Objective):
            return NotImplemented
        label = f"({other.name})" if len(other.terms) > 1 else other.name
        return Objective(self.terms + (-1 * other).terms, f"{self.name} - {label}")

    def __mul__(self, factor: float) -> "Objective":
        if not isinstance(factor, numbers.Real):
            return NotImplemented
        terms = tuple((weight * float(factor), term) for weight, term in self.terms)
        label = f"({self.name})" if len(self.terms) > 1 else self.name
        return Objective(terms, f"{factor:g} * {label}")

    __rmul__ = __mul__

    def __neg__(self) -> "Objective":
        return -1 * self


def channel(layer: str | int, index: int) -> Objective:
    """Return the objective of one channel of a convolution layer."""
    return _single(Term("channel", layer, _index(index)))


def unit(layer: str | int, index: int) -> Objective:
    """Return the objective of one unit of a dense layer."""
    return _single(Term("unit", layer, _index(index)))


def logit(index: int) -> Objective:
    """Return the objective of one class of the network's only output.

    It is what enters the softmax (or sigmoid), under any `activation`: the probability
    can rise because another class falls, and has no slope left where it is near 1. For
    the probability, take `unit(layer, index)` of the last layer with `"post"`.
    """
    return _single(Term("logit", OUTPUT, _index(index)))


def neuron(
    layer: str | int, index: int, position: tuple[int, ...] | None = None
) -> Objective:
    """Return the objective of one channel at one position.

    Args:
        layer: A convolution or attention layer.
        index: The channel.
        position: (row, column) in the layer's own grid, or (step,) of a signal, or
            (depth, row, column); None is its center.
    """
    if position is not None:
        if np.ndim(position) != 1 or not 1 <= len(position) <= 3:
            raise ValueError(
                "A position must be (row, column), or (step,) in a signal. Received: "
                f"{position!r}. Leave it out for the center."
            )
        position = tuple(_index(value) for value in position)
    return _single(Term("neuron", layer, _index(index), position))


def direction(
    layer: str | int, vector: Sequence[float], similarity: str = "dot"
) -> Objective:
    """Return the objective of a direction in channel space.

    Args:
        layer: Any layer with channels or units.
        vector: One number for each of them.
        similarity: `"dot"` for the dot product v.z, which grows with the activations;
            `"cosine"` for the cosine of the angle between v and z, in [-1, 1], which
            asks for the direction alone.
    """
    if similarity not in ("dot", "cosine"):
        raise ValueError(
            f"similarity must be 'dot' or 'cosine'. Received: {similarity!r}."
        )
    vector = tuple(float(v) for v in vector)
    if similarity == "cosine" and not any(vector):
        raise ValueError("A vector of zeros has no direction. Give another vector.")
    kind = "direction" if similarity == "dot" else "cosine"
    return _single(Term(kind, layer, vector=vector))


def layer(layer: str | int) -> Objective:
    """Return the objective of a whole layer, its mean square (deep dream)."""
    return _single(Term("layer", layer))


def diversity(layer: str | int) -> Objective:
    """Return the objective of maps that are unlike each other, as a term of a sum.

    `channel("conv", 3) + 0.5 * diversity("conv")` with several seeds shows several
    faces of a neuron. For each map it is minus the mean cosine between the Gram
    matrices of the layer's values for it and for the other maps of the same objective
    that differ in their seed alone; happy and sad alike. These maps depend on each
    other, by intention, and run in one batch whatever `batch_size`. A single map, and
    an image in `score_images`, has the value 0.

    Source: Olah et al. 2017, doi:10.23915/distill.00007, and Lucid.
    """
    term = Term("diversity", layer)
    return Objective(((1.0, term),), f"diversity in {layer}")


def interpolate(a: Objective, b: Objective, share: float) -> Objective:
    """Return the objective between two, `(1 - share) a + share b`.

    Args:
        a: What it is at the share 0.
        b: What it is at the share 1.
        share: In [0, 1].
    """
    if not (isinstance(share, numbers.Real) and 0 <= share <= 1):
        raise ValueError(f"share must be in [0, 1]. Received: {share!r}.")
    return (1 - share) * a + share * b


def check_objectives(objectives: Objective | Sequence[Objective]) -> list[Objective]:
    """Return the objectives as a list.

    Raises:
        ValueError: There is none, or two have the same name.
        TypeError: Something in the sequence is no objective.
    """
    if isinstance(objectives, Objective):
        objectives = [objectives]
    objectives = list(objectives)
    for objective in objectives:
        if not isinstance(objective, Objective):
            raise TypeError(
                "Expected objectives, such as channel('conv2d_1', 0). Received: "
                f"{objective!r}."
            )
    names = [objective.name for objective in objectives]
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles or not names:
        raise ValueError(
            "Expected at least one objective, and each name once. Received: "
            f"{len(names)} objectives, several named {doubles}. "
            "Give them names of their own with objective.named('...')."
        )
    return objectives


def _single(term: Term) -> Objective:
    return Objective(((1.0, term),), term.name)


def _index(value: int) -> int:
    if not isinstance(value, numbers.Integral) or value < 0:
        raise ValueError(
            f"An index must be a whole number from 0. Received: {value!r}. "
            "Count channels, units, rows and columns from 0."
        )
    return int(value)
