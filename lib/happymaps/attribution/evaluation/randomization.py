"""Sanity checks: networks that have unlearned, layer by layer, or learned nonsense.

A map that looks the same for them says nothing about what a network has learned.

Source: Adebayo et al. 2018, arXiv:1810.03292.
"""

import dataclasses
from collections.abc import Collection

import numpy as np

from happymaps.backend import keras
from happymaps.base.messages import unknown_name
from happymaps.datasets import Dataset
from happymaps.networks.doubles import copy_network
from happymaps.networks.layers import find_layer, layer_paths


def cascading_randomization(
    model: keras.Model,
    *,
    layers: Collection[str] | None = None,
    seed: int = 0,
    cumulative: bool = True,
) -> dict[str, keras.Model]:
    """Return copies of a network whose layers are initialized anew, from the top down.

    Each weight is drawn again from the initializer of its layer, with a seed of its
    own: kernels are new, biases and statistics of normalization as before training. A
    weight whose layer keeps no initializer for it is shuffled.

    Args:
        model: A Functional or Sequential network; it is not changed.
        layers: Paths of those to stop at, among `layers_with_weights`; None for all.
        seed: Of the new weights. A layer's do not depend on how many are drawn.
        cumulative: Whether a copy's layers above are new as well (cascading), or only
            the one (independent).

    Returns:
        Path of a layer with weights to the copy in which it is new, the last layer
        first. Copies share no weights.

    Raises:
        ValueError: The network has no weights or not such a layer, or is no graph of
            layers.
    """
    paths = layers_with_weights(model)
    chosen = set(paths if layers is None else layers)
    for unknown in sorted(chosen - set(paths)):
        raise ValueError(unknown_name("layer with weights", unknown, paths))
    copies = {}
    for place in reversed(range(len(paths))):
        if paths[place] not in chosen:
            continue
        copy = copy_network(model)
        for depth in range(place, len(paths) if cumulative else place + 1):
            _initialize(find_layer(copy, paths[depth]), seed=[seed, depth])
        copies[paths[place]] = copy
    return copies


def layers_with_weights(model: keras.Model) -> list[str]:
    """Return the paths of the layers that have weights of their own, in call order.

    Raises:
        ValueError: There is none.
    """
    paths = [path for path in layer_paths(model) if _owns_weights(model, path)]
    if not paths:
        raise ValueError(
            f"Expected a network with weights. Received: {model.name!r}, which has "
            "none to draw again."
        )
    return paths


def shuffle_labels(dataset: Dataset, *, seed: int = 0) -> Dataset:
    """Return the data set with its labels dealt out to other images at random.

    Classes keep their sizes. What a network learns from it is no property of the
    images' content: its attributions are the null of those that mean something.

    Args:
        dataset: It is not changed.
        seed: Of the dealing.
    """
    labels = np.random.default_rng(seed).permutation(dataset.labels)
    return dataclasses.replace(dataset, labels=labels)


def _owns_weights(model: keras.Model, path: str) -> bool:
    layer = find_layer(model, path)
    return bool(layer.weights) and not isinstance(layer, keras.Model)


def _initialize(layer: keras.layers.Layer, *, seed: list[int]) -> None:
    for place, variable in enumerate(layer.weights):
        if "float" not in str(variable.dtype):
            continue  # counters of random layers
        rng = np.random.default_rng([*seed, place])
        variable.assign(_new_values(layer, variable, rng))


def _new_values(layer, variable, rng: np.random.Generator):
    found = getattr(layer, f"{variable.name}_initializer", None)
    if found is None:
        values = variable.numpy()
        return rng.permuted(values.ravel()).reshape(values.shape)
    config = found.get_config()
    if "seed" in config:
        # The layer's own would draw the weights that it began with.
        config = {**config, "seed": int(rng.integers(2**31))}
    return type(found).from_config(config)(variable.shape, dtype=variable.dtype)
