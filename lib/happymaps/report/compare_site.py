"""Comparisons, laid beside the sweeps of a store."""

from pathlib import Path

import xarray as xr

from happymaps.report.assets import asset_files
from happymaps.report.compare_page import compare_files
from happymaps.report.publish import add_files


def build_comparison(
    store: Path, name: str, left: xr.Dataset, right: xr.Dataset, names: tuple[str, str]
) -> Path:
    """Write the page of two sets of maps, and return its path.

    Args:
        store: The folder of the store.
        name: Of the comparison, a folder's name.
        left: As in `compare_files`.
        right: Likewise.
        names: What the two are called.
    """
    folder = f"compare/{name}"
    add_files(store, asset_files() | compare_files(left, right, names, folder))
    return store / folder / "index.html"
