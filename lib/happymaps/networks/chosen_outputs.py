"""A few of a network's many classes, where there are images of these alone."""

import re
from collections.abc import Sequence

from happymaps.backend import keras


def choose_outputs(model: keras.Model, outputs: Sequence[int]) -> keras.Model:
    """Return a network that tells a few of another one's classes apart.

    Its last layer has the weights of these classes alone: logits are the same, and a
    softmax divides the probability among the classes that are left. All other layers
    are those of `model`, which is not changed.

    Args:
        model: A network that ends in a dense layer.
        outputs: Indices of the classes, each once, in the order wanted.

    Raises:
        ValueError: A network that ends otherwise, or classes that it does not have.
    """
    last = model.layers[-1]
    if type(last) is not keras.layers.Dense:
        raise ValueError(
            "Outputs can be chosen of a network that ends in a Dense layer. Received: "
            f"one that ends in {last.name!r} ({type(last).__name__})."
        )
    chosen = list(outputs)
    if not chosen or len({*chosen}) < len(chosen) or not all(
        0 <= index < last.units for index in chosen
    ):  # fmt: skip
        raise ValueError(
            f"Expected classes from 0 to {last.units - 1}, each once. Received: "
            f"{chosen}."
        )
    config = last.get_config() | {"units": len(chosen)}
    few = keras.layers.Dense.from_config(config)
    network = keras.Model(model.input, few(last.input), name=model.name)
    few.set_weights([weights[..., chosen] for weights in last.get_weights()])
    return network


def numbers_of(class_names: Sequence[str]) -> list[int] | None:
    """Return the numbers that names begin with ("285 Egyptian cat"), None without."""
    found = [re.match(r"\d+(?!\d)", name) for name in class_names]
    return [int(each[0]) for each in found] if all(found) else None
