"""Intervals, and verdicts on predictions that were written before the run."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

Interval = tuple[float, float]


def proportion_interval(count: int, total: int) -> Interval:
    """Return the 95 % Wilson interval of a share, each end in [0, 1].

    A share of nothing has no interval: (-inf, inf).

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    if total == 0:
        return -np.inf, np.inf
    found = stats.binomtest(int(count), int(total)).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def mean_interval(values: Sequence[float]) -> Interval:
    """Return the 95 % Student interval of the mean of a few measurements.

    Fewer than two values, or values that are all the same, do not tell how they
    scatter, and have no interval: (-inf, inf). NaN are left out.
    """
    values = np.asarray(values, float)
    values = values[~np.isnan(values)]
    if len(values) < 2 or not np.ptp(values):
        return -np.inf, np.inf
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return float(values.mean() - half), float(values.mean() + half)


def judge(interval: Interval, predicted: Interval) -> str:
    """Return what an interval says of a prediction.

    Args:
        interval: Lowest and highest plausible value.
        predicted: Lowest and highest value that the prediction allows.

    Returns:
        `"confirmed"` if the interval lies within the prediction, `"refuted"` if they
        have nothing in common, else `"cannot decide"`.
    """
    if predicted[0] <= interval[0] and interval[1] <= predicted[1]:
        return "confirmed"
    apart = interval[1] < predicted[0] or predicted[1] < interval[0]
    return "refuted" if apart else "cannot decide"


def mean_difference_interval(
    first: Sequence[float], second: Sequence[float]
) -> Interval:
    """Return the 95 % Welch interval of the mean of `first` less that of `second`.

    Source: Welch 1947, doi:10.1093/biomet/34.1-2.28. Fewer than two values on a side,
    or no scatter on either, have no interval: (-inf, inf). NaN are left out.
    """
    samples = [np.asarray(values, float) for values in (first, second)]
    samples = [values[~np.isnan(values)] for values in samples]
    if min(map(len, samples)) < 2:
        return -np.inf, np.inf
    if not any(np.ptp(values) for values in samples):
        return -np.inf, np.inf
    found = stats.ttest_ind(*samples, equal_var=False).confidence_interval(0.95)
    return float(found.low), float(found.high)


Claim = tuple[str, str, float, Interval, str]


def value_claim(
    claim: str, predicted: str, value: float, interval: Interval, bounds: Interval
) -> Claim:
    """Return a row of `claims_table` for a measured value.

    Args:
        claim: What was claimed.
        predicted: The prediction in words.
        value: What was measured; NaN if nothing was, then the verdict is "not tested".
        interval: Its 95 % interval.
        bounds: What the prediction allows.
    """
    verdict = "not tested" if np.isnan(value) else judge(interval, bounds)
    return claim, predicted, float(value), interval, verdict


def share_claim(
    claim: str, predicted: str, count: int, total: int, bounds: Interval
) -> Claim:
    """Return a row of `claims_table` for `count` of `total`, with Wilson's interval."""
    share = count / total if total else np.nan
    interval = proportion_interval(count, total)
    return value_claim(claim, predicted, share, interval, bounds)


def claims_table(rows: Sequence[Claim]) -> pd.DataFrame:
    """Return a table of (claim, prediction, measured, 95 % interval, verdict) rows."""
    table = pd.DataFrame(
        rows, columns=["claim", "predicted", "measured", "95 % interval", "verdict"]
    )
    table["measured"] = table["measured"].map(_number)
    table["95 % interval"] = [
        "none"
        if np.isinf(low) or np.isnan(low)
        else f"{_number(low)} to {_number(high)}"
        for low, high in table["95 % interval"]
    ]
    return table.set_index("claim")


def _number(value: float) -> str:
    return "-" if value is None or np.isnan(value) else f"{value:.3g}"
