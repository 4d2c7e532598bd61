"""How many images go through a network at once: what memory bears."""

import math

import numpy as np

from happymaps.backend import has_gpu, keras
from happymaps.base.progress import progress_bar
from happymaps.networks.graph import graph_nodes
from happymaps.networks.unrolled import Unrolled

MEMORY = {"cpu": 2**30, "gpu": 2**33}  # bytes of activations
BYTES = 4
BOTH_WAYS = 3  # copies of the activations: there, back, and at work


def values_per_image(graph: keras.Model) -> int:
    """Return how many numbers all layers together make of an image.

    Args:
        graph: With no network inside another, as `cut` makes it.
    """
    symbols = [symbol for node in graph_nodes(graph) for symbol in node.outputs]
    return sum(math.prod(size or 1 for size in symbol.shape[1:]) for symbol in symbols)


def images_at_once(model: keras.Model, most: int, *, copies: int = 1) -> int:
    """Return how many images a gigabyte of activations bears, 1 to `most`.

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


def run(model: keras.Model, images: np.ndarray, *, most: int = 256) -> np.ndarray:
    """Return a network's only output for images, outside of training.

    Args:
        model: A Functional or built Sequential network.
        images: Shape `(images, *input shape)`.
        most: Images at once, where memory bears them.
    """
    size = images_at_once(model, most)
    found = []
    with progress_bar(len(images), "images", "image") as bar:
        for start in range(0, len(images), size):
            part = images[start : start + size]
            found.append(model(part, training=False).numpy())
            bar.update(len(part))
    return np.concatenate(found)
