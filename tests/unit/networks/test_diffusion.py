"""Rings of networks: mixing by hand, what theory says of it, scores that tell."""

import numpy as np
import pytest

import happymaps as hm
from happymaps.backend import keras
from happymaps.networks import diffusion
from happymaps.networks.diffusion import mix, ring_distances

RNG = np.random.default_rng(0)


def build(columns: int = 4) -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((columns,)), keras.layers.Dense(1)])


def draw_folds(num: int, rows: int = 40):
    table = RNG.standard_normal((num, rows, 4))
    return [(x, x @ (1, 2, 0, 0) + 0.1 * x[:, 3]) for x in table]


def test_mixing_keeps_the_mean_and_a_third_makes_three_networks_one():
    weights = RNG.standard_normal((3, 5)).astype(np.float32)
    once = mix(weights, 1 / 3).numpy()
    np.testing.assert_allclose(once, np.tile(weights.mean(axis=0), (3, 1)), atol=1e-6)
    many = RNG.standard_normal((10, 2)).astype(np.float32)
    found = mix(many, 0.5).numpy()
    np.testing.assert_allclose(found.mean(axis=0), many.mean(axis=0), atol=1e-6)
    assert np.abs(found).max() <= np.abs(many).max()
    np.testing.assert_array_equal(mix(many, 0.0), many)


@pytest.mark.parametrize(("kappa", "ratio"), [(1, 0.381966), (2, 0.5), (6, 2 / 3)])
def test_knowledge_falls_along_the_ring_as_the_theory_says(kappa, ratio):
    # Steps towards the folds, and mixing: kappa is the coupling over the rate.
    folds = np.eye(60)[0]
    weights, rate = np.zeros(60), 1e-3
    step = np.eye(60)
    step = (1 - rate) * np.asarray(mix(step, kappa * rate))
    gain = rate * np.asarray(mix(folds, kappa * rate))
    weights = np.linalg.solve(np.eye(60) - step, gain)
    np.testing.assert_allclose(weights[2:6] / weights[1:5], ratio, atol=2e-3)


def test_the_farthest_network_scores_and_leaks_less_the_farther_it_is():
    folds = draw_folds(6, 20)
    new = draw_folds(1, 400)[0]
    options = {"epochs": 60, "learning_rate": 0.02, "new": new}
    found = hm.diffuse(build, folds, 0.02, **options)
    assert found.loss.shape == (6, 6) and found.profile.shape == (4,)
    apart = ring_distances(6)
    np.testing.assert_allclose(
        found.far_score, [found.loss.values[i, (i + 3) % 6] for i in range(6)]
    )
    near = found.loss.values[apart == 1].mean()
    assert float(found.profile[1]) == pytest.approx(near)
    np.testing.assert_allclose(found.leak, found.new_loss.mean() - found.profile)
    assert float(found.profile[0]) < float(found.profile[3])
    assert found.identical(hm.diffuse(build(), folds, 0.02, **options))
    alone = hm.diffuse(build, folds, 0.0, **options)
    assert float(found.spread) < float(alone.spread)


def test_an_odd_ring_scores_by_both_networks_across_and_folds_are_cut():
    folds = draw_folds(3)
    folds[1] = tuple(each[:30] for each in folds[1])
    found = hm.diffuse(build, folds, epochs=1)
    assert list(found.distance.values) == [0, 1] and "leak" not in found
    np.testing.assert_allclose(found.far_score[0], found.loss[0, 1:].mean())


@pytest.mark.parametrize(
    ("num", "options", "message"),
    [
        (2, {}, "at least 3 folds"),
        (3, {"coupling": 0.6}, "coupling must be from 0 to 0.5"),
        (3, {"every": 0}, "every must be 1"),
    ],
)
def test_rings_that_cannot_be_are_refused(num, options, message):
    with pytest.raises(ValueError, match=message):
        hm.diffuse(build, draw_folds(num), **options)


def build_branched(dropout: float = 0.0) -> keras.Model:
    """A network that is no chain, with the weights of one."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(1)(keras.layers.Dropout(dropout)(inputs))
    return keras.Model(inputs, hidden + 0 * hidden)


def test_a_ring_of_any_form_learns_what_a_stack_does():
    folds = draw_folds(5, 20)
    options = {"epochs": 5, "new": draw_folds(1)[0]}
    found, stacked = (
        hm.diffuse(each, folds, 0.05, **options) for each in (build_branched, build)
    )
    for name in found:
        np.testing.assert_allclose(found[name], stacked[name], rtol=1e-4, atol=1e-5)


def test_a_ring_with_dropout_is_the_same_again_with_its_seed():
    folds, network = draw_folds(3, 20), build_branched(0.5)
    options = {"epochs": 3, "every": 4}
    found, again, other = (
        hm.diffuse(network, folds, seed=seed, **options) for seed in (0, 0, 1)
    )
    assert found.identical(again) and not found.identical(other)


def test_images_make_a_ring_and_statistics_of_normalization_are_mixed(monkeypatch):
    rng = np.random.default_rng(0)
    images = rng.random((3, 24, 6, 6, 1)).astype(np.float32)
    images += np.arange(3).reshape(3, 1, 1, 1, 1)
    folds = [(each, each[:, :3].mean((1, 2, 3)) > each.mean((1, 2, 3)))
             for each in images]  # fmt: skip
    layers = keras.layers
    form = [layers.Conv2D(4, 3), layers.BatchNormalization(momentum=0.0), layers.ReLU(),
            layers.Flatten(), layers.Dense(2)]  # fmt: skip
    network = keras.Sequential([keras.Input((6, 6, 1)), *form])
    rings, made = [], diffusion.set_beside

    def keep(copies, **options):
        rings.append(copies)
        return made(copies, **options)

    monkeypatch.setattr(diffusion, "set_beside", keep)
    before = network.get_weights()
    found = hm.diffuse(network, folds, 1 / 3, epochs=2)
    assert found.loss.shape == (3, 3) and float(found.spread) == pytest.approx(
        0, abs=1e-5
    )
    first, second, _ = (copy.get_weights() for copy in rings[0])
    for one, other, old in zip(first, second, before, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
        assert np.any(one != old)
