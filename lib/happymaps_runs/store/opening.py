"""The results of a sweep as one labeled object."""

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from happymaps.base.messages import unknown_name
from happymaps_runs.netcdf import read_arrays
from happymaps_runs.store.functions import RESULT
from happymaps_runs.store.lists import read_sweeps
from happymaps_runs.store.run_store import RunStore

if TYPE_CHECKING:
    import xarray as xr


def open_sweep(name: str, store: str | Path = "reports/store") -> "xr.Dataset":
    """Return all results of a sweep, one dimension for each parameter of its grid.

    Sweeps that list points have the dimension `point` instead, with the parameters as
    coordinates along it.

    Args:
        name: Of the sweep, as its file without ending.
        store: Folder of the run store.

    Returns:
        The variables of the functions' results, or the numbers of the notebooks'
        `metrics.json`; NaN where a run is missing. Beside them `status` ("completed",
        "failed", "missing"), `key` and `page` (folder of the notebook's run, "" where
        there is none). A dimension that is longer in some results than in others, such
        as held-out images of folds, has the longest size, and NaN after the end of the
        shorter ones. The attributes tell title, notebook, function and, as JSON, the
        `parameters` that all share and `damaged`: by their keys the runs whose files
        are not as they were left. These count as missing, with a warning.

    Raises:
        ValueError: No such store or sweep, or results that do not go together.
    """
    found, damaged = RunStore(store), []
    sweeps = {sweep["name"]: sweep for sweep in read_sweeps(found, damaged.append)}
    if name not in sweeps:
        message = f"{found.root}: {unknown_name('sweep', name, sweeps)}"
        raise ValueError(" ".join([message, *damaged]))
    assembled = assemble(found, sweeps[name])
    for key, reason in json.loads(assembled.attrs["damaged"]).items():
        warnings.warn(f"{found.folder(key)} is left out: {reason}.", stacklevel=2)
    return assembled


def assemble(store: RunStore, description: dict) -> "xr.Dataset":
    """Return the results of the sweep that a `sweep.json` describes."""
    import xarray as xr

    points, axes = description["points"], description["axes"]
    is_grid = bool(axes) and len(points) == np.prod([len(v) for v in axes.values()])
    damaged = {
        point["key"]: "; ".join(problems)
        for point in points
        if (problems := _problems(store, point["key"]))
    }
    results = _equal_sizes(
        [_result(store, point, point["key"] in damaged) for point in points]
    )
    try:
        stacked = xr.concat(
            results, "point", data_vars="all", coords="minimal", compat="override",
            join="outer", combine_attrs="drop",
        )  # fmt: skip
    except ValueError as error:
        raise ValueError(
            f"The results of {description['name']} must be of one form. Received: "
            f"{error}"
        ) from error
    stacked = _unstack(stacked, axes) if is_grid else _label_points(stacked, points)
    keys = ("name", "title", "notebook", "function", "created")
    stacked.attrs = {key: description.get(key) or "" for key in keys}
    stacked.attrs["parameters"] = json.dumps(description["parameters"])
    stacked.attrs["damaged"] = json.dumps(damaged)
    return stacked


def _problems(store: RunStore, key: str) -> list[str]:
    record = store.find(key) or {}
    name = RESULT if record.get("function") else "metrics.json"
    return store.problems(key, only=(name,))


def _result(store: RunStore, point: dict, is_damaged: bool) -> "xr.Dataset":
    import xarray as xr

    key, page, status = point["key"], point["page"], "missing"
    result = xr.Dataset()
    record = store.find(key)
    if record and not is_damaged:
        status = "completed"
        if record.get("function"):
            result = read_arrays(store.folder(key) / RESULT)
        else:
            result = xr.Dataset(_numbers(store.folder(key)))
    elif store.find_failure(key):
        status = "failed"
    shown = page if (store.folder(page) / "notebook.ipynb").is_file() else ""
    own = [name for name in point["parameters"] if name in result.variables]
    return result.drop_vars(own).assign(status=status, key=key, page=shown)


def _equal_sizes(results: list["xr.Dataset"]) -> list["xr.Dataset"]:
    """Return results whose unlabeled dimensions have the sizes of the longest ones."""
    sizes = {}
    for result in results:
        for name, size in result.sizes.items():
            sizes[name] = max(size, sizes.get(name, 0))
    missing = [
        {
            name: (0, sizes[name] - size)
            for name, size in result.sizes.items()
            if name not in result.coords and size < sizes[name]
        }
        for result in results
    ]
    return [
        result.pad(short) if short else result
        for result, short in zip(results, missing, strict=True)
    ]


def _numbers(folder: Path) -> dict[str, float]:
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return {
        name: float(value)
        for name, value in metrics.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _unstack(stacked: "xr.Dataset", axes: dict[str, list]) -> "xr.Dataset":
    """Return a dataset whose first axis, the points, is cut into those of the grid."""
    import xarray as xr

    sizes = [len(values) for values in axes.values()]
    variables = {}
    for name, variable in stacked.variables.items():
        if "point" not in variable.dims:
            variables[name] = variable
            continue
        variable = variable.transpose("point", ...)
        values = variable.values.reshape(*sizes, *variable.shape[1:])
        variables[name] = ((*axes, *variable.dims[1:]), values, variable.attrs)
    coordinates = {name: variables.pop(name) for name in stacked.coords}
    coordinates |= {name: _axis(values) for name, values in axes.items()}
    return xr.Dataset(variables, coordinates)


def _label_points(stacked: "xr.Dataset", points: list[dict]) -> "xr.Dataset":
    names = points[0]["parameters"]
    labels = {
        name: ("point", _axis([point["parameters"][name] for point in points]))
        for name in names
    }
    return stacked.assign_coords(labels)


def _axis(values: list) -> list:
    lists = any(isinstance(value, list) for value in values)
    return [json.dumps(value) for value in values] if lists else values
