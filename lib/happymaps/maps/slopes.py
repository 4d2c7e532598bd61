"""Where the gradient of a score ends on its way back, when none reaches the image."""

from collections.abc import Callable

from happymaps.backend import keras, tf
from happymaps.networks.graph import graph_nodes, origin
from happymaps.networks.look_ups import LOOK_UPS, look_behind


def gradient_end(network: keras.Model, score: Callable, image, start=None):
    """Return the first layer that lets no gradient through, None where all do.

    Args:
        network: As `happymaps.networks.layers.cut` makes it.
        score: Function of the network's outputs that returns the score.
        image: Shape (1, *input shape).
        start: The symbolic value that the gradient was to reach; None for the input.
    """
    start = network.inputs[0] if start is None else start
    values, reached, passed = {id(network.inputs[0]): image}, {id(start)}, {}
    with tf.GradientTape() as tape:
        tape.watch(image)
        for node in graph_nodes(network):
            arguments, options = node.arguments.fill_in(values)
            with keras.StatelessScope():
                found = keras.tree.flatten(node.operation(*arguments, **options))
            for symbol, value in zip(node.outputs, found, strict=True):
                if value.dtype.is_floating:
                    tape.watch(value)
                values[id(symbol)] = value
            if reached & set(map(id, node.input_tensors)):
                reached |= set(map(id, node.outputs))
                passed |= dict.fromkeys(map(id, node.outputs), node)
        total = score([values[id(symbol)] for symbol in network.outputs])
    known = [key for key, value in values.items() if value.dtype.is_floating]
    slopes = tape.gradient(total, [values[key] for key in known])
    sloped = {key for key, slope in zip(known, slopes, strict=True) if _is_any(slope)}
    for node in passed.values():
        inputs = set(map(id, node.input_tensors)) & reached
        if sloped & set(map(id, node.outputs)) and not sloped & inputs:
            # Whole numbers have no slope at all: it is who made them that ends it.
            while inputs & set(passed) and not inputs & set(known):
                node = passed[next(iter(inputs & set(passed)))]
                inputs = set(map(id, node.input_tensors)) & reached
            return origin(node.operation)
    return None


def describe_end(layer) -> str:
    """Return a sentence on a layer that lets no gradient through, and what to do."""
    name, kind = repr(layer.name), type(layer).__name__
    if isinstance(layer, LOOK_UPS):
        return f"It ends at {name} ({kind}). {look_behind(layer)}"
    if getattr(layer, "activation", None) is not None or kind.lower() == "relu":
        return (
            f"It ends at {name} ({kind}), whose units are all off or saturated there. "
            "Look at an earlier layer, or take a method that needs no gradient, such "
            "as occlusion or rise."
        )
    return (
        f"It ends at {name} ({kind}), whose output does not change with small changes "
        f"of what it gets, as with rounding and argmax. Look at what {name} gives, or "
        "take a method that needs no gradient, such as occlusion or rise."
    )


def _is_any(slope) -> bool:
    if slope is None:
        return False
    if isinstance(slope, tf.IndexedSlices):
        slope = slope.values
    return bool(tf.reduce_any(slope != 0))
