"""A sweep as its page tells it: `read_sweep(dataset) -> SweepData`.

Everything is flat: a point of the sweep is a number, the last axis counting fastest;
a map is `unit * num_points + point`.
"""

import json
import math
import re
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from happymaps.evidence.similarity import mean_similarity
from happymaps_pages.html.text import plain_name

STATUSES = ("completed", "failed", "missing")
_RESERVED = {"status", "key", "page", "image", "index"}
_PIXELS = ("y", "x", "color")
_TOTAL_VARIATION = re.compile(r"\btv\b")
REPEATABILITY = "repeatability"
_FIRST = ("score", "gain", REPEATABILITY)


@dataclass(frozen=True)
class Axis:
    """A parameter that varies: its values as text, and as numbers where they are.

    `columns` holds the parameters apart where one axis stands for several.
    """

    name: str
    label: str
    texts: tuple[str, ...]
    numbers: tuple[float, ...] | None = None
    columns: tuple["Axis", ...] = ()

    def __len__(self) -> int:
        """How many values it has."""
        return len(self.texts)


@dataclass(frozen=True)
class Measure:
    """A number of each point, `(1, points)`, or of each map, `(units, points)`."""

    name: str
    label: str
    values: np.ndarray


@dataclass(frozen=True)
class SweepData:
    """A sweep, see the module's docstring for the order of points and maps.

    Attributes:
        axes: The sweep's axes.
        num_units: Maps of a point, 1 where numbers and maps are of the point itself.
        statuses: One of `STATUSES` for each point.
        keys: The key of each point's run, empty where there is none.
        pages: The folder of the notebook that tells of each point, else empty.
        measures: Numbers; score, gain and repeatability first.
        notes: Texts of each point or map by label, shaped as in `Measure`.
        indices: The channel of each map, None where unknown, shape `(units, points)`.
        images: Shape `(units, points, y, x, color)`, NaN where there is none, or None.
    """

    name: str
    title: str
    notebook: str
    function: str
    created: str
    parameters: dict[str, object]
    axes: tuple[Axis, ...]
    num_units: int
    statuses: tuple[str, ...]
    keys: tuple[str, ...]
    pages: tuple[str, ...]
    measures: tuple[Measure, ...] = ()
    notes: dict[str, np.ndarray] = field(default_factory=dict)
    indices: np.ndarray | None = None
    images: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def counts(self) -> dict[str, int]:
        """How many points have each status."""
        return {status: self.statuses.count(status) for status in STATUSES}


def read_sweep(sweep: xr.Dataset) -> SweepData:
    """Return what the page shows of a sweep.

    Args:
        sweep: `status` and `key` over its axes; numbers and texts over these and
            `unit`; `image` over these, `unit`, `y`, `x` and `color`.

    Raises:
        ValueError: There is no `status` with at least one axis.
    """
    if "status" not in sweep or not sweep["status"].ndim:
        raise ValueError(
            "Expected a data set with the variable 'status' over the sweep's axes. "
            f"Received the variables {sorted(map(str, sweep.data_vars))}."
        )
    sweep = _name_units(sweep)
    dims = tuple(map(str, sweep["status"].dims))
    axes = tuple(_read_axis(sweep, name) for name in dims)
    images = _read_images(sweep, dims)
    statuses = tuple(map(_status, sweep["status"].values.ravel()))
    measures = [*_read_measures(sweep, dims), *_repeatability(axes, images)]
    measures.sort(key=lambda each: [each.name != name for name in _FIRST])
    return SweepData(
        **_describe(sweep),
        axes=axes,
        num_units=int(sweep.sizes.get("unit", 1)),
        statuses=statuses,
        keys=_read_folders(sweep, "key", len(statuses)),
        pages=_read_folders(sweep, "page", len(statuses)),
        measures=tuple(measures),
        notes=_read_notes(sweep, dims),
        indices=_read_indices(sweep, dims),
        images=images,
    )


def value_text(value: object) -> str:
    """Return the value of an axis: `0.001`, `conv_1`, `none`."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return f"{value:g}" if math.isfinite(value) else "none"
    return "none" if value is None else str(value)


def label_of(name: object) -> str:
    """Return a parameter's name as words: `tv_weight` as `TV weight`."""
    return _TOTAL_VARIATION.sub("TV", plain_name(name))


def _name_units(sweep: xr.Dataset) -> xr.Dataset:
    """Return the sweep with `unit` naming the maps of a point and nothing else."""
    if "unit" in sweep["status"].dims:
        sweep = sweep.rename(unit="unit parameter")
    is_other = "objective" in sweep.dims and "objective" not in sweep["status"].dims
    if is_other and "unit" not in sweep.dims:
        sweep = sweep.rename(objective="unit")
    return sweep


def _describe(sweep: xr.Dataset) -> dict[str, object]:
    names = ("name", "title", "notebook", "function", "created")
    texts = {name: str(sweep.attrs.get(name) or "") for name in names}
    texts["title"] = texts["title"] or plain_name(texts["name"]) or "Sweep"
    try:
        parameters = json.loads(str(sweep.attrs.get("parameters") or "{}"))
    except ValueError:
        parameters = {}
    return texts | {"parameters": parameters if isinstance(parameters, dict) else {}}


def _status(value: object) -> str:
    return str(value) if str(value) in STATUSES else "missing"


def _read_folders(sweep: xr.Dataset, name: str, count: int) -> tuple[str, ...]:
    if name not in sweep:
        return ("",) * count
    folders = sweep[name].transpose(*sweep["status"].dims).values
    return tuple(map(str, folders.ravel()))


def _read_axis(sweep: xr.Dataset, name: str) -> Axis:
    parts = [
        _make_axis(str(each), coordinate.values)
        for each, coordinate in sweep.coords.items()
        if each != name and coordinate.dims == (name,)
    ]
    if name in sweep.coords and not (name == "point" and parts):
        return _make_axis(name, sweep.coords[name].values)
    if not parts:
        return _make_axis(name, np.arange(sweep.sizes[name]))
    texts = [
        ", ".join(f"{part.label} {part.texts[index]}" for part in parts)
        for index in range(sweep.sizes[name])
    ]
    return Axis(name, label_of(name), tuple(texts), columns=tuple(parts))


def _make_axis(name: str, values: np.ndarray) -> Axis:
    is_number = values.dtype.kind in "iuf" and bool(np.isfinite(values).all())
    numbers = tuple(map(float, values)) if is_number else None
    return Axis(name, label_of(name), tuple(map(value_text, values)), numbers)


def _spread(array: xr.DataArray, sweep: xr.Dataset, dims: tuple) -> np.ndarray:
    """Return a variable as `(units, points)`, units 1 where it has none."""
    array = array.reset_coords(drop=True)
    missing = {d: sweep.sizes[d] for d in dims if d not in array.dims}
    array = array.drop_vars(list(array.coords)).expand_dims(missing)
    if "unit" not in array.dims:
        array = array.expand_dims(unit=1)
    ordered = array.transpose("unit", *(d for d in dims if d != "unit"))
    return ordered.values.reshape(ordered.sizes["unit"], -1)


def _is_of_points(array: xr.DataArray, dims: tuple) -> bool:
    return bool(array.dims) and set(array.dims) <= {*dims, "unit"}


def _read_measures(sweep: xr.Dataset, dims: tuple) -> list[Measure]:
    return [
        Measure(
            str(name),
            label_of(name),
            _spread(array, sweep, dims).astype(np.float64),
        )
        for name, array in sweep.data_vars.items()
        if name not in _RESERVED
        and array.dtype.kind in "biuf"
        and _is_of_points(array, dims)
    ]


def _read_notes(sweep: xr.Dataset, dims: tuple) -> dict[str, np.ndarray]:
    return {
        label_of(name): _as_texts(_spread(array, sweep, dims))
        for name, array in sweep.data_vars.items()
        if name not in _RESERVED
        and array.dtype.kind in "UOT"
        and _is_of_points(array, dims)
    }


def _as_texts(values: np.ndarray) -> np.ndarray:
    """Return texts, empty where a run that is missing has left something else."""
    texts = [each if isinstance(each, str) else "" for each in values.ravel().tolist()]
    return np.array(texts, dtype=object).reshape(values.shape)


def _read_indices(sweep: xr.Dataset, dims: tuple) -> np.ndarray | None:
    if "index" not in sweep or "unit" not in sweep["index"].dims:
        return None
    if not _is_of_points(sweep["index"], dims):
        return None
    return _spread(sweep["index"], sweep, dims)


def _read_images(sweep: xr.Dataset, dims: tuple) -> np.ndarray | None:
    image = sweep.get("image")
    if image is None or not {"y", "x"} <= set(image.dims):
        return None
    if not set(image.dims) <= {*dims, "unit", *_PIXELS}:
        return None
    image = image.drop_vars(list(image.coords))
    for name in ("unit", "color"):
        if name not in image.dims:
            image = image.expand_dims({name: 1})
    image = image.expand_dims({d: sweep.sizes[d] for d in dims if d not in image.dims})
    values = image.transpose("unit", *dims, *_PIXELS).values.astype(np.float32)
    values = values.reshape(values.shape[0], -1, *values.shape[-3:])
    is_shown = values.shape[-1] in (1, 3)
    return values if is_shown else values.mean(axis=-1, keepdims=True)


def _repeatability(axes: tuple[Axis, ...], images: np.ndarray | None) -> list[Measure]:
    """Return how alike the maps of different seeds are, the same for each seed."""
    names = [axis.name for axis in axes]
    if images is None or "seed" not in names or len(axes[names.index("seed")]) < 2:
        return []
    shape = tuple(len(axis) for axis in axes)
    position = names.index("seed")
    grid = np.moveaxis(np.arange(math.prod(shape)).reshape(shape), position, -1)
    values = np.full(images.shape[:2], np.nan)
    for unit, maps in enumerate(images):
        for points in grid.reshape(-1, shape[position]):
            known = [each for each in points if np.isfinite(maps[each]).all()]
            if len(known) > 1:
                values[unit, known] = mean_similarity(maps[known], "raw")
    return [Measure(REPEATABILITY, REPEATABILITY, values)]
