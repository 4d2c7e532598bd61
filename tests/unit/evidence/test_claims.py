"""Intervals against published and hand-worked values, and the table of verdicts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from happymaps.evidence.claims import (
    claims_table,
    judge,
    mean_difference_interval,
    mean_interval,
    proportion_interval,
    share_claim,
    value_claim,
)

UNKNOWN = (-np.inf, np.inf)


def wilson(count: int, total: int) -> tuple[float, float]:
    """Return Wilson's interval from its formula, z = 1.959964."""
    z, share = 1.959963984540054, count / total
    center = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total)
    half *= np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return center - half, center + half


# --------------------------------------------------------------------------- intervals


@pytest.mark.parametrize(
    ("count", "total", "expected"),
    [
        # Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3.
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_interval_agrees_with_published_values(count, total, expected):
    np.testing.assert_allclose(proportion_interval(count, total), expected, atol=5e-5)


@settings(deadline=None)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_follows_its_formula_and_holds_the_share(counts):
    count, total = counts
    low, high = proportion_interval(count, total)
    np.testing.assert_allclose((low, high), wilson(count, total), atol=1e-9)
    assert 0 <= low <= count / total <= high <= 1


def test_wilson_interval_of_all_is_the_mirror_image_of_none():
    low, high = proportion_interval(10, 10)
    assert (1 - high, 1 - low) == pytest.approx(proportion_interval(0, 10))
    assert high == 1


def test_share_of_nothing_has_no_interval():
    assert proportion_interval(0, 0) == UNKNOWN


def test_mean_interval_is_students():
    # Mean 2, standard error 1/sqrt(3), t(0.975, 2) = 4.302653.
    half = 4.302653 / np.sqrt(3)
    assert mean_interval([1, 2, 3]) == pytest.approx((2 - half, 2 + half), abs=1e-6)
    assert mean_interval([1, np.nan, 2, 3]) == mean_interval([1, 2, 3])
    assert mean_interval([5, 5, 5]) == UNKNOWN  # nothing is known of the scatter


@pytest.mark.parametrize("interval", [mean_interval])
@pytest.mark.parametrize("values", [[], [1.0], [np.nan, 1.0, np.nan]])
def test_fewer_than_two_values_have_no_interval(interval, values):
    assert interval(values) == UNKNOWN


# ---------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.3, 0.4), "confirmed"),
        ((0.2, 0.6), "confirmed"),  # both bounds belong to the prediction
        ((0.2, 0.2), "confirmed"),
        ((0.1, 0.19), "refuted"),
        ((0.61, 0.9), "refuted"),
        ((0.1, 0.2), "cannot decide"),  # they have a single value in common
        ((0.6, 0.9), "cannot decide"),
        ((0.1, 0.3), "cannot decide"),
        ((0.5, 0.7), "cannot decide"),
        ((0.0, 1.0), "cannot decide"),
        (UNKNOWN, "cannot decide"),
        ((np.nan, np.nan), "cannot decide"),
    ],
)
def test_verdict_on_a_prediction_of_0_2_to_0_6(interval, verdict):
    assert judge(interval, (0.2, 0.6)) == verdict


def test_open_prediction_is_refuted_from_its_one_side_alone():
    at_least = (0.9, np.inf)
    assert judge((0.95, 0.99), at_least) == "confirmed"
    assert judge((0.95, np.inf), at_least) == "confirmed"
    assert judge((0.5, 0.89), at_least) == "refuted"
    assert judge(UNKNOWN, at_least) == "cannot decide"


def test_claims_table_rounds_and_names_what_is_unknown():
    table = claims_table(
        [
            ("left", "0.9 or more", 0.954, (0.9, 0.987), "confirmed"),
            ("right", "at most 2", 3.14159, UNKNOWN, "cannot decide"),
            ("up", "any", np.nan, (np.nan, np.nan), "cannot decide"),
            ("down", "any", None, (-1.0, -0.5), "refuted"),
        ]
    )
    assert table.index.name == "claim"
    assert table.reset_index().to_numpy().tolist() == [
        ["left", "0.9 or more", "0.954", "0.9 to 0.987", "confirmed"],
        ["right", "at most 2", "3.14", "none", "cannot decide"],
        ["up", "any", "-", "none", "cannot decide"],
        ["down", "any", "-", "-1 to -0.5", "refuted"],
    ]
    assert list(table) == ["predicted", "measured", "95 % interval", "verdict"]


def test_mean_difference_interval_is_that_of_welch():
    first, second = [1.0, 2.0, 3.0, 6.0], [0.0, 1.0, np.nan, 1.0]
    low, high = mean_difference_interval(first, second)
    reference = stats.ttest_ind(first, [0, 1, 1], equal_var=False).confidence_interval()
    assert (low, high) == pytest.approx((reference.low, reference.high))
    assert mean_difference_interval([1], [2, 3]) == (-np.inf, np.inf)
    assert mean_difference_interval([1, 1], [3, 3, 3]) == (-np.inf, np.inf)


def test_share_claim_is_judged_by_its_wilson_interval():
    claim = share_claim("a", "0.5 or more", 10, 10, (0.5, 1))
    assert claim == ("a", "0.5 or more", 1.0, proportion_interval(10, 10), "confirmed")
    assert share_claim("a", "b", 0, 0, (0, 0.5))[-1] == "not tested"


def test_value_claim_of_nothing_measured_is_not_tested():
    assert value_claim("a", "b", np.nan, UNKNOWN, (0, 1))[-1] == "not tested"
    assert value_claim("a", "b", 0.5, (0.4, 0.6), (0, 1))[-1] == "confirmed"
