"""What the variables of a result mean, and in which unit."""

from collections.abc import Mapping

import xarray as xr


def label_variables(
    result: xr.Dataset, meanings: Mapping[str, tuple[str, str]]
) -> xr.Dataset:
    """Return a result whose variables say what they are.

    Args:
        result: A data set.
        meanings: For each variable to label, its `long_name` and its `units`.

    Raises:
        KeyError: The result has no such variable.
    """
    labeled = result.copy()
    for name, (meaning, unit) in meanings.items():
        labeled[name].attrs = {"long_name": meaning, "units": unit}
    return labeled
