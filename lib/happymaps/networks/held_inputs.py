"""Networks of several inputs, with all but one of them held still."""

from collections.abc import Mapping

import numpy as np

from happymaps.backend import keras
from happymaps.base.messages import unknown_name


@keras.saving.register_keras_serializable("happymaps")
class HeldInput(keras.layers.Layer):
    """The same value for every image of a batch, whatever the image.

    Args:
        value: Of the held input, without the batch axis.
        **options: As for every layer of Keras.
    """

    def __init__(self, value, **options) -> None:
        super().__init__(trainable=False, **options)
        self.value = np.asarray(value)

    def call(self, images):
        """Return the value as often as there are images."""
        count = keras.ops.shape(images)[0]
        value = keras.ops.convert_to_tensor(self.value)
        return keras.ops.broadcast_to(value, (count, *self.value.shape))

    def compute_output_spec(self, images):
        """Return the shape and type that `call` gives."""
        shape = (images.shape[0], *self.value.shape)
        return keras.KerasTensor(shape, dtype=self.value.dtype.name)

    def get_config(self) -> dict:
        """Return what a saved network remembers of the layer."""
        kind = self.value.dtype.name
        value = {"value": self.value.tolist(), "value_dtype": kind}
        return {**super().get_config(), **value}

    @classmethod
    def from_config(cls, config: dict) -> "HeldInput":
        """Return the layer that a saved network remembers."""
        config = dict(config)
        kind = config.pop("value_dtype")
        config.pop("trainable", None)
        return cls(np.asarray(config.pop("value"), kind), **config)


def hold_inputs(model: keras.Model, values: Mapping[str, object]) -> keras.Model:
    """Return a network of one input, the others held at given values.

    It shares the weights of `model`, which stays as it was and is one layer of the new
    network: its layers are found by their names, or as `"<name of model>/<layer>"`.

    Args:
        model: A Functional network of several named inputs.
        values: For each input but one, by its name, a number or an array that
            broadcasts to the shape of that input.

    Raises:
        ValueError: An unknown input, one too few or too many, a value that does not
            fit, or an input of open size.
    """
    names = [tensor.name for tensor in model.inputs]
    for name in values:
        if name not in names:
            raise ValueError(unknown_name("input", name, names))
    free = [name for name in names if name not in values]
    if len(free) != 1:
        raise ValueError(
            f"Expected values for all inputs but one of {', '.join(names)}. Received: "
            f"{', '.join(values) or 'none'}. Give {len(names) - 1}: the one that is "
            "left out is free."
        )
    held = {
        tensor.name: _fit(tensor, values[tensor.name])
        for tensor in model.inputs
        if tensor.name in values
    }
    (original,) = (tensor for tensor in model.inputs if tensor.name == free[0])
    shape, kind = original.shape[1:], original.dtype
    inputs = keras.Input(tuple(shape), dtype=kind, name=free[0])
    tensors = [
        HeldInput(held[name], name=f"held_{name}", dtype=held[name].dtype.name)(inputs)
        if name in held
        else inputs
        for name in names
    ]
    arranged = keras.tree.pack_sequence_as(model.input, tensors)
    return keras.Model(inputs, model(arranged), name=f"{model.name}_held")


def _fit(tensor, value) -> np.ndarray:
    shape = tuple(tensor.shape)[1:]
    if None in shape:
        raise ValueError(
            f"Input {tensor.name!r} has an open size, {shape}. Build the network with "
            "keras.Input of fixed shape; its weights stay valid."
        )
    try:
        kind = keras.backend.standardize_dtype(tensor.dtype)
        return np.broadcast_to(np.asarray(value), shape).astype(kind)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Input {tensor.name!r} takes a number or an array of shape {shape}. "
            f"Received: shape {np.shape(value)}. Leave out the batch axis."
        ) from error
