"""Drop-column importance: what is lost when a network never sees a column."""

import numpy as np
from scipy import stats

from happymaps.backend import keras, tf
from happymaps.base.progress import progress_bar
from happymaps.networks.doubles import copy_network
from happymaps.networks.random_controls import fresh_weights
from happymaps.networks.row_losses import Targets
from happymaps.networks.stacked import (
    can_stack,
    fit_stack,
    set_beside,
    stack,
    stack_losses,
)

_MOST_WEIGHTS = 20_000_000  # of the networks that learn at a time
_HELD_OUT = 0.3  # of the rows, in each fit


def refit_without(
    model: keras.Model,
    inputs: np.ndarray,
    targets: Targets,
    learned: np.ndarray,
    held_out: np.ndarray,
    *,
    seed: int = 0,
    **training,
) -> np.ndarray:
    """Return the losses of networks that learned anew, one without each column.

    A column is taken away by giving each row its mean. All networks begin with the same
    fresh weights and see the same batches; a chain of dense layers learns as one stack,
    any other form one after the other.

    Args:
        model: The form of the network; its weights are not used.
        inputs: Shape (rows, columns).
        targets: Of the rows.
        learned: Indices of the rows to learn from.
        held_out: Indices of those to measure on.
        seed: Of weights, dropout and order.
        **training: Options of `fit_stack`: epochs, batch size, rates.

    Returns:
        Shape (rows held out, 1 + columns): with all columns, then without each.
    """
    start = fresh_weights(model, seed=seed)
    columns = inputs.shape[1]
    masks = np.vstack([np.zeros((1, columns), bool), np.eye(columns, dtype=bool)])
    can = can_stack(start)
    most = max(1, _MOST_WEIGHTS // max(1, start.count_params())) if can else 1
    parts = []
    with progress_bar(len(masks), "refits", "network") as bar:
        for first in range(0, len(masks), most):
            part = masks[first : first + most]
            if can:
                network = stack(start, len(part), seed=seed)
            else:
                network = set_beside([copy_network(start)], seed=seed)
            draw = _without(part, inputs, targets.values, learned)
            fit_stack(
                network, draw, len(learned), targets.losses, seed=seed, **training
            )
            draw = _without(part, inputs, targets.values, learned, held_out)
            parts.append(stack_losses(network, draw, len(held_out), targets.losses))
            bar.update(len(part))
    return np.concatenate(parts, axis=1)


def drop_columns(
    model: keras.Model,
    inputs: np.ndarray,
    targets: Targets,
    *,
    num_fits: int,
    seed: int = 0,
    **training,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what refits without each column lose, on rows that they did not see.

    Each fit has fresh weights and another 30 % of the rows held out. Student's interval
    over fits is widened for rows that several fits share, by `1/fits + held out /
    learned` in place of `1/fits`.

    Source: Nadeau & Bengio 2003, doi:10.1023/A:1024068626366.

    Returns:
        Mean rise of the loss, shape (columns,), and the half width of its 95 %
        interval, infinite with one fit.
    """
    rises = []
    count = max(1, round(_HELD_OUT * len(inputs)))
    for fit in range(seed, seed + num_fits):
        order = np.random.default_rng(fit).permutation(len(inputs))
        losses = refit_without(
            model, inputs, targets, order[count:], order[:count], seed=fit, **training
        ).mean(axis=0)
        rises.append(losses[1:] - losses[0])
    if num_fits < 2:
        return np.mean(rises, axis=0), np.full(inputs.shape[1], np.inf)
    widened = 1 / num_fits + count / (len(inputs) - count)
    half = stats.t.ppf(0.975, num_fits - 1) * np.sqrt(widened)
    return np.mean(rises, axis=0), half * np.std(rises, axis=0, ddof=1)


def _without(masks, inputs, values, learned, rows=None):
    """Return what gives the networks their rows, each without the columns masked."""
    rows = learned if rows is None else rows
    means = tf.constant(inputs[learned].mean(axis=0))
    table, truth = tf.constant(inputs[rows]), tf.constant(values[rows])
    masked = tf.constant(masks)

    def draw(at):
        each = tf.where(masked, means, tf.gather(table, at)[:, None])
        return each, tf.repeat(tf.gather(truth, at)[:, None], len(masks), axis=1)

    return draw
