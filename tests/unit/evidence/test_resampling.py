"""Intervals over networks drawn again."""

import numpy as np
import pytest

import happymaps as hm


def test_interval_of_parts_that_are_alike_is_a_point():
    assert hm.evidence.resampled_interval(lambda parts: parts[0], [3.0] * 5) == (
        3.0,
        3.0,
    )


def test_interval_of_a_mean_is_about_two_standard_errors_wide():
    values = np.random.default_rng(1).normal(size=100)
    low, high = hm.evidence.resampled_interval(np.mean, values, num_draws=4000)
    error = values.std() / 10
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.02)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.02)


def test_few_parts_have_no_interval():
    assert hm.evidence.resampled_interval(np.mean, [1.0, 2.0]) == (-np.inf, np.inf)
    assert hm.evidence.resampled_interval(np.mean, [1.0, 2.0], least=2) == (1.0, 2.0)


def test_draws_without_a_statistic_are_left_out():
    def positive(parts):
        return np.mean(parts) if min(parts) > 0 else np.nan

    assert hm.evidence.resampled_interval(positive, [0.0, 2.0, 2.0, 2.0]) == (2.0, 2.0)
    assert hm.evidence.resampled_interval(positive, [0.0] * 4) == (-np.inf, np.inf)


def test_infinite_statistics_have_infinite_ends():
    assert hm.evidence.resampled_interval(np.median, [1.0, np.inf, np.inf])[1] == np.inf


def test_draws_are_those_of_the_seed():
    values = list(np.random.default_rng(2).normal(size=9))
    first, again, other = (
        hm.evidence.resampled_interval(np.mean, values, seed=seed) for seed in (4, 4, 5)
    )
    assert first == again != other
