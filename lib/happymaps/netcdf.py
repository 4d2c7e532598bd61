"""Labeled arrays as files: NetCDF 4, compressed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr


def check_dataset(dataset: object) -> None:
    """Raise ValueError unless it is an `xarray.Dataset`."""
    if not hasattr(dataset, "to_netcdf"):
        raise ValueError(
            f"dataset must be an xarray.Dataset. Received: {type(dataset).__name__}. "
            "Wrap arrays with xarray.Dataset({'maps': (dimensions, array)})."
        )


def write_dataset(dataset: "xr.Dataset", path: Path) -> None:
    """Write a dataset under another name, then put it in place.

    Attributes that NetCDF does not know (bool, None, dict) are stored as JSON text.

    Raises:
        ValueError: Not an `xarray.Dataset`.
    """
    check_dataset(dataset)
    storable = dataset.copy()
    for holder in (storable, *storable.variables.values()):
        holder.attrs = {key: _to_attribute(v) for key, v in holder.attrs.items()}
    numeric = [key for key, v in storable.variables.items() if v.ndim and _is_number(v)]
    partial = path.with_name(f".{path.name}")
    compression = {key: {"zlib": True, "complevel": 4} for key in numeric}
    storable.to_netcdf(partial, engine="h5netcdf", encoding=compression)
    partial.replace(path)


def _to_attribute(value: object) -> object:
    known = value is not None and not isinstance(value, bool | Mapping | Path)
    return value if known else json.dumps(value, default=str)


def _is_number(variable: "xr.Variable") -> bool:
    return variable.dtype.kind in "biuf"
