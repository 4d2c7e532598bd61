"""Layers that draw random numbers outside of training too, and what is told of them."""

import warnings
import weakref
from typing import NamedTuple

import numpy as np

from happymaps.backend import keras
from happymaps.networks.graph import graph_nodes, origin
from happymaps.networks.unrolled import Unrolled

_NUM_IMAGES = 8  # a flip at random leaves one image in two as it was
_TOLD = weakref.WeakSet()


class Randomness(NamedTuple):
    """What of a network is random.

    Attributes:
        silenced: Paths of the layers that its graph calls as in training. They are run
            as outside of it, as `model.predict` does.
        left: Names of the layers that still answer otherwise when they are asked again.
    """

    silenced: list[str]
    left: list[str]


def find_randomness(model: keras.Model, images: np.ndarray) -> Randomness:
    """Return which layers of a network are random, as seen on images.

    Args:
        model: A Functional or built Sequential network with one input.
        images: Shape `(images, *input shape)`, one at least.
    """
    unrolled = Unrolled(model)
    network = keras.Model(unrolled.inputs, unrolled.outputs)
    # Each image as often as it takes: a single one may come out unchanged by chance.
    some = np.resize(images, (_NUM_IMAGES, *np.shape(images)[1:]))
    # In one scope, so that generators move on from run to run, and none of the user's.
    with keras.StatelessScope():
        first, second = (
            keras.tree.flatten(network([keras.ops.convert_to_tensor(some)]))
            for _ in range(2)
        )
        if all(map(_are_same, first, second)):
            return Randomness(unrolled.as_in_training, [])
        return Randomness(unrolled.as_in_training, _random_layers(network, some))


def tell_of_randomness(model: keras.Model, images: np.ndarray) -> None:
    """Warn, once for a network, of layers that are random outside of training."""
    if model in _TOLD or not len(images):
        return
    _TOLD.add(model)
    for sentence in describe(find_randomness(model, images)):
        warnings.warn(sentence, stacklevel=3)


def describe(found: Randomness) -> list[str]:
    """Return sentences on what is random and what was done about it."""
    sentences = []
    if found.silenced:
        sentences.append(
            f"The network calls {_listed(found.silenced)} with training=True, as Monte "
            "Carlo dropout does. Here all of it runs with training=False, as in "
            "model.predict(): what is explained is the network without its randomness."
        )
    if found.left:
        sentences.append(
            f"The network is random outside of training too, in {_listed(found.left)}: "
            "the same image asked again gets another answer. Scores and maps are those "
            "of one draw. Compare several, or leave the layer out."
        )
    return sentences


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, dict.fromkeys(names)))


def _random_layers(network: keras.Model, images: np.ndarray) -> list[str]:
    values = {id(network.inputs[0]): keras.ops.convert_to_tensor(images)}
    found = []
    for node in graph_nodes(network):
        arguments, options = node.arguments.fill_in(values)
        first, second = (
            keras.tree.flatten(node.operation(*arguments, **options)) for _ in range(2)
        )
        if not all(map(_are_same, first, second)):
            found.append(origin(node.operation).name)
        values.update(zip(map(id, node.outputs), first, strict=True))
    return found


def _are_same(first, second) -> bool:
    return np.array_equal(*map(np.asarray, (first, second)))
