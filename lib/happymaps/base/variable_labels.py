"""What the variables of a result mean, and in which unit."""

from collections.abc import Mapping

import xarray as xr


def label_variables(
    result: xr.Dataset, meanings: Mapping[str, tuple[str, str]]
) -> xr.Dataset:
    """Return a result whose variables say what they are.

    Args:
        result: A data set.
        meanings: By name of a variable its `long_name` and its `units`. One table may
            serve several results: names that this one lacks are passed over.
    """
    labeled = result.copy()
    for name in labeled.data_vars:
        if name in meanings:
            meaning, unit = meanings[name]
            labeled[name].attrs = {"long_name": meaning, "units": unit}
    return labeled
