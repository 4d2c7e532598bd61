"""Batches fit into memory, and no map depends on the batch that it is in."""

import numpy as np
import pytest

from happymaps.backend import keras
from happymaps.maps.engine import batch_sizes
from happymaps.maps.engine.batch_sizes import batch_multiple, plan_batches
from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import channel, unit
from happymaps.maps.optimizers import Adam
from happymaps.maps.parameterizations import Fourier
from happymaps.maps.regularizers import LpNorm, Penalty, TotalVariation
from happymaps.maps.scoring import BatchedObjectives
from happymaps.maps.settings import AscentSettings
from happymaps.maps.transforms import Jitter
from happymaps.networks.models import build_cnn

SHAPE = (13, 15, 1)  # of odd sizes: remainders of vectors are where code differs


@pytest.fixture(scope="module")
def model():
    return build_cnn(SHAPE, 2, filters=(5, 6), dense_units=(7,))


@pytest.fixture(scope="module")
def batched(model):
    return BatchedObjectives(model, [unit("dense_2", 0)], "leaky")


@pytest.mark.parametrize(
    ("charged", "options", "expected"),
    [
        ((LpNorm(), TotalVariation()), {}, 1),
        ((), {"optimizer": Adam()}, 1),
        ((LpNorm(p=3),), {}, 16),
        ((TotalVariation(beta=1.5),), {}, 16),
        ((Penalty(lambda images: images[:, 0, 0, 0]),), {}, 16),
        ((), {"parameterization": Fourier()}, 16),
        ((), {"transforms": (Jitter(1),)}, 16),
    ],
)
def test_multiple_is_one_where_all_parts_are_known(batched, charged, options, expected):
    assert (
        batch_multiple(batched, charged, AscentSettings(SHAPE, **options)) == expected
    )


def test_large_images_of_whole_vectors_need_no_fillers_and_score_the_same():
    layers = [
        keras.Input((64, 64, 3)),
        *(keras.layers.Conv2D(64, 3, 1, "same", activation="relu") for _ in range(8)),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(4, name="logits"),
    ]
    model = keras.Sequential(layers)
    objectives = [unit("logits", index) for index in range(4)]
    batched = BatchedObjectives(model, objectives, "leaky")
    settings = AscentSettings((64, 64, 3), parameterization=Fourier())
    assert batch_multiple(batched, (), settings) == 1
    assert batch_multiple(batched, (Penalty(lambda images: images),), settings) == 16
    many = maximize(model, objectives, look="smooth", num_steps=2, batch_size=4)
    (one,) = objectives[2:3]
    alone = maximize(model, one, look="smooth", num_steps=2, batch_size=1)
    # Adam enlarges the last bits of small slopes; the score is what must not change.
    np.testing.assert_allclose(
        alone.score_history[0], many.score_history[2], rtol=1e-3, atol=1e-6
    )


@pytest.mark.parametrize(
    ("count", "asked", "threads", "sizes"),
    [
        (1, None, 2, [1]),
        (5, None, 1, [5]),
        (5, None, 2, [3, 2]),
        (33, None, 2, [17, 16]),
        (64, None, 4, [16, 16, 16, 16]),
        (100, None, 2, [25, 25, 25, 25]),
        (100, 64, 1, [50, 50]),
        (10, 3, 1, [3, 3, 3, 1]),
    ],
)
def test_slices_are_equal_and_keep_all_threads_busy(
    batched, monkeypatch, count, asked, threads, sizes
):
    monkeypatch.setattr(batch_sizes, "num_threads", lambda: threads)
    settings = AscentSettings(SHAPE, batch_size=asked)
    plan = plan_batches(count, batched, (), settings)
    parts = [len(range(count)[chosen]) for chosen in plan.slices]
    assert (parts, plan.size, plan.threads) == (sizes, sizes[0], threads)


def test_slices_are_whole_multiples(batched, monkeypatch):
    monkeypatch.setattr(batch_sizes, "num_threads", lambda: 2)
    settings = AscentSettings(SHAPE, parameterization=Fourier())
    assert plan_batches(40, batched, (), settings).slices == [
        slice(0, 32), slice(32, 64)
    ]  # fmt: skip


def test_callbacks_run_in_one_thread(batched, monkeypatch):
    monkeypatch.setattr(batch_sizes, "num_threads", lambda: 2)
    settings = AscentSettings(SHAPE, callback=print)
    assert plan_batches(40, batched, (), settings).threads == 1


def test_size_follows_from_the_activations():
    inputs = keras.Input((512, 512, 1))
    values = keras.layers.Conv2D(16, 1, name="first")(inputs)
    model = keras.Model(inputs, keras.layers.Conv2D(4, 1, name="second")(values))
    batched = BatchedObjectives(model, [channel("second", 0)], "leaky")
    assert batched.network.values_per_image == 512 * 512 * 20
    # 12 bytes a value: 62.9 MB an image, 8 of which fit into half a gigabyte.
    # A large network's operations are split among all cores, whatever their number.
    plan = plan_batches(16, batched, (), AscentSettings((512, 512, 1)))
    assert (plan.size, plan.threads) == (8, 1)


# Few steps: the sign of a step enlarges a last bit, and which bits are equal depends on
# the processor.
@pytest.mark.parametrize("layer", ["conv2d_1", "conv2_2", "dense_2"])
def test_a_map_does_not_depend_on_the_batch(model, layer):
    make = channel if layer.startswith("conv") else unit
    objectives = [make(layer, 0), make(layer, 1)]
    options = {"num_steps": 5, "seeds": 5, "sign": ("happy", "sad")}
    whole = maximize(model, objectives, batch_size=64, **options)
    assert len(np.unique(whole["image"].values.reshape(20, -1), axis=0)) > 10
    for size in (1, 16, None):  # all alone, with a remainder, as is chosen
        check_same_maps(maximize(model, objectives, batch_size=size, **options), whole)


def test_a_single_map_is_the_one_in_a_crowd(model):
    crowd = maximize(model, [unit("dense_1", i) for i in range(7)], num_steps=5)
    for index in (0, 6):
        alone = maximize(model, unit("dense_1", index), num_steps=5)
        check_same_maps(alone, crowd.isel(objective=[index]))


def check_same_maps(first, second):
    for name in ("image", "score_history", "loss_history"):
        np.testing.assert_allclose(first[name], second[name], rtol=1e-4, atol=1e-5)
