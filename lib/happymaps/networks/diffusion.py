"""Parameter diffusion: networks in a ring, a fold each, that mix with their neighbors.

With quadratic losses of unit curvature and a coupling of kappa, what a network knows of
a fold falls from one network to the next by `r = (1 + 2 kappa - sqrt(1 + 4 kappa)) / (2
kappa)`, and on a ring of K it is proportional to `cosh((K/2 - distance) / xi)` with `xi
= 1 / ln(1/r)`, about the root of kappa.
"""

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from happymaps.backend import keras, tf
from happymaps.networks.batches import compile_for, images_at_once
from happymaps.networks.doubles import copy_network
from happymaps.networks.row_losses import ROWS_AT_ONCE, Targets, read_targets
from happymaps.networks.stacked import (
    can_stack,
    draw_rows,
    fit_stack,
    set_beside,
    stack,
)

_FEWEST = 3  # networks of a ring
_MOST_COUPLING = 0.5  # beyond, differences of neighbors grow

Rows = tuple[np.ndarray, Sequence]


def diffuse(
    build: Callable[[], keras.Model] | keras.Model,
    folds: Sequence[Rows],
    coupling: float = 0.03,
    *,
    every: int = 1,
    new: Rows | None = None,
    loss: str = "",
    epochs: int = 24,
    batch_size: int = 32,
    learning_rate: float = 2e-3,
    weight_decay: float = 1e-3,
    seed: int = 0,
) -> xr.Dataset:
    """Return how well networks in a ring do on folds that they hardly learned from.

    A network for each fold, all from one start, learns from it alone with AdamW. After
    every `every`-th step the weights mix, `w_i += coupling (w_{i-1} + w_{i+1} - 2
    w_i)`; the optimizer's moments do not. The far score of a fold is its loss in the
    network (of an odd ring, the two) on the other side, which knows least of it. It
    costs `epochs` gradients of each row; k-fold costs K - 1 times the epochs of one
    network. Each network knows something of every fold: see how the losses rise with
    the distance, and compare with k-fold once before you trust it.

    Args:
        build: Returns a Functional or built Sequential network of one input, with fresh
            weights; or one. A chain of dense layers is the fastest. Of others the
            statistics of normalizations are mixed as weights are.
        folds: (inputs (rows, ...), targets (rows,)) of each, at least three; cut to the
            shortest. A fold should hold all rows of a person, a film or a day.
        coupling: From 0, networks apart, to 0.5.
        every: Steps between two mixings, >= 1.
        new: Rows of no fold, to see what is leaked.
        loss: As in `hm.importance`.
        epochs: Passes of each network over its fold.
        batch_size: Of its rows in a step.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW.
        seed: Of the order, and of dropout.

    Returns:
        `loss` (fold, network) of each fold in each network; `far_score` (fold);
        `profile` (distance), the mean loss at each distance along the ring; `spread`,
        how far the networks' outputs lie apart, the mean over rows of their standard
        deviation. With `new`: `new_loss` (network), `leak` (distance), the mean of
        `new_loss - loss`, and `mean_loss`, that of the networks' mean output.

    Raises:
        ValueError: Fewer than three folds, a coupling outside of [0, 0.5], targets
            that do not fit.
    """
    network = build if isinstance(build, keras.Model) else build()
    num = len(folds)
    _check(num, coupling, every)
    shortest = min(len(inputs) for inputs, _ in folds)
    inputs = np.stack([np.asarray(x)[:shortest] for x, _ in folds]).astype(np.float32)
    answers = np.stack([np.asarray(y)[:shortest] for _, y in folds])
    flat = inputs.reshape(-1, *inputs.shape[2:])
    targets = read_targets(network, flat, answers.ravel(), loss)
    values = targets.values.reshape(answers.shape)
    ring, blend = _make_ring(network, num, seed)

    def after_step(count):
        if coupling:
            tf.cond(tf.equal(count % every, 0), lambda: blend(coupling), lambda: None)

    fit_stack(
        ring,
        draw_rows(np.moveaxis(inputs, 0, 1), values.T),
        shortest,
        targets.losses,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        seed=seed,
        after_step=after_step,
    )
    outputs = run_ring(ring, flat)
    losses = _losses(targets, targets.values, outputs)
    losses = losses.reshape(num, shortest, num).mean(axis=1)
    apart = ring_distances(num)
    distances = np.arange(num // 2 + 1)
    far = np.where(apart == num // 2, losses, np.nan)
    result = {
        "loss": (("fold", "network"), losses),
        "far_score": ("fold", np.nanmean(far, axis=1)),
        "profile": ("distance", [losses[apart == d].mean() for d in distances]),
        "spread": outputs.std(axis=1).mean(),
    }
    if new is not None:
        result |= _measure_new(ring, targets, new, result["profile"][1])
    return xr.Dataset(result, {"distance": distances})


def _make_ring(network: keras.Model, num: int, seed: int):
    """Return the networks as one, and a function of the coupling that mixes them."""
    if can_stack(network):
        ring = stack(network, num, seed=seed)

        def blend(share):
            for variable in ring.trainable_variables:
                variable.assign(mix(variable, share))

        return ring, blend
    copies = [copy_network(network) for _ in range(num)]
    # What normalizations know of batches is mixed, too; states of dropout are not.
    kept = [[w for w in copy.variables if "float" in w.dtype] for copy in copies]

    def blend(share):
        for alike in zip(*kept, strict=True):
            mixed = mix(tf.stack([each.value for each in alike]), share)
            for variable, values in zip(alike, tf.unstack(mixed), strict=True):
                variable.assign(values)

    return set_beside(copies, seed=seed), blend


def mix(values, coupling):
    """Return weights of a ring, its networks along the first axis, one step mixed."""
    near = tf.roll(values, 1, axis=0) + tf.roll(values, -1, axis=0)
    return values + coupling * (near - 2 * values)


def ring_distances(num: int) -> np.ndarray:
    """Return how many steps apart each two of a ring are, shape (num, num)."""
    apart = np.abs(np.subtract.outer(np.arange(num), np.arange(num)))
    return np.minimum(apart, num - apart)


def run_ring(ring: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Return the outputs of all networks for the same rows, (rows, networks, ...)."""
    num = ring.input_shape[1]
    size = images_at_once(ring, max(1, ROWS_AT_ONCE // num))

    def forward(rows):
        return ring(tf.repeat(rows[:, None], num, axis=1), training=False)

    run = compile_for(forward, inputs)
    parts = [
        run(tf.constant(inputs[first : first + size])).numpy()
        for first in range(0, len(inputs), size)
    ]
    return np.concatenate(parts)


def _losses(targets: Targets, values: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    values = np.repeat(values[:, None], outputs.shape[1], axis=1)
    return targets.losses(values, outputs).numpy().astype(np.float64)


def _measure_new(ring, targets: Targets, new: Rows, profile) -> dict:
    inputs, answers = np.asarray(new[0], np.float32), np.asarray(new[1])
    values = answers.astype(np.float32)
    if targets.classes:
        values = np.searchsorted(targets.classes, answers).astype(np.int32)
    outputs = run_ring(ring, inputs)
    losses = _losses(targets, values, outputs).mean(axis=0)
    together = _losses(targets, values, outputs.mean(axis=1, keepdims=True))
    return {
        "new_loss": ("network", losses),
        "leak": ("distance", losses.mean() - np.array(profile)),
        "mean_loss": together.mean(),
    }


def _check(num: int, coupling: float, every: int) -> None:
    if num < _FEWEST:
        raise ValueError(
            f"A ring has at least {_FEWEST} folds. Received: {num}. Cut the rows into "
            "more."
        )
    if not 0 <= coupling <= _MOST_COUPLING:
        raise ValueError(
            f"coupling must be from 0 to {_MOST_COUPLING}; beyond, networks swing. "
            f"Received: {coupling}."
        )
    if every < 1:
        raise ValueError(f"every must be 1 or more steps. Received: {every}.")
