"""How often scores of sound networks are beyond a threshold set on others."""

import numpy as np
import pandas as pd

from experiments.experiment7.measures.observers import CONTROLS
from happymaps.evidence.claims import proportion_interval

_ALARMS = 0.1  # of clean networks that are beyond the threshold, at most


def thresholds(scores: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return the score of each tool above which a tenth of clean networks lie at most.

    The least of calibration's clean ones above which another one lies with a
    probability of .1 or less, `1 - k / (n + 1)` for the k-th of n; left out where these
    are too few for that.
    """
    chosen = scores[(scores.pool == "calibration") & (scores.plant == "clean")]
    found = {}
    for key, mine in chosen.groupby(["tool", "observer"]).score:
        place = int(np.ceil((1 - _ALARMS) * (len(mine) + 1)))
        if place <= len(mine):
            found[key] = float(np.sort(mine)[place - 1])
    return found


def false_alarms(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the share of clean and benign test networks beyond each threshold (G3)."""
    limits = thresholds(scores)
    test = scores[(scores.pool == "test") & scores.plant.isin(CONTROLS)]
    rows = []
    for (tool, observer), limit in limits.items():
        mine = test[(test.tool == tool) & (test.observer == observer)]
        row = {"tool": tool, "observer": observer}
        for plant in CONTROLS:
            alarms = mine[mine.plant == plant].score > limit
            low, high = proportion_interval(int(alarms.sum()), len(alarms))
            row |= {plant: alarms.mean(), f"{plant}_low": low, f"{plant}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)
