"""Where the logits of a network are: what a softmax or sigmoid makes its outputs of."""

from collections.abc import Callable

import numpy as np
from scipy import special

from happymaps.backend import keras, tf
from happymaps.networks.outputs import (
    LINEAR,
    SIGMOID,
    LastSteps,
    has_weights,
    kind_by_steps,
    last_activation,
    made_up,
)
from happymaps.networks.pre_activation import before_activation
from happymaps.networks.unrolled import Unrolled

_LEAST = 1e-7  # probability, as in Keras's cross-entropy
_TOLERANCE = 5e-3  # of half precision


def read_logits(model: keras.Model, unrolled: Unrolled, stand_in: Callable):
    """Return the symbolic logits of a network's only output.

    What enters the softmax or sigmoid; where probabilities are made otherwise, as by an
    average of several networks, their logarithms, or of a single one its log-odds: of
    these a softmax, or sigmoid, makes the same probabilities.

    Args:
        model: The network.
        unrolled: The same, unrolled.
        stand_in: As in `before_activation`.
    """
    (output,) = unrolled.outputs
    call = _call_of(unrolled, output)
    if call is not None:
        before = before_activation(unrolled, call, stand_in)
        if before is not output:
            return before
    kind = kind_by_steps(model)
    if kind in (None, LINEAR):
        return output
    found = _before_last_step(unrolled, kind, stand_in)
    found = _logits_of(output, kind) if found is None else found
    return unrolled.take_in(found)


def _before_last_step(unrolled: Unrolled, kind: str, stand_in: Callable):
    """Return the value of which one softmax or sigmoid makes the output, or None."""
    (output,) = unrolled.outputs
    symbol = output
    function = special.expit if kind == SIGMOID else (
        lambda values: special.softmax(values, axis=-1)
    )  # fmt: skip
    while (node := unrolled.maker_of(symbol)) is not None:
        is_start = has_weights(node.operation)
        if not is_start and len(node.input_tensors) != 1:
            return None
        values = made_up(tuple(output.shape), np.random.default_rng(1))
        if not is_start:
            (symbol,) = node.input_tensors
        if None in symbol.shape[1:] or np.prod(symbol.shape[1:]) != values.shape[1]:
            return None
        given = tf.reshape(tf.constant(values), (-1, *symbol.shape[1:]))
        if is_start:
            given = last_activation(node.operation)(given)
        known = {id(symbol): tf.cast(given, symbol.dtype)}
        reached = LastSteps(unrolled, known).run(output)
        if np.allclose(reached, function(values), atol=_TOLERANCE):
            if is_start:
                call = _call_of(unrolled, symbol)
                symbol = before_activation(unrolled, call, stand_in)
            return keras.ops.reshape(symbol, (-1, *output.shape[1:]))
        if is_start:
            return None
    return None


def _call_of(unrolled: Unrolled, symbol):
    """Return the innermost call that makes a value, None where none does."""
    made = (call for call in unrolled.calls if call.outputs[0] is symbol)
    return next(made, None)


def _logits_of(probabilities, kind: str):
    values = keras.ops.clip(probabilities, _LEAST, 1 - _LEAST)
    logs = keras.ops.log(values)
    if kind != SIGMOID:
        return logs
    return logs - keras.ops.log(1 - values)
