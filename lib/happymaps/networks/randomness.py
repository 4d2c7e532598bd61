"""Layers that draw random numbers outside of training too, and what is told of them."""

import warnings
import weakref
from typing import NamedTuple

import numpy as np

from happymaps.backend import keras
from happymaps.networks.graph import graph_nodes, origin
from happymaps.networks.unrolled import Unrolled

_NUM_TIMES = 8  # a flip at random leaves an image as it was every other time
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


def find_randomness(model: keras.Model, image: np.ndarray) -> Randomness:
    """Return which layers of a network are random, as seen on an image.

    Args:
        model: A Functional or built Sequential network with one input.
        image: Without the batch axis.
    """
    unrolled = Unrolled(model)
    network = keras.Model(unrolled.inputs[0], unrolled.outputs)
    given = keras.ops.convert_to_tensor(image[None])
    # In one scope, so that generators move on from run to run, and none of the user's.
    with keras.StatelessScope():
        left = _random_layers(network, given) if _varies(network, given) else []
    return Randomness(unrolled.as_in_training, left)


def tell_of_randomness(model: keras.Model, images: np.ndarray) -> None:
    """Warn, once for a network, of layers that are random outside of training."""
    if model in _TOLD or not len(images):
        return
    _TOLD.add(model)
    for sentence in describe(find_randomness(model, images[0])):
        warnings.warn(sentence, stacklevel=3)


def tell_no_more(model: keras.Model) -> None:
    """Let no warning come of a network that was made from one already told of."""
    _TOLD.add(model)


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


def _random_layers(network: keras.Model, given) -> list[str]:
    values, found = {id(network.inputs[0]): given}, []
    for node in graph_nodes(network):
        arguments, options = node.arguments.fill_in(values)
        if _varies(node.operation, *arguments, **options):
            found.append(origin(node.operation).name)
        outputs = keras.tree.flatten(node.operation(*arguments, **options))
        values.update(zip(map(id, node.outputs), outputs, strict=True))
    return found


def _varies(operation, *arguments, **options) -> bool:
    def run():
        found = keras.tree.flatten(operation(*arguments, **options))
        return [np.asarray(keras.ops.cast(each, "float32")) for each in found]

    first = run()
    return any(
        not np.allclose(before, after, rtol=1e-3, atol=1e-6, equal_nan=True)
        for _ in range(_NUM_TIMES - 1)
        for before, after in zip(first, run(), strict=True)
    )
