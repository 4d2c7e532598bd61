"""What a diagnosis of units adds up to, layer by layer."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import xarray as xr

from happymaps.diagnosis.units.kinds import KINDS


def count_units(units: xr.Dataset, sizes: Mapping[str, int]) -> dict:
    """Return how many units there are of each kind.

    Args:
        units: As `happymaps.diagnose_units` returns them.
        sizes: Name of a layer to the number of its units.

    Returns:
        `num_units` (in these layers), `num_examined`, `num_mapped` (with maps),
        `num_untold` (which cannot be told for want of a map), `kinds` (kind to number,
        in the order of `KINDS`, those that occur), `layers`: `name`, `num_units`,
        `num_examined`, `num_mapped`, `kinds`, `median_loss_change`
        (cross-entropy in nat, when one of those of kind noise is taken out), and
        `reasons`: why units with maps could not be told, to how many.
    """
    names = list(dict.fromkeys(units["layer"].values.tolist()))
    units = units.assign_coords(is_mapped=("unit", _find_mapped(units)))
    is_untold = units["kind"].values == "cannot tell"
    unclear = units["reason"].values[is_untold & units["is_mapped"].values]
    return {
        "num_units": int(sum(sizes[name] for name in names)),
        "num_examined": int(units.sizes["unit"]),
        "num_mapped": int(units["is_mapped"].sum()),
        "num_untold": int(np.sum(is_untold & ~units["is_mapped"].values)),
        "kinds": _count(units),
        "layers": [
            _describe_layer(units.isel(unit=units["layer"].values == name), sizes[name])
            for name in names
        ],
        "reasons": dict(Counter(map(str, unclear)).most_common()),
    }


def _describe_layer(units: xr.Dataset, size: int) -> dict:
    noisy = units.isel(unit=units["kind"].values == "noise")
    changes = np.asarray(noisy["ablation_loss_change"].values, float)
    known = changes[np.isfinite(changes)]
    return {
        "name": str(units["layer"].values[0]),
        "num_units": int(size),
        "num_examined": int(units.sizes["unit"]),
        "num_mapped": int(units["is_mapped"].sum()),
        "kinds": _count(units),
        "median_loss_change": float(np.median(known)) if len(known) else None,
    }


def _find_mapped(units: xr.Dataset) -> np.ndarray:
    """Return which units have maps: with a dimension of their own, those it names."""
    if "map" not in units.dims:
        return np.ones(units.sizes["unit"], bool)
    return np.isin(np.arange(units.sizes["unit"]), units["map"].values)


def _count(units: xr.Dataset) -> dict[str, int]:
    counts = Counter(map(str, units["kind"].values))
    order = [*KINDS, *sorted(set(counts) - set(KINDS))]
    return {kind: counts[kind] for kind in order if counts[kind]}
