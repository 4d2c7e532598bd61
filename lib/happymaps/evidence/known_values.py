"""Statistics of the values that are known: NaN are left out."""

import numpy as np


def known_mean(values: np.ndarray) -> float:
    """Return the mean of values of any shape, NaN where none is known."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


def known_quantile(values: np.ndarray, share: float) -> float:
    """Return the quantile of values of any shape, NaN where none is known."""
    known = values[~np.isnan(values)]
    return float(np.quantile(known, share)) if len(known) else np.nan
