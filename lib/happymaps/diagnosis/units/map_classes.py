"""What a map shows, told from the map and from gray images, never from a kernel."""

import numpy as np

from happymaps.diagnosis.units.kernel_classes import patch_shares
from happymaps.diagnosis.units.thresholds import Thresholds


def measure_patches(maps: np.ndarray) -> dict[str, np.ndarray]:
    """Return the shares of `edge` and `line` of each unit's maps, mean over starts.

    Args:
        maps: Shape (units, starts, height, width, colors).
    """
    units, starts = maps.shape[:2]
    if min(maps.shape[2:4]) < 3:
        return {name: np.full(units, np.nan) for name in ("edge", "line")}
    shares = patch_shares(maps.reshape(-1, *maps.shape[2:]))
    return {
        name: _mean(values.reshape(units, starts)) for name, values in shares.items()
    }


def classify_maps(
    edge: np.ndarray,
    line: np.ndarray,
    is_brightness: np.ndarray,
    thresholds: Thresholds,
) -> np.ndarray:
    """Return the class of each unit's maps.

    `"mean"` if uniform gray does most of what the map does; else `"edge"` or `"line"`
    by the share of its 3x3 patches; else `"mixed"`; `"flat"` if it has no pattern.
    These are the words of `classify_kernels`, so that the two can be compared.

    Args:
        edge: Share of edges in the maps' patches, shape (units,); NaN if flat.
        line: Share of lines.
        is_brightness: Whether gray alone excites the unit.
        thresholds: Limits.
    """
    limit = thresholds.map_share
    return np.select(
        [is_brightness, np.isnan(edge), edge > limit, line > limit],
        ["mean", "flat", "edge", "line"],
        "mixed",
    )


def _mean(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(axis=-1)
    count = known.sum(axis=-1)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
