"""Large networks have some images and a few layers looked at, small ones all."""

import numpy as np
import pandas as pd
import pytest

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.diagnosis import effort as effort_module
from happymaps.diagnosis.effort import plan_effort

OPTIONS = {"maps_per_layer": 16, "seeds": 4, "num_steps": 100}


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
    found = plan_effort(deep(16, 6), blank(16, 500), None, **OPTIONS)
    assert found.num_images == 500 and found.num_relevance == 64
    assert found.layers == [*(f"conv_{block}" for block in range(6)), "head"]
    assert not found.left_out


def test_of_a_large_network_layers_are_spread_over_the_depth(monkeypatch):
    model, data = deep(16, 11), blank(16, 500)
    whole = plan_effort(model, data, None, **OPTIONS)
    # Values of the layers up to the last: 11 maps of 16x16x4, a mean and an output.
    largest = 11 * 16 * 16 * 4 + 4 + 2
    monkeypatch.setattr(effort_module, "_IMAGE_VALUES", 100 * largest)
    monkeypatch.setattr(effort_module, "_MAP_VALUES", 3e8)
    found = plan_effort(model, data, None, **OPTIONS)
    assert found.num_images == 100
    assert found.layers[0] == "conv_0" and found.layers[-1] == "head"
    assert sorted([*found.layers, *found.left_out]) == sorted(whole.layers)
    assert 3 <= len(found.layers) < 12
    places = [whole.layers.index(layer) for layer in found.layers]
    assert np.ptp(np.diff(places)) <= 1
    asked = plan_effort(model, data, ["conv_3", "conv_4"], **OPTIONS)
    assert asked.layers == ["conv_3", "conv_4"] and not asked.left_out


def test_long_work_is_told_beforehand():
    found = plan_effort(deep(16, 2), blank(16, 50), None, **OPTIONS)
    assert found.estimate(0.0) == ""
    seconds = 50 * 600 / found.passes
    assert found.estimate(seconds) == " (all that follows: about 10 min)"


@pytest.mark.parametrize("count", [1, 10, 64])
def test_few_images_are_all_looked_at(count):
    assert plan_effort(deep(8, 1), blank(8, count), None, **OPTIONS).num_images == count
