"""What can be said of many networks: of their maps, of pairs of them, of their forms.

A pair of networks is no independent observation, since each network is in many pairs.
So the null model of a relation between two kinds of likeness permutes networks, and its
interval resamples networks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage, stats

_LEAST_NETWORKS = 6  # with fewer, a resample is often made of two or three
_LEAST_SEEDS = 3  # two accuracies often differ by the same few images by chance


class PairCorrelation(NamedTuple):
    """How two kinds of likeness go together over the pairs of networks.

    Attributes:
        correlation: Spearman's, in [-1, 1]; NaN if nothing varies.
        interval: 95 %, networks resampled; (-inf, inf) for fewer than 6 networks.
        p_value: Share of permutations of networks that correlate as much or more.
        num_pairs: Pairs for which all is known.
    """

    correlation: float
    interval: tuple[float, float]
    p_value: float
    num_pairs: int


def local_contrast(maps: np.ndarray, *, size: int = 5) -> np.ndarray:
    """Return the standard deviation in the neighborhood of each pixel.

    Stripes that differ in phase alone have the same: it tells where a map is lively,
    not how.

    Args:
        maps: Shape `(..., height, width, channels)`; colors are averaged.
        size: Height and width of a neighborhood, in pixels; borders are repeated.

    Returns:
        float64 of shape (..., height, width, 1), in the unit of the maps.
    """
    planes = np.asarray(maps, np.float64).mean(axis=-1)
    window = (*(0 for _ in planes.shape[:-2]), size, size)
    mean, square = (
        ndimage.uniform_filter(values, window, mode="nearest")
        for values in (planes, planes**2)
    )
    return np.sqrt(np.maximum(square - mean**2, 0))[..., None]


def agreement_table(predicted: np.ndarray, *, corrected: bool = False) -> np.ndarray:
    """Return on what share of images each pair of networks names the same class.

    Args:
        predicted: Class indices, shape `(networks, images)`.
        corrected: Cohen's kappa instead, `(share - chance) / (1 - chance)`, where
            chance is the share of two networks that name each class as often, but
            independently. NaN where both always name the same one.

    Returns:
        float64 of shape (networks, networks).

    Source: Cohen 1960, doi:10.1177/001316446002000104.
    """
    predicted = np.asarray(predicted)
    share = (predicted[:, None] == predicted[None]).mean(axis=-1)
    if not corrected:
        return share
    named = np.stack([(predicted == c).mean(axis=1) for c in np.unique(predicted)])
    chance = named.T @ named
    unknown = np.full_like(share, np.nan)
    return np.divide(share - chance, 1 - chance, out=unknown, where=chance < 1 - 1e-12)


def correlate_pairs(
    first: np.ndarray,
    second: np.ndarray,
    *,
    controls: Sequence[np.ndarray] = (),
    num_resamples: int = 2000,
    seed: int = 0,
) -> PairCorrelation:
    """Return the rank correlation of two likenesses over all pairs of networks.

    With controls, the partial one: the correlation of what is left of the ranks of both
    after a linear fit on the ranks of the controls. The null model permutes the
    networks of `first` against those of all others (Mantel's test); the p-value is
    one-sided, for "the more alike, the more alike". A network that is drawn twice into
    a resample is not paired with itself.

    Sources: Mantel 1967; Smouse, Long & Sokal 1986, doi:10.2307/2413122 (with
    controls); Snijders & Borgatti 1999 (resampled networks).

    Args:
        first: Symmetric, shape (networks, networks); the diagonal is left out, as are
            pairs with a NaN anywhere.
        second: The same shape.
        controls: Further tables of that shape.
        num_resamples: Of the interval, and permutations of the null model, >= 1.
        seed: Of both.

    Raises:
        ValueError: Tables of different shapes, or fewer than three networks.
    """
    tables = [np.asarray(table, float) for table in (first, second, *controls)]
    size = len(tables[0])
    if size < 3 or any(table.shape != (size, size) for table in tables):
        raise ValueError(
            "Expected square tables of equal shape for 3 networks or more. Received: "
            f"shapes {[table.shape for table in tables]}. Build all from one list of "
            "networks."
        )
    rng, pairs = np.random.default_rng(seed), np.triu_indices(size, k=1)
    values = np.stack([table[pairs] for table in tables])
    found = _rank_correlation(values)
    count = int(np.isfinite(values).all(axis=0).sum())
    if np.isnan(found):
        return PairCorrelation(found, (-np.inf, np.inf), float("nan"), count)
    as_much = 0
    for _ in range(num_resamples):
        order = rng.permutation(size)
        mixed = tables[0][np.ix_(order, order)][pairs]
        as_much += _rank_correlation(np.stack([mixed, *values[1:]])) >= found - 1e-12
    p_value = (1 + as_much) / (1 + num_resamples)
    interval = _resampled_interval(tables, num_resamples, rng)
    return PairCorrelation(found, interval, float(p_value), count)


def paired_effects(measured: pd.DataFrame, *, baseline: str) -> pd.DataFrame:
    """Return by how much forms differ from one of them, seed by seed.

    Args:
        measured: A column per measure; the index has the levels `form` and `seed`.
        baseline: The form that the others are compared with.

    Returns:
        A row per form (but the baseline) and measure: `difference` (mean over the seeds
        that both have), `low` and `high` (Student's 95 % interval), `p_value` (paired t
        test, two-sided) and `adjusted`, the same after Holm's correction for all rows.
        Both are NaN for fewer than three seeds.

    Raises:
        ValueError: No such form.
    """
    from happymaps.evidence.claims import mean_interval

    forms = list(dict.fromkeys(measured.index.get_level_values("form")))
    if baseline not in forms:
        raise ValueError(
            f"baseline must be one of {', '.join(forms)}. Received: {baseline!r}. "
            "Measure that form too."
        )
    differences = {
        (form, measure): (measured.loc[form] - measured.loc[baseline])[measure].dropna()
        for form in forms
        if form != baseline
        for measure in measured
    }
    rows = {
        key: (values.mean(), *mean_interval(values), _paired_p_value(values))
        for key, values in differences.items()
    }
    index = pd.MultiIndex.from_tuples(rows, names=["form", "measure"])
    columns = ["difference", "low", "high", "p_value"]
    table = pd.DataFrame(list(rows.values()), index=index, columns=columns)
    return table.assign(adjusted=adjust_by_holm(table["p_value"]))


def adjust_by_holm(p_values: Sequence[float]) -> np.ndarray:
    """Return p-values adjusted for their number, in the order given.

    The k-th smallest of n is multiplied by n + 1 - k, none falls below one before it,
    none exceeds 1. Where one lies below 0.05, the chance that any of its like is a
    false alarm is at most 5 %. NaN stay, and do not count.

    Source: Holm 1979, Scandinavian Journal of Statistics 6, 65-70.
    """
    p_values = np.asarray(p_values, float)
    adjusted = np.full(p_values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    scaled = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(scaled))
    return adjusted


def _paired_p_value(differences: pd.Series) -> float:
    if len(differences) < _LEAST_SEEDS:
        return float("nan")
    mean, error = float(differences.mean()), float(stats.sem(differences))
    if error < 1e-12:  # scipy warns of what only looks like certainty
        return float(abs(mean) < 1e-12)
    return float(2 * stats.t.sf(abs(mean) / error, len(differences) - 1))


def _rank_correlation(values: np.ndarray) -> float:
    """Return the correlation of the first two rows, given the others; NaN if none."""
    values = values[:, np.isfinite(values).all(axis=0)]
    if values.shape[1] <= len(values):
        return float("nan")
    ranks = stats.rankdata(values, axis=1)
    first, second, *others = ranks - ranks.mean(axis=1, keepdims=True)
    if others:
        design = np.stack(others, axis=1)
        pair = np.stack([first, second], axis=1)
        fit = np.linalg.lstsq(design, pair, rcond=None)[0]
        first, second = (pair - design @ fit).T
    # What a fit leaves of a table that the controls explain is rounding.
    least = 1e-9 * values.shape[1] ** 3
    if min(first @ first, second @ second) < least:
        return float("nan")
    return float(first @ second / np.sqrt((first @ first) * (second @ second)))


def _resampled_interval(
    tables: list[np.ndarray], num_resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    size = len(tables[0])
    if size < _LEAST_NETWORKS:
        return -np.inf, np.inf
    pairs = np.triu_indices(size, k=1)
    found = []
    for _ in range(num_resamples):
        drawn = rng.integers(size, size=size)
        rows, columns = drawn[pairs[0]], drawn[pairs[1]]
        apart = rows != columns
        chosen = [table[rows[apart], columns[apart]] for table in tables]
        found.append(_rank_correlation(np.stack(chosen)))
    low, high = np.nanquantile(found, [0.025, 0.975])
    return float(low), float(high)
