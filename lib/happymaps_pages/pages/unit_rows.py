"""The units of a diagnosis as rows of a table, tiles of a sheet, and CSV."""

import math

import numpy as np
import xarray as xr

from happymaps_pages.html import map_pictures as pictures
from happymaps_pages.html.text import format_number

# Column -> how it is headed, and what it is.
COLUMNS = {
    "on_rate": ("on", "share of images and positions with an output above 0"),
    "repeatability_raw": ("pixels repeat", "correlation of its maps, start to start"),
    "null_raw": ("chance", "the same between different units: 95 % lie below"),
    "repeatability_spectral": ("spectrum repeats", "the same of power spectra"),
    "null_spectral": ("chance", "the same between different units: 95 % lie below"),
    "brightness_response": ("gray alone", "share of the gain that gray alone gives"),
    "duplicate_correlation": ("most alike", "highest correlation of outputs"),
    "ablation_loss_change": ("loss without it", "change of cross-entropy, nat"),
}

_TOLD = ("dead", "always-on", "duplicate")  # kinds that need no map


def units_csv(units: xr.Dataset) -> bytes:
    """Return a row per unit: layer, channel, kind, and all that is not a picture."""
    flat = units.drop_vars([n for n in units.variables if units[n].dims != ("unit",)])
    table = flat.to_dataframe().reset_index(drop=True)
    first = ["layer", "channel", "kind"]
    rest = [name for name in flat.data_vars if name not in first]
    return table[[*first, *rest]].to_csv(index=False, lineterminator="\n").encode()


def describe_units(units: xr.Dataset) -> list[dict]:
    """Return what the page shows of each unit, without those that nothing is known of.

    Returns:
        `layer`, `channel`, `name`, `kind`, `slug` (of the kind), `reason`, `place`
        (among the units), `map` (place among the maps, None without), `maps` (whether
        there is a happy and a sad map), and `cells`: (text, number or `""` to sort by).
    """
    names = [name for name in COLUMNS if name in units]
    maps = _map_places(units)
    found = [
        {
            "layer": str(one["layer"].values),
            "channel": int(one["channel"].values),
            "name": f"{one['layer'].values}[{int(one['channel'].values)}]",
            "kind": str(one["kind"].values),
            "slug": str(one["kind"].values).replace(" ", "-"),
            "reason": str(one["reason"].values),
            "place": place,
            "map": maps.get(place),
            "maps": [_has_map(units, maps, place, side) for side in ("happy", "sad")],
            "cells": [_cell(float(one[name].values), name) for name in names],
        }
        for place, one in ((i, units.isel(unit=i)) for i in range(units.sizes["unit"]))
    ]
    # Hundreds of rows that say nothing would hide the others.
    return [each for each in found if each["map"] is not None or each["kind"] in _TOLD]


def unit_columns(units: xr.Dataset) -> list[tuple[str, str]]:
    """Return heading and meaning of each of the `cells`."""
    return [COLUMNS[name] for name in COLUMNS if name in units]


def pack_units(units: xr.Dataset) -> tuple[dict[str, bytes], dict[str, dict]]:
    """Return the sheets of happy and sad maps, and what the script must know."""
    files, layouts = {}, {}
    for side in ("happy", "sad"):
        maps = units[f"{side}_image"].transpose(..., "y", "x", "color").values
        count, height, width = maps.shape[:3]
        packing = pictures.plan_packing(max(count, 1), height, width)
        pixels = np.array([pictures.stretch_map(m).pixels for m in maps], np.uint8)
        sheets = pictures.pack_sheets(pixels, packing) if count else []
        found = {f"maps/{side}-{i}.webp": data for i, data in enumerate(sheets)}
        files |= found
        layouts[side] = {
            "height": height,
            "width": width,
            "perSheet": packing.per_sheet,
            "columns": packing.columns,
            "sheets": list(found),
            "count": count,
        }
    return files, layouts


def _map_places(units: xr.Dataset) -> dict[int, int]:
    """Return by position of a unit the position of its maps."""
    by_map = units["happy_image"].dims[0] == "map"
    mapped = units["map"].values if by_map else range(units.sizes["unit"])
    return {int(unit): position for position, unit in enumerate(mapped)}


def _has_map(units: xr.Dataset, maps: dict[int, int], place: int, side: str) -> bool:
    if place not in maps:
        return False
    return bool(np.isfinite(units[f"{side}_image"].values[maps[place]]).all())


def _cell(value: float, name: str) -> tuple[str, float | str]:
    if not math.isfinite(value):
        return "–", ""
    sign = "+" if name.endswith("_change") and value > 0 else ""
    rounded = 0.0 if abs(value) < 5e-5 else float(f"{value:.2g}")
    return f"{sign}{format_number(rounded)}" if rounded else "0", value
