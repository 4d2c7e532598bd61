"""Contrast of maps, agreement of networks, and how the two go together."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from happymaps.evidence.populations import (
    adjust_by_holm,
    agreement_table,
    correlate_pairs,
    local_contrast,
    paired_effects,
)


def symmetric(size: int, seed: int = 0) -> np.ndarray:
    table = np.random.default_rng(seed).random((size, size))
    return table + table.T


# ---------------------------------------------------------------------------- contrast


def test_stripes_of_another_phase_have_the_same_contrast():
    stripes = np.tile([0.0, 1.0], (2, 8, 4))[..., None]
    stripes[1] = 1 - stripes[1]
    # Of 5 columns, 2 or 3 are white: the variance is 0.4 x 0.6 away from the border.
    found = local_contrast(stripes, size=5)
    assert found.shape == (2, 8, 8, 1)
    np.testing.assert_allclose(found[:, :, 2:-2], np.sqrt(0.24), atol=1e-9)
    np.testing.assert_allclose(found[0], found[1], atol=1e-9)
    np.testing.assert_allclose(local_contrast(np.full((1, 4, 4, 1), 0.3)), 0, atol=1e-7)


# --------------------------------------------------------------------------- agreement


def test_agreement_is_the_share_of_equal_answers():
    found = agreement_table([[0, 1, 1, 0], [0, 1, 0, 0], [1, 0, 0, 1]])
    np.testing.assert_allclose(found, [[1, 0.75, 0], [0.75, 1, 0.25], [0, 0.25, 1]])


def test_kappa_is_cohens():
    sklearn_metrics = pytest.importorskip("sklearn.metrics")
    predicted = np.random.default_rng(4).integers(0, 3, size=(3, 50))
    found = agreement_table(predicted, corrected=True)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        expected = sklearn_metrics.cohen_kappa_score(predicted[i], predicted[j])
        assert found[i, j] == pytest.approx(expected)


def test_kappa_of_two_that_always_say_the_same_is_unknown():
    found = agreement_table([[1, 1], [1, 1], [1, 0]], corrected=True)
    assert np.isnan(found[0, 1])
    assert found[0, 2] == pytest.approx(0)


# -------------------------------------------------------------------- pairs of networks


def test_a_relation_of_pairs_is_spearmans():
    first, second = symmetric(9, 1), symmetric(9, 2)
    pairs = np.triu_indices(9, k=1)
    found = correlate_pairs(first, second, num_resamples=20)
    expected = stats.spearmanr(first[pairs], second[pairs]).statistic
    assert found.correlation == pytest.approx(expected)
    assert found.num_pairs == 36


def test_a_monotone_relation_is_perfect_and_no_permutation_reaches_it():
    first = symmetric(8)
    found = correlate_pairs(first, np.exp(first), num_resamples=199)
    assert found.correlation == pytest.approx(1)
    assert found.interval == pytest.approx((1, 1))
    assert found.p_value == pytest.approx(1 / 200)


def test_what_a_control_explains_is_taken_out():
    rng = np.random.default_rng(5)
    control, noise = symmetric(12, 6), [symmetric(12, seed) for seed in (7, 8)]
    first, second = (10 * control + each for each in noise)
    plain = correlate_pairs(first, second, num_resamples=20)
    partial = correlate_pairs(first, second, controls=[control], num_resamples=20)
    # The formula of a partial correlation of three, on ranks.
    pairs = np.triu_indices(12, k=1)
    r = stats.spearmanr(np.stack([t[pairs] for t in (first, second, control)]).T)[0]
    expected = r[0, 1] - r[0, 2] * r[1, 2]
    expected /= np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    assert plain.correlation > 0.95
    assert partial.correlation == pytest.approx(expected)
    shuffled = rng.permutation(12)
    # Whatever order the networks come in, the pairs are the same.
    again = correlate_pairs(
        *(table[np.ix_(shuffled, shuffled)] for table in (first, second)),
        controls=[control[np.ix_(shuffled, shuffled)]],
        num_resamples=20,
    )
    assert again.correlation == pytest.approx(partial.correlation)


def test_a_table_that_its_control_explains_wholly_leaves_nothing():
    table = symmetric(7)
    found = correlate_pairs(symmetric(7, 3), table, controls=[table])
    assert np.isnan(found.correlation)
    assert found.interval == (-np.inf, np.inf)


def test_permuting_networks_is_stricter_than_permuting_pairs():
    """One odd network makes all of its pairs odd, in both tables, by chance alone."""
    odd = np.zeros(10)
    odd[3] = 5
    first, second = (
        odd[:, None] + odd + 0.01 * symmetric(10, seed) for seed in (10, 11)
    )
    found = correlate_pairs(first, second, num_resamples=999)
    pairs = np.triu_indices(10, k=1)
    naive = stats.spearmanr(first[pairs], second[pairs])
    # The right network is the odd one in a tenth of all permutations.
    assert 0.01 < found.p_value < 0.2
    assert naive.pvalue < found.p_value / 3


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    held = 0
    for seed in range(20):
        one, two = (symmetric(12, 100 + seed * 2 + k) for k in (0, 1))
        low, high = correlate_pairs(one, two, num_resamples=100).interval
        held += low <= 0 <= high
    assert held >= 16


def test_what_a_network_is_to_itself_does_not_count():
    first, second = symmetric(8, 1), symmetric(8, 2)
    found = correlate_pairs(first, second, num_resamples=30)
    np.fill_diagonal(first, 9)
    np.fill_diagonal(second, 9)
    assert correlate_pairs(first, second, num_resamples=30) == found


def test_few_networks_have_no_interval():
    found = correlate_pairs(symmetric(5), symmetric(5, 1), num_resamples=20)
    assert found.interval == (-np.inf, np.inf)
    assert np.isfinite(found.correlation)


def test_pairs_of_unknown_likeness_are_left_out():
    first, second = symmetric(8), symmetric(8)
    first[2, 5] = first[5, 2] = np.nan
    found = correlate_pairs(first, second, num_resamples=20)
    assert found.num_pairs == 27
    assert found.correlation == pytest.approx(1)


def test_tables_of_other_networks_are_refused():
    with pytest.raises(ValueError, match="one list of networks"):
        correlate_pairs(symmetric(5), symmetric(4))


# ------------------------------------------------------------------------------- forms


def forms_table(**values) -> pd.DataFrame:
    index = pd.MultiIndex.from_product(
        [["standard", "small"], [0, 1, 2]], names=["form", "seed"]
    )
    return pd.DataFrame(values, index=index)


def test_forms_are_compared_seed_by_seed():
    measured = forms_table(a=[1, 2, 3, 2, 4, 6], b=[5, 5, 5, 5, 5, 5])
    found = paired_effects(measured, baseline="standard")
    effect = found.loc["small", "a"]
    expected = stats.ttest_rel([2, 4, 6], [1, 2, 3])
    assert effect.difference == pytest.approx(2)
    assert effect.p_value == pytest.approx(expected.pvalue)
    ci = expected.confidence_interval(0.95)
    assert (effect.low, effect.high) == pytest.approx((ci.low, ci.high))
    assert effect.adjusted == pytest.approx(2 * expected.pvalue)
    assert found.loc["small", "b"].p_value == 1


def test_a_seed_that_one_form_lacks_is_left_out():
    measured = forms_table(a=[1, 2, np.nan, 2, 4, 6])
    effect = paired_effects(measured, baseline="standard").loc["small", "a"]
    assert effect.difference == pytest.approx(1.5)


def test_two_seeds_that_differ_alike_prove_nothing():
    measured = forms_table(a=[1, 2, np.nan, 2, 3, 6])
    effect = paired_effects(measured, baseline="standard").loc["small", "a"]
    assert np.isnan(effect.p_value)
    assert np.isnan(effect.adjusted)


def test_an_unknown_baseline_is_named():
    with pytest.raises(ValueError, match="standard, small"):
        paired_effects(forms_table(a=range(6)), baseline="large")


def test_holm_is_that_of_his_paper():
    # By hand: 4 x .01, 3 x .02 = .06, 2 x .03 = .06 and 1 x .5; the NaN does not count.
    found = adjust_by_holm([0.5, 0.03, np.nan, 0.01, 0.02])
    np.testing.assert_allclose(found, [0.5, 0.06, np.nan, 0.04, 0.06])
    np.testing.assert_allclose(adjust_by_holm([0.9, 0.8]), [1, 1])
