import numpy as np
import pytest
from numpy.polynomial import Chebyshev, Legendre, Polynomial
from scipy.integrate import quad

from happymaps import curve_distances

_POLYNOMIALS = [
    Polynomial(each) for each in ([0, 0, -2, 0], [0, 1, 0, 1], [-3, 0, 0, 0])
]


def test_distances_known_by_hand():
    expected = [1.830951, 3.405877, 4.444365]
    found = curve_distances(_POLYNOMIALS)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_equals_the_integral_on_another_domain_in_any_basis():
    others = [Chebyshev([1, 2, 0.5], domain=(0, 4)), Legendre([0, 1], domain=(-3, 7))]
    curves = [*_POLYNOMIALS, *others]
    found = curve_distances(curves, domain=(2.0, 5.0))
    for i, one in enumerate(curves):
        for k, other in enumerate(curves):
            square = quad(lambda x, p=one, q=other: (p(x) - q(x)) ** 2, 2.0, 5.0)[0]
            assert found[i, k] == pytest.approx(np.sqrt(square), abs=1e-7)


def test_a_fit_to_other_points_of_the_same_curve_lies_at_zero():
    points = np.array([-1.0, -0.4, 0.1, 0.9]), np.array([-0.9, -0.2, 0.3, 0.7, 1.0])
    fits = [Legendre.fit(x, x**3 - x, deg=3, domain=(-1, 1)) for x in points]
    assert curve_distances(fits).max() < 1e-12


@pytest.mark.parametrize(
    ("curves", "domain", "error", "words"),
    [
        ([[1, 2, 3]], (-1, 1), TypeError, "curve 0 must be a series .* got list"),
        (_POLYNOMIALS, (1, -1), ValueError, r"domain must rise .* got \(1, -1\)"),
        ([Polynomial([np.nan])], (-1, 1), ValueError, "finite numbers"),
    ],
)
def test_bad_input_is_said(curves, domain, error, words):
    with pytest.raises(error, match=words):
        curve_distances(curves, domain)
