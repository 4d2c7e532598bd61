"""How many operations a step of a map needs, counted from the network's shapes."""

import math

from experiments.benchmarks.measures.chain import describe_chain
from happymaps.backend import keras
from happymaps.networks.layers import find_layer

_PER_PRODUCT = 2  # a multiplication and an addition


def flop_per_step(model: keras.Model, layer: str | int) -> int:
    """Return the floating-point operations of one step for one channel of a layer.

    Counted is what cannot be left out: with F(l) the products of layer l, the forward
    passage and the gradient with respect to the input cost 2 F(l) each for the layers
    below, and for the layer itself one channel's share of that. Convolutions and dense
    layers only; pooling, activations, penalties and the step itself are not counted.

    Args:
        model: A chain, see `experiments.benchmarks.measures.chain.describe_chain`.
        layer: A convolution or dense layer.

    Raises:
        ValueError: A network that is no chain, no such layer, or one of another kind.
    """
    target = find_layer(model, layer).name
    total = 0
    for entry in describe_chain(model):
        if entry["kind"] in ("Conv2D", "Dense"):
            products, channels = _products(model.get_layer(entry["name"]))
            if entry["name"] == target:
                return 2 * _PER_PRODUCT * (total + products // channels)
            total += products
    raise ValueError(
        f"Expected a convolution or dense layer. Received: {target!r}. Choose another."
    )


def gflops(
    model: keras.Model, layer: str | int, ms_per_map: float, *, num_steps: int
) -> float:
    """Return 1e9 necessary operations per second, at so many milliseconds a map."""
    return flop_per_step(model, layer) * num_steps / (ms_per_map / 1000) / 1e9


def _products(layer: keras.layers.Layer) -> tuple[int, int]:
    kernel = tuple(layer.kernel.shape)
    positions = math.prod(layer.output.shape[1:-1])
    return positions * math.prod(kernel), kernel[-1]
