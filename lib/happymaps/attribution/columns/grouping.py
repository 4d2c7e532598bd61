"""Groups of columns that tell much the same, and can stand in for each other."""

import numpy as np
from scipy import stats
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

ALIKE = 0.7  # |Spearman| from which on columns are a group


def group_columns(inputs: np.ndarray) -> list[list[int]]:
    """Return groups of columns with alike ranks, in order of their first columns.

    Average linkage of `1 - |Spearman's rho|`, cut where it is 0.3. A column that never
    varies is alone.

    Args:
        inputs: Shape (rows, columns).
    """
    columns = inputs.shape[1]
    if columns < 2:
        return [[0]] * columns
    ranks = stats.rankdata(inputs, axis=0)
    varies = np.flatnonzero(np.ptp(ranks, axis=0))
    alike = np.eye(columns)
    alike[np.ix_(varies, varies)] = np.abs(np.corrcoef(ranks[:, varies].T))
    apart = squareform(1 - np.clip(alike, 0, 1), checks=False)
    numbers = fcluster(linkage(apart, "average"), 1 - ALIKE, "distance")
    groups = [np.flatnonzero(numbers == n).tolist() for n in np.unique(numbers)]
    return sorted(groups)
