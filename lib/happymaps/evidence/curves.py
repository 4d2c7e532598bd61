"""How far apart curves are, whichever points each was measured at."""

from collections.abc import Sequence

import numpy as np
from numpy.polynomial import Legendre
from scipy.spatial.distance import pdist, squareform


def curve_distances(
    curves: Sequence, domain: tuple[float, float] = (-1.0, 1.0)
) -> np.ndarray:
    """Return how far apart polynomials are as functions, not as lists of coefficients.

    `d(p, q)^2` is the integral of `(p - q)^2` over the domain. With the coefficients
    `c_l` of Legendre's polynomials, stretched to the domain of length L, it is
    `L / 2` times the sum of `2 / (2 l + 1) (c_l(p) - c_l(q))^2`. Fit each curve to its
    own points, `numpy.polynomial.Legendre.fit(x, y, deg=3, domain=domain)`: no two need
    to share a point.

    Args:
        curves: Series of `numpy.polynomial`, of any basis, domain and degree.
        domain: From where to where they are compared, in the units of their argument.
            A fit says nothing about places beyond its points.

    Returns:
        Distances `(curves, curves)`, >= 0, in the units of the values times the square
        root of those of the argument.

    Raises:
        TypeError: What is no series, such as a bare list of coefficients.
        ValueError: A domain that does not rise, or coefficients that are not finite.
    """
    low, high = (float(each) for each in domain)
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"domain must rise from a number to another, got {domain}")
    rows = []
    for at, curve in enumerate(curves):
        if not hasattr(curve, "convert"):
            raise TypeError(
                f"curve {at} must be a series of numpy.polynomial, got "
                f"{type(curve).__name__}; of coefficients, lowest order first, "
                "numpy.polynomial.Polynomial(coefficients) makes one"
            )
        rows.append(curve.convert(domain=(low, high), kind=Legendre).coef)
    table = np.zeros((len(rows), max(map(len, rows), default=0)))
    for row, coefficients in zip(table, rows, strict=True):
        row[: len(coefficients)] = coefficients
    if not np.isfinite(table).all():
        raise ValueError("the coefficients of each curve must be finite numbers")
    lengths = np.sqrt((high - low) / (2 * np.arange(table.shape[1]) + 1))
    return squareform(pdist(table * lengths))
