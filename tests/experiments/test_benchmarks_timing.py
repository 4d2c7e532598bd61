"""Turns, medians and ratios, with clocks and times that are known."""

import itertools

import pandas as pd
import pytest

from experiments.benchmarks.measures.timing import (
    Timing,
    compare,
    least_ratio,
    measure,
    median_ratio,
    take_turns,
)


def made_up(seconds, maps=1, steps=200):
    """Return a contender that took these seconds, round by round."""
    rounds = iter(seconds)
    return lambda: Timing(maps, steps, next(rounds))


def test_time_is_what_passes_on_the_clock():
    clock = itertools.count(5, 3).__next__
    assert measure(lambda: None, 4, 200, clock=clock) == Timing(4, 200, 3)


def test_contenders_take_turns():
    runs = take_turns({"a": made_up([1, 2]), "b": made_up([3, 4])}, rounds=2)
    assert runs["contender"].tolist() == ["a", "b", "a", "b"]
    assert runs["round"].tolist() == [0, 0, 1, 1]
    assert runs["seconds"].tolist() == [1, 3, 2, 4]


@pytest.fixture
def comparison():
    contenders = {
        "keras-vis": made_up([0.6, 0.9, 2.4], maps=2),
        "tf-keras-vis": made_up([0.1, 0.1, 0.1], steps=10),
        "happymaps": made_up([0.6, 0.9, 1.2], maps=30),
    }
    runs = take_turns(contenders, rounds=3).assign(layer="conv")
    return compare(runs, by=["layer"], num_steps=200)


def test_milliseconds_are_medians_per_map(comparison):
    row = comparison.loc["conv", "keras-vis"]
    assert row[["ms_per_map", "ms_low", "ms_high"]].tolist() == [450, 300, 1200]
    assert row["maps_per_second"] == pytest.approx(1 / 0.45)
    assert comparison.loc["conv", "happymaps"]["ms_per_map"] == pytest.approx(30)


def test_ratio_is_of_medians_and_its_spread_of_single_rounds(comparison):
    row = comparison.loc["conv", "keras-vis"]
    assert row["ratio"] == pytest.approx(450 / 30)
    assert row["ratio_low"] == pytest.approx(300 / 20)
    assert row["ratio_high"] == pytest.approx(1200 / 40)
    assert comparison.loc["conv", "happymaps"]["ratio"] == 1


def test_fewer_steps_are_extrapolated_and_told(comparison):
    row = comparison.loc["conv", "tf-keras-vis"]
    assert row["ms_per_map"] == pytest.approx(100 * 200 / 10)
    assert row["timed_steps"] == 10


def test_times_can_be_taken_as_they_are():
    runs = take_turns(
        {"keras-vis": made_up([0.4]), "happymaps": made_up([0.1], steps=5)}, rounds=1
    )
    assert compare(runs, num_steps=None).loc["keras-vis", "ratio"] == pytest.approx(4)


def test_workload_without_our_run_has_no_ratio():
    runs = take_turns({"keras-vis": made_up([0.4])}, rounds=1).assign(layer="a")
    both = {"keras-vis": made_up([0.4]), "happymaps": made_up([0.1])}
    runs = pd.concat([runs, take_turns(both, rounds=1).assign(layer="b")])
    ratios = compare(runs, by=["layer"])["ratio"]
    assert pd.isna(ratios["a", "keras-vis"])
    assert ratios["b", "keras-vis"] == pytest.approx(4)


def test_median_and_least_ratio_are_over_workloads():
    tables = [
        take_turns(
            {"keras-vis": made_up([ratio]), "happymaps": made_up([1])}, rounds=1
        ).assign(layer=str(ratio))
        for ratio in (4, 12, 9)
    ]
    found = compare(pd.concat(tables), by=["layer"])
    assert median_ratio(found, "keras-vis") == 9
    assert least_ratio(found, "keras-vis") == 4
