"""Layers that look up whole numbers or words, and what can be looked at instead."""

from happymaps.backend import keras

LOOK_UPS = (
    keras.layers.CategoryEncoding,
    keras.layers.Discretization,
    keras.layers.Embedding,
    keras.layers.HashedCrossing,
    keras.layers.Hashing,
    keras.layers.IntegerLookup,
    keras.layers.StringLookup,
    keras.layers.TextVectorization,
)


def look_behind(layer: keras.layers.Layer) -> str:
    """Return a sentence on what to look at where a layer looks up its input."""
    name = repr(layer.name)
    return (
        "Between two whole numbers or words there is nothing, so there is no gradient. "
        f"Look at what {name} gives instead: with found = model.get_layer({name}), "
        "keras.Model(found.output, model.output) is the network behind it, and "
        "found(inputs) are the inputs to explain."
    )
