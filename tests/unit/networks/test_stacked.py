"""Stacks of networks learn what each would alone, and only chains can be stacked."""

import numpy as np
import pytest

from happymaps.backend import keras, tf
from happymaps.networks.doubles import copy_network
from happymaps.networks.row_losses import losses_of_rows, read_targets
from happymaps.networks.stacked import (
    can_stack,
    draw_rows,
    fit_alone,
    fit_stack,
    set_beside,
    stack,
    stack_losses,
    take_out,
)

ROWS, COLUMNS = 320, 8
MASKS = np.float32(np.vstack([np.ones(COLUMNS), 1 - np.eye(COLUMNS)[:2]]))
TRAINING = {"epochs": 10, "batch_size": 64, "learning_rate": 1e-2}


def draw_table() -> tuple[np.ndarray, np.ndarray]:
    table = np.random.default_rng(0).standard_normal((ROWS, COLUMNS), np.float32)
    return 5 + table, (table[:, 0] * table[:, 1] > 0).astype(np.int32)


def build(*between, outputs: int = 1) -> keras.Model:
    keras.utils.set_random_seed(0)
    normal = keras.layers.Normalization()
    normal.adapt(draw_table()[0])
    hidden = keras.layers.Dense(16, "relu")
    last = keras.layers.Dense(outputs, "softmax" if outputs > 1 else None)
    layers = [keras.Input((COLUMNS,)), normal, hidden, *between]
    return keras.Sequential([*layers, last])


def masked(masks: np.ndarray, targets):
    table = tf.constant(draw_table()[0])

    def draw(rows):
        inputs = tf.gather(table, rows)[:, None] * masks
        truth = tf.gather(targets.values, rows)[:, None]
        return inputs, tf.repeat(truth, len(masks), axis=1)

    return draw


@pytest.mark.parametrize("outputs", [1, 2])
def test_three_in_a_stack_learn_what_each_learns_alone(outputs):
    table, answers = draw_table()
    model = build(outputs=outputs)
    targets = read_targets(model, table, answers)
    before = model.get_weights()

    def learn(network, masks):
        draw = masked(masks, targets)
        fit_stack(network, draw, ROWS, targets.losses, **TRAINING)
        return stack_losses(network, draw, ROWS, targets.losses)

    together = stack(model, 3)
    losses = learn(together, MASKS)
    apart = [
        learn(set_beside([copy_network(model)]), MASKS[at : at + 1]) for at in range(3)
    ]
    np.testing.assert_allclose(losses, np.concatenate(apart, axis=1), atol=1e-5)
    assert losses[:, 0].mean() < 0.5 < losses[:, 1:].mean(axis=0).min()
    out = take_out(together, model, 1)
    found = losses_of_rows(out, table * MASKS[1], targets)
    np.testing.assert_allclose(found, losses[:, 1], atol=1e-5)
    for kept, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)


def test_dropout_falls_on_the_same_places_and_another_seed_on_others():
    model = build(keras.layers.Dropout(0.5))
    row = np.ones((4, 3, COLUMNS), np.float32)
    first, second = (stack(model, 3, seed=seed)(row, training=True) for seed in (0, 1))
    np.testing.assert_array_equal(first[:, 0], first[:, 2])
    assert np.ptp(first[:, 0]) > 0 and np.any(first != second)


def test_what_is_fitted_alone_is_one_of_a_stack_and_the_same_again():
    table, answers = draw_table()
    model = build(keras.layers.Dropout(0.2))
    targets = read_targets(model, table, answers)
    found, again = (
        losses_of_rows(fit_alone(model, table, targets, seed=3, **TRAINING), table,
                       targets)
        for _ in range(2)
    )  # fmt: skip
    np.testing.assert_array_equal(found, again)
    other = fit_alone(model, table, targets, seed=4, **TRAINING)
    assert np.any(found != losses_of_rows(other, table, targets))


def test_chains_are_told_from_other_forms_also_when_read_from_a_file(tmp_path):
    assert can_stack(build(keras.layers.Dropout(0.2), keras.layers.ReLU()))
    build().save(tmp_path / "chain.keras")
    assert can_stack(keras.models.load_model(tmp_path / "chain.keras"))
    inputs = keras.Input((COLUMNS,))
    hidden = keras.layers.Dense(COLUMNS)(inputs)
    assert not can_stack(keras.Model(inputs, hidden + inputs))
    assert not can_stack(build(keras.layers.BatchNormalization()))
    shared = keras.layers.Dense(16)
    assert not can_stack(build(shared, shared))
    images = keras.Input((8, 8, 1))
    assert not can_stack(keras.Model(images, keras.layers.Dense(1)(images)))
    with pytest.raises(ValueError, match="which is none"):
        stack(build(keras.layers.BatchNormalization()), 2)


def test_the_penalty_of_weights_counts_in_a_stack():
    inputs = keras.Input((COLUMNS,))
    penalty = keras.regularizers.L2(10.0)
    model = keras.Model(
        inputs, keras.layers.Dense(1, kernel_regularizer=penalty)(inputs)
    )
    table, answers = draw_table()
    targets = read_targets(model, table, answers.astype(float), "squared_error")
    network = stack(model, 2)
    draw = draw_rows(*(np.repeat(a[:, None], 2, 1) for a in (table, targets.values)))
    fit_stack(network, draw, ROWS, targets.losses, **TRAINING | {"epochs": 60})
    assert np.abs(network.trainable_variables[0].numpy()).max() < 0.05


@pytest.mark.parametrize(
    ("targets", "loss", "message"),
    [
        (np.arange(ROWS) % 3, "", None),
        (np.arange(ROWS) % 3, "cross_entropy", "Received: 3 different targets"),
        (np.array(["a", "b", "c"])[np.arange(ROWS) % 3], "", "wants numbers"),
        (np.full(ROWS, np.nan), "", "NaN"),
        (np.zeros(5), "", "Expected a target for each"),
        (np.arange(ROWS) % 2, "log", "Unknown loss"),
    ],
)
def test_targets_that_do_not_fit_are_told(targets, loss, message):
    model, table = build(), draw_table()[0]
    if message is None:
        assert read_targets(model, table, targets, loss).loss == "squared_error"
        return
    with pytest.raises(ValueError, match=message):
        read_targets(model, table, targets, loss)


def test_losses_are_those_by_hand_for_each_kind_of_output():
    table, answers = draw_table()
    words = np.array(["no", "yes"])[answers]
    logit = build()
    targets = read_targets(logit, table, words)
    assert targets.classes == ("no", "yes")
    values = logit(table).numpy()[:, 0].astype(float)
    by_hand = np.logaddexp(0, values) - answers * values
    np.testing.assert_allclose(
        losses_of_rows(logit, table, targets), by_hand, atol=1e-5
    )
    both = build(outputs=2)
    chance = both(table).numpy()[np.arange(ROWS), answers]
    found = losses_of_rows(both, table, read_targets(both, table, words))
    np.testing.assert_allclose(found, -np.log(chance), atol=1e-5)
    share = answers.mean()
    expected = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert targets.guess().mean() == pytest.approx(expected)
