"""Times of contenders that take turns, and the ratios between them.

A machine that others use is slower at one time than at another. Contenders that take
turns meet the same disturbances, and the median of the rounds leaves out the worst.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

OURS = "happymaps"
MILLISECONDS = 1000.0


class Timing(NamedTuple):
    """A piece of work and its time.

    Attributes:
        maps: How many maps were made.
        steps: Of each map.
        seconds: For all of them.
    """

    maps: int
    steps: int
    seconds: float


def measure(
    work: Callable[[], object],
    maps: int,
    steps: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Return how long `work` takes by a clock in seconds."""
    started = clock()
    work()
    return Timing(maps, steps, clock() - started)


def take_turns(
    contenders: Mapping[str, Callable[[], Timing]], rounds: int
) -> pd.DataFrame:
    """Time the contenders one after the other, round after round.

    Args:
        contenders: Name to a function that does its work once.
        rounds: How often.

    Returns:
        A row per contender and round, in the order of the runs: `contender`, `round`,
        `maps`, `steps`, `seconds`.
    """
    rows = [
        {"contender": name, "round": number, **run()._asdict()}
        for number in range(rounds)
        for name, run in contenders.items()
    ]
    return pd.DataFrame(rows)


def compare(
    runs: pd.DataFrame, *, by: Sequence[str] = (), num_steps: int | None = 200
) -> pd.DataFrame:
    """Return medians, spread and ratios of runs.

    Args:
        runs: Of `take_turns`, with further columns that tell workloads apart.
        by: Names of these columns.
        num_steps: Steps of a map that the times are given for. Runs with another
            number are extrapolated in proportion; `timed_steps` tells which. None for
            times as they are.

    Returns:
        A row per workload and contender:

        - `ratio`: median time per map, over that of `happymaps`; how many times as fast
          `happymaps` is;
        - `ratio_low`, `ratio_high`: the same of the single rounds, lowest and highest;
        - `ms_per_map`, `ms_low`, `ms_high`: milliseconds, median and spread;
        - `maps_per_second`: from the median;
        - `maps`, `timed_steps`: of a run.
    """
    by, runs = list(by), runs.copy()
    share = 1 if num_steps is None else num_steps / runs["steps"]
    runs["ms"] = MILLISECONDS * runs["seconds"] / runs["maps"] * share
    ours = runs[runs["contender"] == OURS].set_index([*by, "round"])["ms"]
    runs = runs.join(ours.rename("ours"), on=[*by, "round"])
    runs["ratio"] = runs["ms"] / runs["ours"]
    groups = runs.groupby([*by, "contender"], sort=False)
    medians = groups["ms"].median()
    return pd.DataFrame(
        {
            "ratio": medians / groups["ours"].median(),
            "ratio_low": groups["ratio"].min(),
            "ratio_high": groups["ratio"].max(),
            "ms_per_map": medians,
            "ms_low": groups["ms"].min(),
            "ms_high": groups["ms"].max(),
            "maps_per_second": MILLISECONDS / medians,
            "maps": groups["maps"].first(),
            "timed_steps": groups["steps"].first(),
        }
    )


def median_ratio(comparison: pd.DataFrame, contender: str) -> float:
    """Return the median over all workloads of how much faster we are than another."""
    return float(comparison.xs(contender, level="contender")["ratio"].median())


def least_ratio(comparison: pd.DataFrame, contender: str) -> float:
    """Return the smallest of the same."""
    return float(comparison.xs(contender, level="contender")["ratio"].min())
