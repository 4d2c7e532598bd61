"""How a sweep is laid out: what stands in rows and columns, what is drawn over what."""

import math
import warnings

import numpy as np

from happymaps_pages.content.sweep_data import Axis, Measure, SweepData
from happymaps_pages.html.charts import Chart, line_chart

_MOST_CHARTS = 12


def choose_grid(data: SweepData) -> tuple[str, str]:
    """Return the axes in rows and in columns, `unit` among them; empty for none.

    Columns take the longest axis of numbers, rows the longest of names; seeds and
    units come last. A list of points stands in rows, its units beside each other.
    """
    lengths = {axis.name: len(axis) for axis in data.axes if len(axis) > 1}
    if "point" in lengths and len(data.axes) == 1:
        return "point", "unit" if data.num_units > 1 else ""
    first = [name for name in lengths if name != "seed"]
    numeric = {axis.name for axis in data.axes if axis.numbers is not None}
    columns = _longest([name for name in first if name in numeric], lengths)
    rows = _longest([name for name in first if name != columns], lengths)
    rest = [name for name in first if name not in (rows, columns)]
    rest += ["unit"] * (data.num_units > 1) + ["seed"] * ("seed" in lengths)
    if not columns and rest:
        columns = rest.pop(0)
    if not rows and rest:
        rows = rest.pop(0)
    return rows, columns


def make_charts(data: SweepData, rows: str, columns: str) -> list[Chart]:
    """Return a chart of each measure over the columns' axis, one line a row.

    What is in neither is averaged, and an axis of one value has no chart. A list of
    points is drawn over its first parameter that is a number.
    """
    axes = {axis.name: axis for axis in data.axes}
    # The mean of positions says nothing.
    able = [each for each in data.measures if not each.name.endswith("_index")]
    drawn = able[:_MOST_CHARTS]
    if "point" in axes and len(axes) == 1:
        charts = [_chart_points(each, axes["point"]) for each in drawn]
    else:
        across, *lines = [name for name in (columns, rows) if name in axes] or [""]
        across = across or data.axes[0].name
        if next(len(axis) for axis in data.axes if axis.name == across) == 1:
            return []
        charts = [_chart_grid(data, each, across, *lines) for each in drawn]
    return [chart for chart in charts if chart]


def mean_of_units(values: np.ndarray) -> np.ndarray:
    """Return the mean over units of `(units, points)`, NaN where there is none."""
    return _mean(values, 0)


def _longest(names: list[str], lengths: dict[str, int]) -> str:
    return max(names, key=lengths.__getitem__, default="")


def _mean(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    with warnings.catch_warnings():
        # All missing: the mean is NaN, which is what is wanted.
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(np.where(np.isfinite(values), values, np.nan), axis=axis)


def _chart_grid(
    data: SweepData, measure: Measure, across: str, lines: str = ""
) -> Chart | None:
    names = [axis.name for axis in data.axes]
    axis = data.axes[names.index(across)]
    kept = [name for name in (lines, across) if name]
    order = [names.index(name) for name in kept]
    others = tuple(i for i, name in enumerate(names) if name not in kept)
    grid = _mean(measure.values, 0).reshape(data.shape).transpose(*order, *others)
    means = _mean(grid, tuple(range(len(kept), grid.ndim))) if others else grid
    titles = data.axes[names.index(lines)].texts if lines else ("mean",)
    rows = means.reshape(len(titles), len(axis))
    return line_chart(
        measure.label,
        axis.label,
        axis.texts,
        axis.numbers,
        dict(zip(titles, rows, strict=True)),
    )


def _chart_points(measure: Measure, axis: Axis) -> Chart | None:
    numeric = [part for part in axis.columns if part.numbers is not None]
    if not numeric or not all(map(math.isfinite, numeric[0].numbers)):
        return None
    across = numeric[0]
    lines = {"points": _mean(measure.values, 0)}
    return line_chart(
        measure.label, across.label, across.texts, across.numbers, lines, joined=False
    )
