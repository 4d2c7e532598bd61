"""Networks of the same form that know nothing: what a trained one is compared with."""

from typing import TYPE_CHECKING

import numpy as np

from happymaps.base.messages import unknown_name

if TYPE_CHECKING:
    from happymaps.backend import keras

TWINS = ("fresh", "shuffled")


def make_twin(model: "keras.Model", twin: str, *, seed: int = 0) -> "keras.Model":
    """Return a network of the same form with other weights.

    Args:
        model: Any network; it is not changed.
        twin: `"fresh"`, weights as before any training (see `fresh_weights`), or
            `"shuffled"`, the network's own in another order (see `randomize_weights`).
        seed: Of the weights.

    Raises:
        ValueError: Another twin.
    """
    from happymaps.networks.models import randomize_weights

    if twin not in TWINS:
        raise ValueError(unknown_name("twin", twin, TWINS))
    make = fresh_weights if twin == "fresh" else randomize_weights
    return make(model, seed=seed)


def fresh_weights(model: "keras.Model", *, seed: int = 0) -> "keras.Model":
    """Return a network of the same form as it is before any training.

    Kernels are Glorot uniform, `U(-a, a)` with `a = sqrt(6 / (fan in + fan out))`;
    whatever has one axis (biases, statistics) starts as its layer's initializer has it;
    what a layer has seen with `adapt` stays.

    Source: Glorot & Bengio 2010.

    Args:
        model: Any network; it is not changed.
        seed: Of the kernels.
    """
    from happymaps.networks.doubles import copy_network

    rng = np.random.default_rng(seed)
    twin = copy_network(model)
    starts = {
        id(variable): getattr(layer, f"{variable.name}_initializer", None)
        for layer in twin._flatten_layers()
        for variable in layer._trainable_variables + layer._non_trainable_variables
    }
    for variable in twin.weights:
        if len(variable.shape) > 1:
            variable.assign(_draw(variable.numpy(), rng))
        elif starts[id(variable)] is not None:  # none of what `adapt` has seen
            variable.assign(starts[id(variable)](variable.shape, variable.dtype))
    return twin


def _draw(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    positions = np.prod(weight.shape[:-2])
    limit = np.sqrt(6 / (positions * sum(weight.shape[-2:])))
    return rng.uniform(-limit, limit, weight.shape).astype(weight.dtype)
