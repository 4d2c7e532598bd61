"""Counts, fits, rates and messages whose truth is known by hand."""

import dataclasses
import io
import itertools
import json

import numpy as np
import pandas as pd
import pytest

from experiments.benchmarks.measures import diagnosis_growth
from experiments.benchmarks.measures.ceilings import measure_ceilings
from experiments.benchmarks.measures.diagnosis_growth import (
    measure_diagnosis_growth,
)
from experiments.benchmarks.measures.frames import read_frame, write_frame
from experiments.benchmarks.measures.growth import fit_exponent, growth_exponents
from experiments.benchmarks.measures.operations import flop_per_step, gflops
from experiments.benchmarks.measures.report import format_table, to_plain
from experiments.benchmarks.measures.settings import benchmark_settings
from experiments.benchmarks.measures.step_profile import KINDS, profile_step, shares
from experiments.benchmarks.measures.time_to_score import first_sufficient


@pytest.fixture(scope="module")
def small_network(keras):
    """Return a chain of which every product can be counted by hand.

    first: 6 x 6 positions, 3 x 3 x 1 x 2 weights: 648 products; second: 2 x 2 positions
    (after pooling to 3 x 3), 2 x 2 x 2 x 4 weights: 128; out: 16 x 3 weights: 48.
    """
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(2, 3, name="first"),
            keras.layers.MaxPooling2D(name="pool"),
            keras.layers.Conv2D(4, 2, name="second"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(3, name="out"),
        ]
    )


@pytest.mark.parametrize(
    ("layer", "products"),
    [("first", 648 // 2), ("second", 648 + 128 // 4), ("out", 648 + 128 + 48 // 3)],
)
def test_operations_are_those_of_the_layers_below_and_one_channel(
    small_network, layer, products
):
    # Twice for multiplication and addition, twice for forward and gradient.
    assert flop_per_step(small_network, layer) == 4 * products


def test_layer_without_operations_is_refused(small_network):
    with pytest.raises(ValueError, match="Received: 'pool'"):
        flop_per_step(small_network, "pool")


def test_rate_is_operations_over_time(small_network):
    # 4 * 324 operations a step, 1000 steps in 1.296 ms: 1e9 a second.
    rate = gflops(small_network, "first", 1.296, num_steps=1000)
    assert rate == pytest.approx(1.0)


def test_exponent_of_a_power_law_is_found():
    sizes = np.array([1, 10, 100, 1000])
    assert fit_exponent(sizes, 3 * sizes**1.5) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("sizes", "seconds"), [([1], [1]), ([1, 2], [0, 1]), ([1, 2], [1, 2, 3])]
)
def test_exponent_of_no_power_law_is_refused(sizes, seconds):
    with pytest.raises(ValueError, match="two or more points, all positive"):
        fit_exponent(sizes, seconds)


def test_exponents_are_fitted_to_the_upper_half_of_the_sizes():
    sizes = [1, 2, 4, 8, 16, 32]
    seconds = [16, 16, 4, 8, 16, 32]  # a base cost at first, then in proportion
    growth = pd.DataFrame({"quantity": "maps", "size": sizes, "seconds": seconds})
    assert growth_exponents(growth)["maps"] == pytest.approx(1.0)


def test_a_diagnosis_grows_in_units_images_and_pixels(monkeypatch):
    settings = dataclasses.replace(
        benchmark_settings("quick"), diagnosis_factors=(1, 4)
    )
    points, ticks = [], iter(range(100))
    monkeypatch.setattr(
        diagnosis_growth, "diagnose",
        lambda model, data, **_: points.append(
            (model.layers[1].filters, len(data), data.images[0].size)
        ),
    )  # fmt: skip
    found = measure_diagnosis_growth(settings, clock=lambda: next(ticks))
    assert points[1:] == [(8, 128, 960)] * 3 + [
        (32, 128, 960), (8, 512, 960), (8, 128, 3840)
    ]  # fmt: skip
    sizes = found.groupby("quantity")["size"].apply(list)
    assert sizes.to_dict() == {
        "images": [128, 512], "pixels": [960, 3840], "units": [8, 32]
    }  # fmt: skip
    assert found["seconds"].tolist() == [1] * 6


def test_first_sufficient_step_count_is_found_and_no_more_is_tried():
    tried = []

    def reach(steps):
        tried.append(steps)
        return steps / 10

    assert first_sufficient((1, 2, 4, 8), reach, 0.3) == (4, 0.4)
    assert tried == [1, 2, 4]
    assert first_sufficient((1, 2), reach, 0.3) == (-1, 0.2)


def test_message_comes_back_as_it_went():
    stream = io.BytesIO()
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(1, bool)}
    write_frame(stream, {"request": "x", "deep": [1, None]}, arrays)
    write_frame(stream, {}, {})
    stream.seek(0)
    fields, received = read_frame(stream)
    assert fields == {"request": "x", "deep": [1, None]}
    assert received.keys() == arrays.keys()
    np.testing.assert_array_equal(received["a"], arrays["a"])
    assert received["a"].dtype == np.float32
    assert read_frame(stream) == ({}, {})
    assert read_frame(stream) is None


def test_message_that_is_cut_short_is_none():
    stream = io.BytesIO()
    write_frame(stream, {}, {"a": np.arange(100)})
    assert read_frame(io.BytesIO(stream.getvalue()[:-5])) is None


def test_message_with_objects_is_not_read():
    stream = io.BytesIO()
    write_frame(stream, {}, {"a": np.array([{}], dtype=object)})
    stream.seek(0)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_frame(stream)


def test_rates_are_positive_and_those_of_the_best_run():
    # Every run takes one second by this clock.
    found = measure_ceilings((2,), clock=itertools.count().__next__)
    assert found["matmul_gflops"] == pytest.approx(2 * 2**3 / 1e9)
    assert found["copy_gigabytes"] == pytest.approx(2 * 2**28 / 1e9)


def test_unknown_profile_is_refused():
    with pytest.raises(ValueError, match="Did you mean 'quick'"):
        benchmark_settings("quik")


def test_table_is_printed_with_three_digits_and_kept_in_full():
    index = pd.MultiIndex.from_tuples([("conv", "ours")], names=["layer", "contender"])
    table = pd.DataFrame({"ratio": [12.3456], "ms": [12345.6], "maps": [3]}, index)
    lines = format_table(table).splitlines()
    assert lines[-1].split() == ["conv", "ours", "12.3", "12,346", "3"]
    assert to_plain(table) == [
        {"layer": "conv", "contender": "ours", "ratio": 12.3456, "ms": 12345.6}
        | {"maps": 3}
    ]
    assert json.loads(json.dumps(to_plain(pd.Series({"a": 1.5})))) == {"a": 1.5}
    assert format_table(pd.Series(dtype=float)) == "not measured in this profile"


def test_shares_of_a_step_are_of_the_kinds_that_the_names_tell():
    found = shares(
        [
            ("while/body/Conv2D:_MklNativeConv2D", 3.0),
            ("while/gradient_tape/Conv2DBackpropInput:Conv2DBackpropInput", 2.0),
            ("while/PartitionedCall_1:PartitionedCall", 1.0),
            ("while/MaxPool:_MklMaxPool", 1.0),
            ("while/MatMul_3:_MklMatMul", 1.0),
            ("while/removed/Mul:Mul", 2.0),
        ],
        steps=5,
    )
    assert found["convolution, forward"] == pytest.approx(0.3)
    assert found["convolution, backward"] == pytest.approx(0.2)
    assert found["pooling"] == pytest.approx(0.2)
    assert found["matrix products"] == pytest.approx(0.1)
    assert found["the rest"] == pytest.approx(0.2)
    assert found["ms per step and map"] == 2.0


def test_a_profiled_step_has_all_its_parts(keras):
    network = keras.Sequential(
        [
            keras.Input((12, 13, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(4, 2, name="looked_at"),
        ]
    )
    found = profile_step(network, "looked_at", maps=2, num_steps=4)
    assert found[list(KINDS)].sum() == pytest.approx(1)
    assert (found[["convolution, forward", "pooling", "the rest"]] > 0).all()
