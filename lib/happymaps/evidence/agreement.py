"""How far two ways to name the same units agree."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import cohen_kappa_score, roc_auc_score


def kappa(first: Sequence[str], second: Sequence[str]) -> float:
    """Return Cohen's kappa of two lists of classes.

    `(agreement - chance) / (1 - chance)`, chance being the agreement of lists with the
    same shares of classes: 1 for the same lists, 0 for unrelated ones. NaN where both
    name the same single class, or nothing.

    Source: Cohen 1960, doi:10.1177/001316446002000104.
    """
    if len(set(first) | set(second)) < 2:
        return float("nan")
    return float(cohen_kappa_score(list(first), list(second)))


def auroc(scores: np.ndarray, is_so: np.ndarray) -> float:
    """Return how well a score tells those that are so from those that are not.

    The probability that one of them has the higher score: 0.5 by chance. Scores that
    are not numbers are left out; NaN where only one of the two is left.
    """
    known = np.isfinite(scores)
    scores, is_so = np.asarray(scores)[known], np.asarray(is_so, bool)[known]
    if is_so.all() or not is_so.any():
        return float("nan")
    return float(roc_auc_score(is_so, scores))
