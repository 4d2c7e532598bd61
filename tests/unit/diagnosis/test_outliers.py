"""Outliers: the split by hand, ranks that are fair, and what each part answers to."""

import numpy as np
import pytest
from scipy import stats

import happymaps as hm
from happymaps.maps.priors import Prior

FLAT = Prior(np.zeros(2), np.array([[1.0, 0.0]]), np.array([4.0]), 1.0, (-9.0, 9.0))


def draw(count: int, seed: int) -> np.ndarray:
    """Return images (4, 5, 1) that differ along three directions, and a little."""
    rng = np.random.default_rng(seed)
    planted = np.linalg.qr(np.random.default_rng(9).normal(size=(20, 3)))[0]
    along = rng.normal(size=(count, 3)) * (3, 2, 1)
    return (along @ planted.T + 0.1 * rng.normal(size=(count, 20))).reshape(-1, 4, 5, 1)


def test_the_likelihood_and_its_parts_are_those_by_hand():
    images = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 3.0], [-2.0, 1.0]])
    inside, residual = FLAT.split_unlikeliness(images)
    np.testing.assert_allclose(inside, [0, 4, 0, 1])
    np.testing.assert_allclose(residual, [0, 0, 9, 1])
    found = FLAT.log_likelihood(images)
    assert found[0] == pytest.approx(-2.531024, abs=1e-6)
    normal = stats.multivariate_normal([0, 0], np.diag([4, 1]))
    np.testing.assert_allclose(found, normal.logpdf(images), rtol=0, atol=1e-8)


def test_known_images_have_fair_ranks_and_the_parts_tell_what_is_strange():
    known, others = draw(400, 0), draw(400, 1)
    found = hm.diagnosis.find_outliers(known, others)
    assert found.prior == hm.fit_prior(known[_learned(400)])
    share = (found.table.p <= 0.1).mean()
    assert 0.05 < share < 0.17 and found.num_copies == 0
    assert found.known.p.min() == 1 / 100 and found.known.p.max() == 1
    rng = np.random.default_rng(2)
    mixture = 8 * found.prior.eigenimages[:1] * np.sqrt(found.prior.variances[0])
    new = np.stack([mixture[0], rng.normal(size=(4, 5, 1)), found.prior.mean])
    table = hm.diagnosis.find_outliers(known, new + 0 * found.prior.mean).table
    assert list(table.mostly[:2]) == ["inside", "residual"]
    assert list(table.p) == [1 / 101, 1 / 101, 1]
    total = table.inside + table.residual + 2 * table.log_likelihood
    assert np.ptp(total) == pytest.approx(0, abs=1e-6)


def test_copies_of_what_was_fitted_are_counted():
    known = draw(40, 0)
    copies = known[_learned(40)[:3]]
    assert hm.diagnosis.find_outliers(known, copies).num_copies == 3


@pytest.mark.parametrize(
    ("known", "new", "message"),
    [
        (draw(19, 0), draw(1, 1), "at least 20 known"),
        (draw(30, 0), draw(3, 1)[:, :3], "of the known ones' shape"),
        (draw(30, 0), draw(0, 1), "of the known ones' shape"),
        (np.zeros((30, 4, 5, 1)), draw(1, 1), "Expected images that differ"),
    ],
)
def test_too_few_images_and_other_shapes_are_refused(known, new, message):
    with pytest.raises(ValueError, match=message):
        hm.diagnosis.find_outliers(known, new)


def _learned(count: int) -> np.ndarray:
    return np.delete(np.random.default_rng(0).permutation(count), np.s_[::4])
