"""Intervals of statistics that no formula covers, over networks drawn again."""

from collections.abc import Callable, Sequence

import numpy as np


def resampled_interval(
    statistic: Callable[[list], float],
    parts: Sequence,
    *,
    least: int = 3,
    num_draws: int = 400,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % percentile interval of a statistic over parts drawn again.

    The parts (networks, each with all its units) are drawn with replacement, as many as
    there are, so that units of one network stay together. Draws without a statistic
    (NaN) are left out.

    Source: the bootstrap of Efron 1979, doi:10.1214/aos/1176344552.

    Args:
        statistic: From a list of parts to a number.
        parts: What is drawn.
        least: With fewer parts there is no interval: (-inf, inf).
        num_draws: How often, >= 1.
        seed: Of the drawing.
    """
    if len(parts) < least:
        return -np.inf, np.inf
    draws = np.random.default_rng(seed).integers(
        len(parts), size=(num_draws, len(parts))
    )
    values = np.array([statistic([parts[i] for i in draw]) for draw in draws], float)
    values = values[~np.isnan(values)]
    if not len(values):
        return -np.inf, np.inf
    # Ends that are values: between a number and infinity lies nothing to be computed.
    low, high = np.quantile(values, [0.025, 0.975], method="nearest")
    return float(low), float(high)
