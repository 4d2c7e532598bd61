"""How many images go through a network at once: what memory bears."""

import contextlib
import math
import weakref
from collections.abc import Callable, Iterator

import numpy as np

from happymaps.backend import has_gpu, keras, tf
from happymaps.base.progress import progress_bar, worked
from happymaps.networks.graph import graph_nodes
from happymaps.networks.unrolled import Unrolled

MEMORY = {"cpu": 2**29, "gpu": 2**33}  # bytes of activations
BYTES = 4
BOTH_WAYS = 3  # copies of the activations: there, back, and at work
# Multiplications that take as long as to write one number. With it, the time of a core
# follows the work of VGG16, ResNet50, MobileNetV2, EfficientNetB0 and the study's
# network within a third, measured one beside the other.
_PRODUCTS_PER_VALUE = 25
WAY_BACK = 2.25  # passes that a pass and its gradient take, 2.0 to 2.4 in these five
_HELD = weakref.WeakKeyDictionary()


def values_per_image(graph: keras.Model) -> int:
    """Return how many numbers all layers together make of an image.

    Args:
        graph: With no network inside another, as `cut` makes it.
    """
    return sum(map(_values, graph_nodes(graph)))


def work_per_image(nodes) -> float:
    """Return how long calls of layers take for an image, in numbers that are made.

    Args:
        nodes: As of `graph_nodes`.
    """
    return sum(_values(node) + _products(node) / _PRODUCTS_PER_VALUE for node in nodes)


def _values(node) -> int:
    return sum(
        math.prod(size or 1 for size in symbol.shape[1:]) for symbol in node.outputs
    )


def _products(node) -> int:
    """Return the multiplications of a convolution or dense layer; about, of others."""
    kernels = [w.shape for w in getattr(node.operation, "weights", ())]
    each = sum(math.prod(shape) for shape in kernels if len(shape) > 1)
    return each * math.prod(size or 1 for size in node.outputs[0].shape[1:-1])


def images_at_once(model: keras.Model, most: int, *, copies: int = 1) -> int:
    """Return how many images half a gigabyte of activations bears, 1 to `most`.

    On a GPU, eight gigabytes.

    Args:
        model: A Functional or built Sequential network.
        most: No more than these.
        copies: Of the activations that are held at a time.
    """
    unrolled = Unrolled(model)
    return bear(values_per_image(keras.Model(unrolled.inputs, unrolled.outputs)), most,
                copies=copies)  # fmt: skip


def bear(values: int, most: int, *, copies: int = 1) -> int:
    """Return how many images are borne whose layers make so many values of each."""
    memory = MEMORY["gpu" if has_gpu() else "cpu"]
    return max(1, min(most, memory // max(1, BYTES * copies * values)))


class Forward:
    """A network's only output for images, outside of training.

    Compiled once, where that pays: a compiled network lets the values of a layer go
    once they are used, and is two to three times as fast.

    Args:
        model: A Functional or built Sequential network.
    """

    def __init__(self, model: keras.Model) -> None:
        unrolled = Unrolled(model)
        graph = keras.Model(unrolled.inputs, unrolled.outputs)
        self._values = values_per_image(graph)
        self._work = work_per_image(graph_nodes(graph))
        self._plain = lambda images: model(images, training=False)
        self._compiled = {}  # by what the images are

    def __call__(
        self, images: np.ndarray, most: int, *, is_kept: bool = True
    ) -> np.ndarray:
        """Return the outputs, of at most so many images at once.

        Args:
            images: Shape `(images, *input shape)`.
            most: Images at once, where memory bears them.
            is_kept: Whether there will be other calls.
        """
        size, found = bear(self._values, most), []
        pays = is_kept or len(images) > size
        network = self._compile(images) if pays else self._plain
        with progress_bar(len(images), "images", "image") as bar:
            for start in range(0, len(images), size):
                part = images[start : start + size]
                found.append(network(tf.constant(part)).numpy())
                bar.update(len(part))
                worked(len(part) * self._work)
        return np.concatenate(found)

    def _compile(self, images: np.ndarray):
        kind = images.dtype, images.shape[1:]
        if kind not in self._compiled:
            self._compiled[kind] = compile_for(self._plain, images)
        return self._compiled[kind]


def compile_for(function: Callable, images: np.ndarray) -> Callable:
    """Return a function of any number of such images, compiled.

    A concrete one: TensorFlow takes many of one name for one that is traced again and
    again, and warns.
    """
    spec = tf.TensorSpec((None, *images.shape[1:]), images.dtype)
    return tf.function(function, autograph=False).get_concrete_function(spec)


@contextlib.contextmanager
def held(*models: keras.Model) -> Iterator[None]:
    """Have it compiled once for all calls of `run` inside, which change no layer."""
    _HELD.update((model, Forward(model)) for model in models)
    try:
        yield
    finally:
        for model in models:
            _HELD.pop(model, None)


def run(model: keras.Model, images: np.ndarray, *, most: int = 64) -> np.ndarray:
    """Return a network's only output for images, outside of training.

    Args:
        model: A Functional or built Sequential network.
        images: Shape `(images, *input shape)`.
        most: Images at once, where memory bears them.
    """
    forward = _HELD.get(model)
    return (forward or Forward(model))(images, most, is_kept=forward is not None)
