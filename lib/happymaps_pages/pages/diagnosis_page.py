"""The page that says what is wrong with a network, for whoever brought it.

`diagnosis_files(findings, units, pictures, names) -> {path: content}`.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping

import numpy as np
import xarray as xr

from happymaps_pages.html import heat_pictures as heat
from happymaps_pages.html.charts import line_chart
from happymaps_pages.html.map_pictures import encode_picture
from happymaps_pages.html.text import NO_BREAK, format_number
from happymaps_pages.pages.finding_cards import (
    finding_cards,
    mark_cards,
    portrait_cards,
    say_percent,
)
from happymaps_pages.pages.script_data import embed_json
from happymaps_pages.pages.templating import render_page
from happymaps_pages.pages.unit_rows import (
    describe_units,
    pack_units,
    unit_columns,
    units_csv,
)

SUMMARY = "summary.json"
UNITS = "units.csv"
_LEAST_IMAGES = 5  # in a bin of confidence that is drawn
_MOST_CLASSES = 12  # in a table of what is taken for what


def diagnosis_files(
    findings: Mapping,
    units: xr.Dataset,
    pictures: Mapping[str, np.ndarray],
    names: tuple[str, str],
) -> dict[str, bytes]:
    """Return the page of a diagnosis, by path below its folder.

    Besides `index.html` there are `summary.json`, `units.csv`, sheets of maps and other
    pictures. The folder must hold the shared files of `happymaps_pages.html.assets`.

    Args:
        findings: What JSON can hold, see `happymaps.diagnosis.diagnose.Diagnosis`.
        units: The diagnosis of units, see there.
        pictures: Name to array, see there.
        names: What the network and the images are called.
    """
    files, layouts = pack_units(units)
    rows = describe_units(units)
    places = _place_pictures(findings, pictures)
    mistakes, drawn = _mistake_pictures(findings, pictures)
    files |= {name: content for name, content, *_ in places} | drawn
    cards = {
        "found": finding_cards(findings, pictures),
        "marks": mark_cards(findings, pictures),
        "portraits": portrait_cards(findings, pictures),
    }
    for _, made in cards.values():
        files |= made
    context = {
        "findings": findings,
        "names": names,
        **{name: shown for name, (shown, _) in cards.items()},
        "places": [(name, title, note) for name, _, title, note in places],
        "mistakes": mistakes,
        "units": rows,
        "shown_kinds": Counter(each["kind"] for each in rows),
        "shown_layers": Counter(each["layer"] for each in rows),
        "columns": unit_columns(units),
        "confusion": _confusion(findings["performance"]),
        "calibration": _calibration_chart(findings["calibration"]),
        "brightness": _brightness_chart(findings["brightness"]),
        "facts": _facts(findings),
        "percent": say_percent,
        "signed": _signed,
        "chance": _chance,
        "unbroken": _unbroken,
        "plain": format_number,
        "layouts": layouts,
        "script_data": embed_json(layouts),
        "files": {"summary": SUMMARY, "units": UNITS},
        "root": "",
    }
    files["index.html"] = render_page("diagnosis.html.j2", **context)
    files[UNITS] = units_csv(units)
    named = {"network": names[0], "images": names[1], **findings}
    files[SUMMARY] = _to_json(named)
    return files


def _to_json(findings: Mapping) -> bytes:
    text = json.dumps(_finite(findings), indent=1, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _finite(value: object) -> object:
    """Return a value with None where a number is infinite or none at all."""
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _facts(findings: Mapping) -> list[tuple[str, str]]:
    performance, units = findings["performance"], findings["units"]
    height, width, colors = findings["model"]["input"]
    low, high = findings["options"]["pixel_range"]
    return [
        ("Images", format_number(performance["num_images"])),
        ("Classes", format_number(len(findings["dataset"]["class_names"]))),
        ("Accuracy", say_percent(performance["accuracy"])),
        ("Balanced accuracy", say_percent(performance["balanced_accuracy"])),
        ("Units", format_number(units["num_units"])),
        ("With maps", format_number(units["num_mapped"])),
        ("Parameters", format_number(findings["model"]["num_parameters"])),
        ("Input", NO_BREAK.join(f"{height} × {width} × {colors}".split())),
        ("Black to white", f"{format_number(low)} to {format_number(high)}"),
    ]


def _place_pictures(findings: Mapping, pictures: Mapping) -> list[tuple]:
    """Return path, content, title and note of each picture of the average image."""
    covering, mean = findings["covering"], heat.show_image(pictures["mean_image"])
    found = [
        ("mean", mean, "The average image", "of all images"),
        *_relevance_pictures(findings["relevance"]["num_images"], pictures),
    ]
    if covering and "covering" in pictures:
        found.append(_covering_picture(pictures))
    return [
        (f"pictures/{name}.webp", _encode(pixels, name, covering), title, note)
        for name, pixels, title, note in found
    ]


def _relevance_pictures(num_images: int, pictures: Mapping) -> list[tuple]:
    mean, relevance = pictures["mean_image"], pictures["relevance"]
    top = heat.heat_top(relevance)
    times = format_number(float(f"{top / max(float(relevance.mean()), 1e-12):.2g}"))
    return [
        (
            "relevance",
            heat.lay_over(mean, relevance, top),
            "Where the decisions rest",
            f"average relevance in {num_images} images; full color is {times} times an "
            "average pixel",
        ),
        (
            "shuffled",
            heat.lay_over(mean, pictures["shuffled_relevance"], top),
            "The same by chance",
            "networks of the same form with shuffled weights, same colors",
        ),
    ]


def _covering_picture(pictures: Mapping) -> tuple:
    mean, changes = pictures["mean_image"], pictures["covering"]
    most = float(changes.max())
    return (
        "covering",
        heat.lay_over(mean, changes, max(most, 1e-12)),
        "What changes when it is covered",
        "share of predictions that change with the windows around a pixel; full color "
        f"is {say_percent(most)}",
    )


def _encode(pixels: np.ndarray, name: str, covering: Mapping | None) -> bytes:
    if name in ("relevance", "covering") and covering:
        return encode_picture(heat.frame_window(pixels, covering["window"]))
    return encode_picture(heat.enlarge(pixels)[0])


def _mistake_pictures(
    findings: Mapping, pictures: Mapping
) -> tuple[list[dict], dict[str, bytes]]:
    mistakes, files = [], {}
    shown = findings["mistakes"]["shown"]
    for position, mistake in enumerate(shown):
        image = pictures["mistakes"][position]
        relevance = pictures["mistake_relevance"][position]
        both = {
            "image": heat.show_image(image),
            "heat": heat.lay_over(image, relevance, heat.heat_top(relevance)),
        }
        named = {
            kind: f"pictures/mistake-{position}-{kind}.webp"
            for kind in ("image", "heat")
        }
        for kind, path in named.items():
            files[path] = encode_picture(heat.enlarge(both[kind])[0])
        mistakes.append({**mistake, **named, "is_blank": not relevance.any()})
    return mistakes, files


def _confusion(performance: Mapping) -> dict | None:
    """Return what the table of what is taken for what needs, None for many classes."""
    table = np.array(performance["confusion"])
    if len(table) > _MOST_CLASSES:
        return None
    totals = np.maximum(table.sum(axis=1, keepdims=True), 1)
    return {
        "names": [each["name"] for each in performance["classes"]],
        "rows": [
            [(int(n), float(s)) for n, s in zip(row, shares, strict=True)]
            for row, shares in zip(table, table / totals, strict=True)
        ],
    }


def _calibration_chart(calibration: Mapping):
    bins = [each for each in calibration["bins"] if each["images"] >= _LEAST_IMAGES]
    if not bins:
        return None
    confidence = [each["confidence"] for each in bins]
    return line_chart(
        "share that is right",
        "confidence",
        [f"{value:.3f}" for value in confidence],
        confidence,
        {
            "this network": np.array([each["accuracy"] for each in bins]),
            "right as often as it says": np.array(confidence),
        },
    )


def _brightness_chart(changes: list[Mapping]):
    if not any(each["changed"] or each["changed_by_noise"] for each in changes):
        return None
    moved = [0.0, *(each["change"] for each in changes)]
    order = np.argsort(moved)
    lines = {
        "brighter or darker": [0.0, *(each["changed"] for each in changes)],
        "noise of the same size": [
            0.0,
            *(each["changed_by_noise"] for each in changes),
        ],
    }
    return line_chart(
        "share of predictions that change",
        "change, as a part of the range from black to white",
        [f"{moved[i]:+g}".replace("-", "−") if moved[i] else "0" for i in order],
        [moved[i] for i in order],
        {name: np.array(values)[order] for name, values in lines.items()},
    )


def _unbroken(sentence: str) -> str:
    return sentence.replace(" %", f"{NO_BREAK}%")


def _chance(probability: float) -> str:
    return "< 0.001" if probability < 0.001 else f"{probability:.2g}"


def _signed(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")
