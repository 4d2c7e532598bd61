"""Orders that put like beside like."""

import itertools

import numpy as np
import pytest

from happymaps.evidence.seriation import (
    order_by_similarity,
    random_seriation_losses,
    seriation_loss,
)

CHAIN = 1 - np.abs(np.subtract.outer(np.arange(6), np.arange(6))) / 5  # on a line


def test_loss_is_the_sum_of_distances_between_neighbors():
    table = np.array([[1, 0.5, -1], [0.5, 1, 0.2], [-1, 0.2, 1]])
    assert seriation_loss(table) == pytest.approx(0.5 + 0.8)
    assert seriation_loss(table, [0, 2, 1]) == pytest.approx(2 + 0.8)


def test_things_on_a_line_are_put_back_on_it():
    shuffled = np.array([3, 0, 5, 1, 4, 2])
    order = order_by_similarity(CHAIN[np.ix_(shuffled, shuffled)])
    found = shuffled[order].tolist()
    assert found in (list(range(6)), list(range(6))[::-1])


def test_order_of_a_small_table_is_the_best_of_all():
    table = CHAIN[:5, :5] ** 3
    best = min(seriation_loss(table, p) for p in itertools.permutations(range(5)))
    assert seriation_loss(table, order_by_similarity(table)) == pytest.approx(best)


def test_planted_blocks_are_put_together_and_beat_random_orders():
    rng = np.random.default_rng(0)
    block = np.repeat(np.arange(5), 6)
    table = np.where(np.equal.outer(block, block), 0.9, 0.05)
    np.fill_diagonal(table, 1)
    shuffled = rng.permutation(30)
    mixed = table[np.ix_(shuffled, shuffled)]
    order = order_by_similarity(mixed)
    # Each block in one piece: an adjusted Rand index of 1 for five cuts.
    assert np.count_nonzero(np.diff(block[shuffled][order])) == 4
    assert seriation_loss(mixed, order) == pytest.approx(25 * 0.1 + 4 * 0.95)
    losses = random_seriation_losses(mixed, num_orders=500, seed=1)
    assert seriation_loss(mixed, order) < np.quantile(losses, 0.01)


def test_mean_loss_of_random_orders_is_that_of_the_mean_distance():
    losses = random_seriation_losses(CHAIN, num_orders=4000, seed=0)
    mean = (1 - CHAIN)[np.triu_indices(6, k=1)].mean()
    assert losses.mean() == pytest.approx(5 * mean, rel=0.02)


def test_what_cannot_be_compared_counts_as_unlike():
    table = np.array([[1, np.nan], [np.nan, 1]])
    assert seriation_loss(table) == 1
    assert order_by_similarity(table).tolist() == [0, 1]


@pytest.mark.parametrize(
    "table", [np.ones((2, 3)), np.array([[1, 0.2], [0.3, 1]]), np.full((2, 2), 2.0)]
)
def test_a_table_that_is_none_of_similarities_is_refused(table):
    with pytest.raises(ValueError, match="symmetric table of similarities"):
        order_by_similarity(table)
