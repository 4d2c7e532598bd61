"""Networks of one form as one: a stack learns in a step what each would learn alone.

A chain of dense layers is stacked over an axis of networks, `bmi,mio->bmo`. The loss is
summed over networks, so that no gradient of one holds anything of another, and Adam
keeps them apart.
"""

from collections.abc import Callable

import numpy as np

from happymaps.backend import keras, tf
from happymaps.networks.doubles import copy_network, share
from happymaps.networks.graph import functional_form, graph_nodes, is_graph
from happymaps.networks.random_controls import fresh_weights
from happymaps.networks.row_losses import ROWS_AT_ONCE, Targets

# Layers that do the same to each number, or to each column, of any stack.
_ALIKE = (
    *(keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU),
    *(keras.layers.ELU, keras.layers.Softmax, keras.layers.Normalization),
    keras.layers.Rescaling,
)


def can_stack(model: keras.Model) -> bool:
    """Return whether a network is a chain of dense layers on columns.

    Dropout, activations and `Normalization` may stand between; what holds statistics of
    its own batches, such as `BatchNormalization`, may not.
    """
    return _chain(model) is not None


def stack(model: keras.Model, num: int, *, seed: int = 0) -> keras.Model:
    """Return a network of `num` copies beside each other, that learn apart.

    Args:
        model: A chain, see `can_stack`; it is not changed.
        num: Of the copies, which begin with the weights of `model`.
        seed: Of dropout, which falls on the same places in all copies.

    Returns:
        A network from (rows, num, columns) to (rows, num, outputs). The first axis of
        each of its trainable variables is that of the copies.

    Raises:
        ValueError: A network that is no chain.
    """
    layers = _chain(model)
    if layers is None:
        raise ValueError(
            "Expected a chain of dense layers on columns, with dropout, activations or "
            f"normalization between. Received: {model.name!r}, which is none. Build it "
            "of Dense layers alone."
        )
    inputs = values = keras.Input((num, *model.input_shape[1:]))
    for position, layer in enumerate(layers):
        values = _stacked(layer, num, seed + position)(values)
    stacked = keras.Model(inputs, values)
    kernels = [each for layer in layers for each in layer.trainable_variables]
    for variable, start in zip(stacked.trainable_variables, kernels, strict=True):
        variable.assign(np.broadcast_to(start.numpy(), variable.shape))
    return stacked


def fit_alone(
    model: keras.Model, inputs: np.ndarray, targets: Targets, *, seed: int, **training
) -> keras.Model:
    """Return a network of the same form that learned from a table, from fresh weights.

    It is what it would be in a stack: the same weights to begin with, the same order.

    Args:
        model: A chain; its weights are not used.
        inputs: Shape (rows, columns).
        targets: Of the rows.
        seed: Of weights, dropout and order.
        **training: Options of `fit_stack`.
    """
    start = fresh_weights(model, seed=seed)
    stacked = stack(start, 1, seed=seed)
    draw = draw_rows(inputs[:, None], targets.values[:, None])
    fit_stack(stacked, draw, len(inputs), targets.losses, seed=seed, **training)
    return take_out(stacked, start, 0)


def take_out(stacked: keras.Model, model: keras.Model, at: int) -> keras.Model:
    """Return one of the copies as a network of its own.

    Args:
        stacked: From `stack(model, ...)`.
        model: What it is a stack of.
        at: Which copy.
    """
    alone = copy_network(model)
    pairs = zip(alone.trainable_variables, stacked.trainable_variables, strict=True)
    for variable, values in pairs:
        variable.assign(values[at])
    return alone


def set_beside(copies: list[keras.Model], *, seed: int = 0) -> keras.Model:
    """Return networks of any form as one, each with weights of its own.

    Slower than a stack, which it stands in for where there is no chain.

    Args:
        copies: With one input each, all of one shape; they are given other names.
        seed: Of dropout and noise, the same in all copies.

    Returns:
        A network from (rows, copies, ...) to (rows, copies, outputs).
    """
    inputs = keras.Input((len(copies), *copies[0].input_shape[1:]))
    outputs = []
    for at, copy in enumerate(copies):
        copy.name = f"{copy.name}_{at}"
        _reseed(copy, seed)
        outputs.append(copy(inputs[:, at])[:, None])
    return keras.Model(inputs, keras.ops.concatenate(outputs, axis=1))


def draw_rows(inputs: np.ndarray, targets: np.ndarray) -> Callable:
    """Return a function of row indices to rows of inputs and of targets."""
    table, truth = tf.constant(inputs), tf.constant(targets)
    return lambda at: (tf.gather(table, at), tf.gather(truth, at))


def fit_stack(
    stacked: keras.Model,
    draw: Callable,
    num_rows: int,
    losses: Callable,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float = 0.0,
    seed: int = 0,
    after_step: Callable | None = None,
) -> None:
    """Train a stack in place with AdamW, rows in a new order in each epoch.

    What is left over of the last batch of an epoch is not learned from in it.

    Args:
        stacked: From `stack` or `set_beside`.
        draw: Function of row indices to inputs (rows, networks, ...) and targets (rows,
            networks).
        num_rows: How many indices there are.
        losses: As in `Targets`.
        epochs: Passes over the rows.
        batch_size: Rows in a step; all of them where there are fewer.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW, on all weights.
        seed: Of the order.
        after_step: Called with the number of each step, from 1, once it is made.
    """
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay)
    optimizer.build(stacked.trainable_variables)
    size = min(batch_size, num_rows)
    count = tf.Variable(0, dtype=tf.int64)

    @tf.function
    def epoch(order):
        for start in tf.range(num_rows // size) * size:
            inputs, targets = draw(order[start : start + size])
            with tf.GradientTape() as tape:
                each = losses(targets, stacked(inputs, training=True))
                loss = tf.reduce_sum(tf.reduce_mean(each, axis=0))
                loss += sum(stacked.losses)
            optimizer.apply(tape.gradient(loss, stacked.trainable_variables))
            count.assign_add(1)
            if after_step is not None:
                after_step(count)

    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        epoch(tf.constant(rng.permutation(num_rows).astype(np.int32)))


def stack_losses(
    stacked: keras.Model, draw: Callable, num_rows: int, losses: Callable
) -> np.ndarray:
    """Return the loss of each row in each network, float64, (rows, networks)."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32)])
    def measure(rows):
        inputs, targets = draw(rows)
        return losses(targets, stacked(inputs, training=False))

    size = max(1, ROWS_AT_ONCE // stacked.input_shape[1])
    parts = [
        measure(tf.range(start, min(start + size, num_rows))).numpy()
        for start in range(0, num_rows, size)
    ]
    return np.concatenate(parts).astype(np.float64)


def _reseed(network: keras.Model, seed: int) -> None:
    """Let the random numbers of dropout and noise begin anew, in place."""
    for position, layer in enumerate(network._flatten_layers()):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign([seed + position, 0])


def _chain(model: keras.Model) -> list | None:
    """Return the layers of a chain in order, None of another form."""
    shape = model.input_shape
    is_flat = isinstance(shape, tuple) and len(shape) == 2 and len(model.outputs) == 1
    if not (is_flat and is_graph(model)):
        return None
    graph, layers = functional_form(model), []
    symbol = graph.inputs[0]
    for node in graph_nodes(graph):
        layer = node.operation
        follows = [id(each) for each in node.input_tensors] == [id(symbol)]
        if not (follows and _is_known(layer)) or layer in layers:
            return None
        layers.append(layer)
        symbol = node.outputs[0]
    return layers if symbol is graph.outputs[0] else None


def _is_known(layer) -> bool:
    if type(layer) is keras.layers.Normalization:
        return layer.axis in ((-1,), (1,), ())
    if type(layer) is keras.layers.Dense:
        parts = (layer.kernel_constraint, layer.bias_constraint)
        return layer.trainable and parts == (None, None)
    return type(layer) in (*_ALIKE, keras.layers.Dropout)


def _stacked(layer, num: int, seed: int):
    if isinstance(layer, keras.layers.Dense):
        return keras.layers.EinsumDense(
            "bmi,mio->bmo",
            (num, layer.units),
            activation=layer.activation,
            bias_axes="mo" if layer.use_bias else None,
            kernel_regularizer=layer.kernel_regularizer,
            bias_regularizer=layer.bias_regularizer,
        )
    if isinstance(layer, keras.layers.Dropout):
        # None of the copies has a mask of its own: what differs is what they learn.
        return keras.layers.Dropout(layer.rate, noise_shape=(None, 1, None), seed=seed)
    return share(layer)
