"""Large networks have some images and a few layers looked at, small ones all."""

import numpy as np
import pandas as pd
import pytest

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.diagnosis import effort as effort_module
from happymaps.diagnosis.effort import Maps, plan_effort
from happymaps.networks.batches import WAY_BACK

ASKED = Maps(16, 4, 100)
# Numbers that a block makes and, 25 to one, its multiplications.
FIRST = 16 * 16 * 4 * (1 + 9 / 25)
BLOCK = 16 * 16 * 4 * (1 + 36 / 25)


def deep(size: int, blocks: int) -> keras.Model:
    inputs = values = keras.Input((size, size, 1))
    for block in range(blocks):
        values = keras.layers.Conv2D(4, 3, padding="same", name=f"conv_{block}")(values)
    values = keras.layers.GlobalAveragePooling2D()(values)
    return keras.Model(inputs, keras.layers.Dense(2, name="head")(values))


def blank(size: int, count: int) -> Dataset:
    images = np.zeros((count, size, size, 1), np.float32)
    labels = np.arange(count) % 2
    return Dataset("x", images, labels, ("a", "b"), pd.DataFrame({"file": labels}))


def test_a_small_network_is_looked_at_whole():
    found = plan_effort(deep(16, 6), blank(16, 500), None, ASKED)
    assert found.num_images == 500 and found.num_relevance == 64
    assert found.layers == [*(f"conv_{block}" for block in range(6)), "head"]
    assert not found.left_out and found.maps == found.asked == ASKED


def test_of_a_large_network_layers_are_spread_over_the_depth(monkeypatch):
    model, data = deep(16, 11), blank(16, 500)
    whole = plan_effort(model, data, None, ASKED)
    work = FIRST + 10 * BLOCK + 4 + 2 + 8 / 25
    assert whole.accuracy == pytest.approx(500 * work)
    monkeypatch.setattr(effort_module, "_IMAGE_WORK", 100.5 * work)
    # The last of twelve layers is as deep as 11 of convolution 10: half of the maps.
    monkeypatch.setattr(
        effort_module, "_MAP_WORK", WAY_BACK * 100 * 8 * 4 * 6 * (work / 2)
    )
    found = plan_effort(model, data, None, ASKED)
    assert found.num_images == 100
    assert found.layers[0] == "conv_0" and found.layers[-1] == "head"
    assert sorted([*found.layers, *found.left_out]) == sorted(whole.layers)
    assert 3 <= len(found.layers) < 12 and found.maps == ASKED
    places = [whole.layers.index(layer) for layer in found.layers]
    assert np.ptp(np.diff(places)) <= 1
    asked = plan_effort(model, data, ["conv_3", "conv_4"], ASKED)
    assert asked.layers == ["conv_3", "conv_4"] and not asked.left_out


@pytest.mark.parametrize(
    ("share", "expected"),
    [(1.1, (4, 4, 100)), (0.8, (4, 2, 100)), (0.4, (4, 2, 50)), (0.01, (2, 2, 50))],
)
def test_of_a_very_large_network_there_are_fewer_maps(monkeypatch, share, expected):
    model, data = deep(16, 3), blank(16, 8)
    three = FIRST + 1.5 * (FIRST + 2 * BLOCK)  # of its four; the last has two units
    monkeypatch.setattr(
        effort_module, "_MAP_WORK", share * WAY_BACK * 100 * 8 * 4 * three
    )
    wide = ASKED._replace(maps_per_layer=4)
    found = plan_effort(model, data, None, wide)
    assert found.maps == expected and len(found.layers) >= 3
    assert plan_effort(model, data, ["conv_1"], wide).maps == wide
    # More is never asked for than was.
    least = plan_effort(model, data, None, Maps(1, 2, 20)).maps
    assert least == (1, 2, 20)


def test_long_work_is_told_beforehand():
    found = plan_effort(deep(16, 2), blank(16, 50), None, ASKED)
    assert found.estimate(0.0) == ""
    seconds = 600 * found.accuracy / sum(found.stages)
    assert found.estimate(seconds) == " (all that follows: about 10 min)"
    # Of an image or two, the seconds are those that it takes to begin.
    few = found._replace(accuracy=sum(found.stages) / 20_000)
    assert few.estimate(seconds) == ""


@pytest.mark.parametrize("count", [1, 10, 64])
def test_few_images_are_all_looked_at(count):
    assert plan_effort(deep(8, 1), blank(8, count), None, ASKED).num_images == count
