"""The page of a sweep: `sweep_files(sweep, folder) -> {path: content}`.

A contact sheet of its maps, or a table of its numbers where it has none, with what
chooses among them in the browser; the numbers as charts and tables; what failed.
"""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from urllib.parse import quote

import numpy as np
import xarray as xr

from happymaps_pages.content.sweep_cards import SUMMARY
from happymaps_pages.content.sweep_data import SweepData, read_sweep
from happymaps_pages.html import map_pictures as pictures
from happymaps_pages.html.anatomy import Parameter
from happymaps_pages.html.map_pictures import Packing, Stretch
from happymaps_pages.html.text import format_number
from happymaps_pages.pages.script_data import embed_json, round_numbers, script_data
from happymaps_pages.pages.sweep_layout import choose_grid, make_charts, mean_of_units
from happymaps_pages.pages.templating import render_page

COVER = "cover.webp"
# Rows of the page's table and entries of its list; the sheet has all points.
_MOST_ROWS = 1000
_MOST_FAILURES = 100


def sweep_files(
    sweep: xr.Dataset,
    folder: str,
    *,
    link_keys: Collection[str] = (),
    failures: Mapping[str, str] | None = None,
    made_from: str = "",
) -> dict[str, bytes]:
    """Return the page of a sweep with its pictures, by path below the site's root.

    Besides `index.html` there are sheets of maps in `maps/`, `summary.json` with title
    and counts, and `cover.webp` where there is a map.

    Args:
        sweep: As `happymaps_runs.store` opens it: `status` and `key` over the axes, and
            perhaps `page`, the key of a notebook's run; numbers over the axes, or
            these and `unit`; `image` over these, `unit`, `y`, `x` and `color` or
            absent.
        folder: Where the page lies, as seen from the site's root, with `/`.
        link_keys: Runs that have a page, in `<key>/` of the store or, where they
            failed, in `failed/<key>/`; the sweep's page lies in `sweeps/<name>/`.
        failures: Why a run failed, by its key.
        made_from: What the page is known by, for `summary.json`.

    Raises:
        ValueError: The data set has no `status` over at least one axis.
    """
    data = read_sweep(sweep)
    rows, columns = choose_grid(data)
    files, maps = _picture_files(data, rows, columns)
    addresses = _addresses(data, set(link_keys))
    reasons = {
        key: text for key, text in (failures or {}).items() if key in set(data.keys)
    }
    content = script_data(data, rows, columns, maps)
    content |= {"addresses": addresses, "reasons": reasons}
    points = range(len(data.keys))
    failed = [point for point in points if data.statuses[point] == "failed"]
    page = render_page(
        "sweep.html.j2",
        sweep=data,
        has_maps=data.images is not None,
        chips_list=[Parameter(k, value) for k, value in data.parameters.items()],
        columns=[p.label for axis in data.axes for p in axis.columns or (axis,)],
        charts=make_charts(data, rows, columns),
        runs=_list_runs(data, points[:_MOST_ROWS], addresses, reasons),
        failed=_list_runs(data, failed[:_MOST_FAILURES], addresses, reasons),
        script_data=embed_json(content),
        root="../" * len(PurePosixPath(folder).parts),
    )
    files |= {"index.html": page, SUMMARY: _summary(data, COVER in files, made_from)}
    return {f"{folder}/{name}": value for name, value in files.items()}


def run_paths(data: SweepData) -> list[str]:
    """Return where each point's page would lie below the site's root, empty for none.

    The notebook that tells of a point comes first, its run second.
    """
    own = {"completed": "{}", "failed": "failed/{}", "missing": ""}
    return [
        page or own[status].format(key)
        for page, status, key in zip(data.pages, data.statuses, data.keys, strict=True)
    ]


def _picture_files(
    data: SweepData, rows: str, columns: str
) -> tuple[dict[str, bytes], dict | None]:
    """Return the files of the maps, and where the script finds each."""
    if data.images is None:
        return {}, None
    packing = pictures.plan_packing(data.images.shape[1], *data.images.shape[2:4])
    files, sheets, found = {}, [], []
    for unit, maps in enumerate(data.images):
        stretched = [pictures.stretch_map(each) for each in maps]
        pixels = np.stack([each.pixels for each in stretched])
        for part, content in enumerate(pictures.pack_sheets(pixels, packing)):
            sheets.append(f"maps/{unit}-{part}.webp")
            files[sheets[-1]] = content
        if unit == 0:
            files |= _cover_file(data, rows, columns, stretched)
        found += stretched
    return files, _describe_maps(packing, sheets, found)


def _describe_maps(packing: Packing, sheets: list[str], found: list[Stretch]) -> dict:
    return {
        "height": packing.height,
        "width": packing.width,
        "perSheet": packing.per_sheet,
        "columns": packing.columns,
        "sheets": sheets,
        "kinds": "".join(str(each.kind) for each in found),
        "low": round_numbers(np.array([each.low for each in found])),
        "high": round_numbers(np.array([each.high for each in found])),
    }


def _cover_file(
    data: SweepData, rows: str, columns: str, stretched: list[Stretch]
) -> dict[str, bytes]:
    """Return the cover: the first unit over rows and columns, the rest at its first."""
    names = [axis.name for axis in data.axes]
    kept = [names.index(name) for name in (rows, columns) if name in names]
    grid = np.arange(len(stretched)).reshape(data.shape)
    others = [index for index in range(grid.ndim) if index not in kept]
    grid = grid.transpose(*others, *kept)[(0,) * len(others)]
    grid = grid.reshape(-1, grid.shape[-1]) if grid.ndim else grid.reshape(1, 1)
    if not any(stretched[point].kind for point in grid.ravel()):
        return {}
    pixels = np.stack([each.pixels for each in stretched])
    blank = np.array([each.kind == pictures.NO_MAP for each in stretched])
    pixels[blank] = 255
    return {COVER: pictures.make_cover(pixels[grid])}


def _addresses(data: SweepData, known: set[str]) -> dict[str, str]:
    """Return the address of each run's page, as seen from the sweep's page."""
    return {
        key: f"../../{quote(path)}/index.html"
        for key, path in zip(data.keys, run_paths(data), strict=True)
        if key and path.removeprefix("failed/") in known
    }


def _list_runs(
    data: SweepData, points: Sequence[int], addresses: dict, reasons: dict
) -> list[dict]:
    """Return points as rows of the table, their numbers averaged over their units."""
    columns = [part for axis in data.axes for part in axis.columns or (axis,)]
    positions = [
        index
        for axis, index in zip(
            data.axes, np.unravel_index(range(len(data.keys)), data.shape), strict=True
        )
        for _ in axis.columns or (axis,)
    ]
    means = [mean_of_units(each.values) for each in data.measures]
    return [
        {
            "texts": [
                column.texts[position[point]]
                for column, position in zip(columns, positions, strict=True)
            ],
            "status": data.statuses[point],
            "numbers": [
                format_number(float(mean[point])) if math.isfinite(mean[point]) else "–"
                for mean in means
            ],
            "key": data.keys[point] if data.statuses[point] != "missing" else "",
            "address": addresses.get(data.keys[point], ""),
            "reason": reasons.get(data.keys[point], ""),
        }
        for point in points
    ]


def _summary(data: SweepData, has_cover: bool, made_from: str) -> bytes:
    lengths = [
        f"{len(axis)} × {' and '.join(part.label for part in axis.columns or (axis,))}"
        for axis in data.axes
        if len(axis) > 1
    ]
    record = {
        "title": data.title,
        "created": data.created,
        "counts": data.counts,
        "axes": ", ".join(lengths),
        "cover": COVER if has_cover else "",
        "made_from": made_from,
    }
    return (json.dumps(record, ensure_ascii=False, indent=1) + "\n").encode()
