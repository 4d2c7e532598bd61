"""Importance of columns: worked out by hand in linear networks, and refusals."""

import numpy as np
import pandas as pd
import pytest

import happymaps as hm
from happymaps.attribution.columns.grouping import group_columns
from happymaps.attribution.columns.permuting import permute_columns
from happymaps.attribution.columns.refitting import drop_columns, refit_without
from happymaps.backend import keras
from happymaps.networks.row_losses import read_targets

MANY = 60_000
TRAINING = {"epochs": 40, "batch_size": 100, "learning_rate": 0.05}


def linear(weights) -> keras.Model:
    """Return a network of one number, the weighted sum of its columns."""
    inputs = keras.Input((len(weights),))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model.set_weights([np.float32(weights)[:, None], np.zeros(1)])
    return model


def draw(num_rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """Return columns of mean 0 and variance 1 that correlate with no other."""
    table = np.random.default_rng(seed).standard_normal((num_rows, columns))
    table -= table.mean(axis=0)
    return np.float32(np.linalg.qr(table)[0] * np.sqrt(num_rows))


def shuffle_and_drop(table, weights, target):
    """Return what shuffling costs, and what refitting without a column does."""
    targets = read_targets(linear(weights), table, target, "squared_error")
    singles = [[column] for column in range(len(weights))]
    shuffled = permute_columns(linear(weights), table, targets, singles, num_repeats=3)
    least = np.linalg.lstsq(table, target)[1].sum()
    left = [
        np.linalg.lstsq(np.delete(table, column, 1), target)[1].sum() - least
        for column in range(len(weights))
    ]
    return shuffled.mean(axis=(1, 2)), np.divide(left, len(table))


def test_shuffling_costs_twice_what_refitting_without_does():
    table = draw(MANY, 2)
    shuffled, left = shuffle_and_drop(table, (2, 1), table @ (2, 1))
    np.testing.assert_allclose(left, (4, 1), rtol=1e-4)
    np.testing.assert_allclose(shuffled, (8, 2), rtol=0.03)


def test_a_suppressor_matters_though_it_tells_nothing():
    answer, error = draw(MANY, 2).T
    table = np.stack([answer + error, error], axis=1)
    assert abs(np.corrcoef(error, answer)[0, 1]) < 1e-3
    shuffled, left = shuffle_and_drop(table, (1, -1), answer)
    np.testing.assert_allclose(shuffled, (4, 2), rtol=0.03)
    np.testing.assert_allclose(left, (1, 0.5), rtol=1e-3)


def test_two_copies_cost_two_each_nothing_refitted_and_eight_together():
    column = draw(MANY, 1)
    table = np.repeat(column, 2, axis=1)
    found = hm.importance(
        linear((1, 1)), table, 2 * column[:, 0], num_repeats=3, loss="squared_error"
    )
    np.testing.assert_allclose(found.importance, 2, rtol=0.03)
    assert list(found.group) == [1, 1]
    np.testing.assert_allclose(found.group_importance, 8, rtol=0.03)
    assert (found.low < found.importance).all()
    assert (found.importance < found.high).all()
    few = table[:400]
    targets = read_targets(linear((1, 1)), few, 2 * few[:, 0], "squared_error")
    losses = refit_without(
        linear((1, 1)), few, targets, np.arange(300), np.arange(300, 400), **TRAINING
    )
    np.testing.assert_allclose(losses.mean(axis=0), 0, atol=1e-3)


@pytest.mark.parametrize("is_chain", [True, False])
def test_refits_lose_the_square_of_the_weight_and_nothing_of_a_constant(is_chain):
    table = np.append(draw(600, 2), np.full((600, 1), 7, np.float32), axis=1)
    model = linear((2, 1, 0))
    if not is_chain:
        inputs = keras.Input((3,))
        outputs = keras.layers.Dense(1, use_bias=False)(inputs)
        model = keras.Model(inputs, outputs + keras.layers.Dense(1)(inputs))
    targets = read_targets(model, table, table @ (2, 1, 0), "squared_error")
    learned, held_out = np.arange(400), np.arange(400, 600)
    losses = refit_without(model, table, targets, learned, held_out, **TRAINING)
    rise = losses.mean(axis=0) - losses[:, 0].mean()
    variance = np.var(table[held_out, :2], axis=0)
    np.testing.assert_allclose(rise[1:3] / variance, (4, 1), rtol=0.1)
    assert rise[3] == pytest.approx(0, abs=1e-6)


def test_an_interval_of_refits_needs_several_and_is_widened_for_shared_rows():
    table = draw(100, 2)
    model, target = linear((2, 1)), table @ (2, 1)
    targets = read_targets(model, table, target, "squared_error")
    options = TRAINING | {"epochs": 3}
    rise, half = drop_columns(model, table, targets, num_fits=1, **options)
    assert np.isinf(half).all()
    fits = [rise]
    fits.append(drop_columns(model, table, targets, num_fits=1, seed=1, **options)[0])
    mean, half = drop_columns(model, table, targets, num_fits=2, **options)
    np.testing.assert_allclose(mean, np.mean(fits, axis=0), rtol=1e-5)
    by_hand = 12.7062 * np.std(fits, axis=0, ddof=1) * np.sqrt(1 / 2 + 30 / 70)
    np.testing.assert_allclose(half, by_hand, rtol=1e-4)


def test_the_same_seed_gives_the_same_table_and_an_unused_column_nothing():
    table = pd.DataFrame(draw(200, 3), columns=["a", "b", "unused"])
    target = np.where(table.a > 0, "up", "down")
    model = linear((4, 0, 0))
    found, again, other = (
        hm.importance(model, table, target, num_repeats=2, seed=seed)
        for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(found, again)
    assert found.importance[0] != other.importance[0]
    assert list(found.column) == ["a", "b", "unused"]
    assert list(found.loc[1:, ["importance", "low", "high"]].stack()) == [0] * 6
    assert found.attrs["classes"] == ["down", "up"]
    assert found.attrs["is_better_than_guessing"]


def test_a_network_no_better_than_guessing_is_told():
    table = draw(200, 2)
    answers = np.random.default_rng(0).integers(2, size=200)
    with pytest.warns(UserWarning, match="not clearly better than guessing"):
        found = hm.importance(linear((2, 1)), table, answers, num_repeats=1)
    assert not found.attrs["is_better_than_guessing"]


def test_groups_are_columns_of_alike_ranks_in_either_direction():
    a, b, c = np.random.default_rng(0).standard_normal((3, 300))
    constant = np.zeros(300)
    table = np.stack([a, b, constant, np.exp(b), -a, c], axis=1)
    assert group_columns(table) == [[0, 4], [1, 3], [2], [5]]
    assert group_columns(table[:, :1]) == [[0]]


ROWS = pd.DataFrame(draw(60, 3), columns=["a", "b", "c"])
GAPS = ROWS.mask(ROWS > 1.5)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (ROWS.reset_index(), "'index' looks like the row numbers that pandas writes"),
        (ROWS[["a", "b"]], "Add those that the network takes besides"),
        (ROWS.assign(d=1, e=2), "Leave out those"),
        (ROWS.assign(c="x"), "Received: text"),
        (GAPS, "missing or infinite values in a, b, c"),
        (ROWS.head(20), "at least 40 rows"),
        (ROWS.a, "Expected a table"),
    ],
)
def test_tables_that_are_not_the_networks_are_refused(table, message):
    with pytest.raises(ValueError, match=message):
        hm.importance(linear((1, 1, 1)), table, np.arange(len(table)))


def test_networks_on_images_and_counts_of_none_are_refused():
    inputs = keras.Input((4, 4, 1))
    images = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    with pytest.raises(ValueError, match="one input of shape"):
        hm.importance(images, ROWS, np.arange(60))
    with pytest.raises(ValueError, match="num_repeats must be 1"):
        hm.importance(linear((1, 1, 1)), ROWS, np.arange(60), num_repeats=0)
    with pytest.raises(ValueError, match="a name for each"):
        hm.importance(linear((1, 1, 1)), ROWS, np.arange(60), names=["a"])
