"""The page that holds two runs or two networks side by side.

`compare_files(left, right, names, folder) -> {path: content}`.
"""

import math
from pathlib import PurePosixPath

import numpy as np
import xarray as xr

from happymaps_pages.content.comparison import Comparison, Pair, Side, compare_maps
from happymaps_pages.html import map_pictures as pictures
from happymaps_pages.html.text import format_number
from happymaps_pages.pages.script_data import embed_json
from happymaps_pages.pages.templating import render_page

DIFFERENT_BELOW = 0.9  # correlation, pixel by pixel


def compare_files(
    left: xr.Dataset, right: xr.Dataset, names: tuple[str, str], folder: str
) -> dict[str, bytes]:
    """Return the page of two sets of maps, by path below the site's root.

    Besides `index.html` there are sheets of maps in `maps/`. The site's root must hold
    the shared files of `happymaps_pages.html.assets`.

    Args:
        left: `image` over `unit` or `objective`, `y`, `x` and `color`; numbers and
            texts over the first of these, of which `score_end` or `score` comes first.
        right: The same. Units with the same label belong together.
        names: What the two are called.
        folder: Where the page lies, as seen from the site's root, with `/`.

    Raises:
        ValueError: As in `compare_maps`.
    """
    comparison = compare_maps(left, right)
    files, layouts = {}, []
    for side, name in zip(comparison.sides, ("left", "right"), strict=True):
        found, layout = _pack(side, name)
        files |= found
        layouts.append(layout)
    files["index.html"] = render_page(
        "compare.html.j2",
        names=names,
        pairs=[_describe(comparison, pair) for pair in comparison.pairs],
        facts=_facts(comparison, names),
        unrelated=[_text(value) for value in comparison.unrelated],
        has_unrelated=math.isfinite(comparison.unrelated[0]),
        limit=DIFFERENT_BELOW,
        sizes=[f"{each['width']} / {each['height']}" for each in layouts],
        script_data=embed_json({"sides": layouts}),
        root="../" * len(PurePosixPath(folder).parts),
    )
    return {f"{folder}/{name}": content for name, content in files.items()}


def _pack(side: Side, name: str) -> tuple[dict[str, bytes], dict]:
    """Return the sheets of a side, and what the script must know of them."""
    count, height, width = side.images.shape[:3]
    packing = pictures.plan_packing(max(count, 1), height, width)
    stretched = [pictures.stretch_map(each) for each in side.images]
    pixels = np.array([each.pixels for each in stretched], np.uint8)
    sheets = pictures.pack_sheets(pixels, packing) if count else []
    files = {f"maps/{name}-{i}.webp": content for i, content in enumerate(sheets)}
    return files, {
        "height": height,
        "width": width,
        "perSheet": packing.per_sheet,
        "columns": packing.columns,
        "sheets": list(files),
        "count": count,
    }


def _describe(comparison: Comparison, pair: Pair) -> dict[str, object]:
    differs = not pair.raw >= DIFFERENT_BELOW  # so is what cannot be compared
    return {
        "label": pair.label,
        "places": (pair.left, pair.right),
        "flat": [
            place is not None
            and pictures.stretch_map(side.images[place]).kind != pictures.DRAWN
            for side, place in zip(
                comparison.sides, (pair.left, pair.right), strict=True
            )
        ],
        "raw": _text(pair.raw),
        "shifted": _text(pair.shifted),
        "order": pair.raw if math.isfinite(pair.raw) else "",
        "differs": differs,
        "rows": _rows(comparison, pair),
    }


def _rows(comparison: Comparison, pair: Pair) -> list[tuple[str, ...]]:
    """Return name, left, right and change of each number and text."""
    sides = list(zip(comparison.sides, (pair.left, pair.right), strict=True))
    rows = []
    for name in dict.fromkeys(n for side in comparison.sides for n in side.numbers):
        values = [
            float(side.numbers[name][place])
            if place is not None and name in side.numbers
            else math.nan
            for side, place in sides
        ]
        rows.append((name, *map(_text, values), _text(values[1] - values[0], True)))
    for name in dict.fromkeys(n for side in comparison.sides for n in side.texts):
        texts = [
            str(side.texts[name][place])
            if place is not None and name in side.texts
            else "–"
            for side, place in sides
        ]
        rows.append((name, *texts, "" if texts[0] == texts[1] else "differs"))
    return rows


def _facts(comparison: Comparison, names: tuple[str, str]) -> list[tuple[str, str]]:
    whole = [pair for pair in comparison.pairs if pair.is_whole]
    raw = [pair.raw for pair in whole if math.isfinite(pair.raw)]
    facts = [("Units in both", str(len(whole)))]
    for name, absent in zip(names, ("right", "left"), strict=True):
        alone = sum(getattr(pair, absent) is None for pair in comparison.pairs)
        if alone:
            facts.append((f"Only in {name}", str(alone)))
    if raw:
        alike = sum(value >= DIFFERENT_BELOW for value in raw)
        facts.append(("Median correlation", _text(float(np.median(raw)))))
        facts.append((f"Alike (r ≥ {DIFFERENT_BELOW})", f"{alike} of {len(whole)}"))
    return facts


def _text(value: float, is_change: bool = False) -> str:
    if not math.isfinite(value):
        return "–"
    text = format_number(value)
    return f"+{text}" if is_change and value > 0 else text
