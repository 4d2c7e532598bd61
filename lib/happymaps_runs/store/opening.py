"""The results of a sweep as one labeled object."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from happymaps.base.messages import unknown_name
from happymaps_runs.netcdf import read_arrays
from happymaps_runs.store.functions import RESULT
from happymaps_runs.store.lists import read_sweeps
from happymaps_runs.store.run_store import RunStore

if TYPE_CHECKING:
    import xarray as xr

# Of a result: dimensions and values by name.
Arrays = dict[str, tuple[Sequence[str], np.ndarray]]


class State(NamedTuple):
    """What a sweep tells of a point beside its result, see `open_sweep`."""

    status: str
    key: str
    page: str


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
    points, axes = description["points"], description["axes"]
    is_grid = bool(axes) and len(points) == np.prod([len(v) for v in axes.values()])
    damaged, states, results = {}, [], []
    for point in points:
        result, state, problem = _read_point(store, point)
        states.append(state)
        results.append(result)
        if problem:
            damaged[point["key"]] = problem
    try:
        stacked = _stack(results, states)
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


def _read_point(store: RunStore, point: dict) -> tuple[Arrays, State, str]:
    """Return the arrays of a point's run, how it stands, and what is wrong with it."""
    key, page, arrays = point["key"], point["page"], {}
    record, problem, status = store.find(key), "", "missing"
    if record or store.folder(key).exists():
        name = RESULT if (record or {}).get("function") else "metrics.json"
        problem = "; ".join(store.problems(key, only=(name,)))
    if record and not problem:
        status = "completed"
        if record.get("function"):
            arrays = read_arrays(store.folder(key) / RESULT)
        else:
            arrays = _numbers(store.folder(key))
    elif store.find_failure(key):
        status = "failed"
    shown = page if (store.folder(page) / "notebook.ipynb").is_file() else ""
    own = point["parameters"]
    arrays = {name: each for name, each in arrays.items() if name not in own}
    return arrays, State(status, key, shown), problem


def _stack(results: list[Arrays], states: list[State]) -> "xr.Dataset":
    """Return results and states along a new dimension, `point`.

    Those of one form are stacked at once: thousands of data sets joined one by one
    take minutes.
    """
    import xarray as xr

    forms: dict[tuple, list[int]] = {}
    for index, result in enumerate(results):
        forms.setdefault(_form(result), []).append(index)
    groups = [
        _stack_equal([results[i] for i in like], [states[i] for i in like])
        for like in forms.values()
    ]
    order = np.argsort([index for like in forms.values() for index in like])
    joined = xr.concat(
        _with_all_variables(_equal_sizes(groups)), "point", data_vars="all",
        coords="minimal", compat="override", join="outer", combine_attrs="drop",
    )  # fmt: skip
    return joined.isel(point=order)


def _form(result: Arrays) -> tuple:
    """Return what results must share to be stacked: all but the values of variables."""
    return tuple(
        (
            name,
            tuple(dims),
            values.shape,
            values.dtype.kind,
            _labels(name, dims, values),
        )
        for name, (dims, values) in sorted(result.items())
    )


def _labels(name: str, dims: Sequence[str], values: np.ndarray) -> tuple:
    return tuple(values.tolist()) if [*dims] == [name] else ()


def _stack_equal(results: list[Arrays], states: list[State]) -> "xr.Dataset":
    import xarray as xr

    first, variables = results[0], {}
    for name, (dims, values) in first.items():
        variables[name] = (dims, values)
        if [*dims] != [name]:
            stacked = np.stack([result[name][1] for result in results])
            variables[name] = (("point", *dims), stacked)
    told = zip(State._fields, zip(*states, strict=True), strict=True)
    return xr.Dataset(variables | {name: ("point", [*texts]) for name, texts in told})


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
            if name not in result.coords and name != "point" and size < sizes[name]
        }
        for result in results
    ]
    return [
        result.pad(short) if short else result
        for result, short in zip(results, missing, strict=True)
    ]


def _with_all_variables(groups: list["xr.Dataset"]) -> list["xr.Dataset"]:
    """Return groups of which each has the variables of all, NaN where it had none."""
    known = {name: each for group in groups for name, each in group.data_vars.items()}
    return [
        group.assign(
            {
                name: each.isel(point=[0] * group.sizes["point"]).where(False)
                for name, each in known.items()
                if name not in group
            }
        )
        for group in groups
    ]


def _numbers(folder: Path) -> Arrays:
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return {
        name: ((), np.array(float(value)))
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
