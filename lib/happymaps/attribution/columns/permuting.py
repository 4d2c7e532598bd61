"""Permutation importance: what is lost when columns are dealt out to other rows."""

from collections.abc import Sequence

import numpy as np
from sklearn.inspection import permutation_importance

from happymaps.backend import keras
from happymaps.networks.batches import held
from happymaps.networks.row_losses import Targets, losses_of_rows

BLOCKS = 20  # of rows, over which an interval is taken


def permute_columns(
    model: keras.Model,
    inputs: np.ndarray,
    targets: Targets,
    groups: Sequence[Sequence[int]],
    *,
    num_repeats: int = 20,
    seed: int = 0,
) -> np.ndarray:
    """Return by how much the loss rises when groups of columns are shuffled.

    Each group is shuffled with one permutation, so that its columns stay together. All
    groups get the same permutations. scikit-learn's `permutation_importance` shuffles
    the numbers of the rows that each group is read from, which makes a group and a
    single column the same to it.

    Args:
        model: A network on columns.
        inputs: Of the network, shape (rows, columns), not learned from.
        targets: Of the rows.
        groups: Indices of the columns of each.
        num_repeats: Permutations, >= 1.
        seed: Of the permutations, and of which rows are in which block.

    Returns:
        Rise of the mean loss, shape (groups, blocks of rows, repeats).
    """
    rows = np.arange(len(inputs), dtype=np.int32)
    block = deal_rows(len(rows), seed)
    sizes = np.bincount(block)

    def score(model, read_from, _):
        table = inputs.copy()
        for at in np.flatnonzero((read_from != rows[:, None]).any(axis=0)):
            table[:, groups[at]] = inputs[np.ix_(read_from[:, at], groups[at])]
        losses = losses_of_rows(model, table, targets)
        means = -np.bincount(block, losses) / sizes
        return dict(enumerate(means))

    with held(model):
        found = permutation_importance(
            model,
            np.tile(rows[:, None], (1, len(groups))),
            targets.values,
            scoring=score,
            n_repeats=num_repeats,
            random_state=seed,
        )
    return np.stack([found[each].importances for each in range(len(sizes))], axis=1)


def deal_rows(num_rows: int, seed: int) -> np.ndarray:
    """Return the block of each row: `BLOCKS` of nearly one size, dealt at random."""
    return np.random.default_rng(seed).permutation(num_rows) % min(BLOCKS, num_rows)
