"""Attributions reduced to one value per position, for show."""

import numpy as np
import xarray as xr

from happymaps.networks.checks import check_choice

REDUCTIONS = ("absolute", "signed", "positive")


def heatmap(attributions: xr.DataArray, *, reduce: str = "absolute") -> xr.DataArray:
    """Return attributions summed over their channels.

    Args:
        attributions: Of a method, such as `gradient`.
        reduce: `"absolute"` for `sum_c |a_c|`, `"signed"` for `sum_c a_c`, `"positive"`
            for `sum_c max(a_c, 0)`.

    Returns:
        float32 `heatmap` with dimensions `("image", "y", "x")`, those of positions in
        inputs of another kind; coordinates and attributes as they were, and `reduce`.

    Raises:
        ValueError: An unknown `reduce`.
        TypeError: Something else than a labeled array.
    """
    check_choice("reduce", reduce, REDUCTIONS)
    if not isinstance(attributions, xr.DataArray):
        raise TypeError(
            "Expected the attributions of a method, an xarray.DataArray. Received: "
            f"{type(attributions).__name__}."
        )
    parts = {
        "absolute": np.abs,
        "signed": lambda values: values,
        "positive": lambda values: values.clip(min=0),
    }
    values = parts[reduce](attributions)
    if "color" in values.dims:  # a table has none
        values = values.sum("color")
    attributes = {**attributions.attrs, "reduce": reduce}
    return values.astype(np.float32).rename("heatmap").assign_attrs(attributes)
