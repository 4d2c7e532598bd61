"""What a diagnosis found, as cards: a line, pictures, what to do, the numbers.

`finding_cards(findings, pictures) -> (cards, {path: content})`, and in the same way the
marks that a network answers to and the portraits of its classes.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from happymaps_pages.html import heat_pictures as heat
from happymaps_pages.html.map_pictures import encode_picture
from happymaps_pages.html.text import NO_BREAK, format_number

Shown = tuple[str, str, str]  # path, what it shows, caption
MOST_ON_TOP = 3
COVERING = "pictures/covering.webp"
_CHARTS = ("calibration", "brightness")
_PORTRAITS = ("what it looks for", "without a prior", "shuffled weights", "mean image")


def finding_cards(
    findings: Mapping, pictures: Mapping[str, np.ndarray]
) -> tuple[list[dict], dict[str, bytes]]:
    """Return the findings with what a page shows of each, and its files.

    Args:
        findings: As `happymaps.diagnosis.diagnose.Diagnosis` tells them.
        pictures: Name to array, see there.

    Returns:
        The findings, each with its `numbers` in words, `shown`: pictures as
        (path, what it shows, caption), `chart`: the name of one, or empty, and
        `is_on_top`: whether it is one of the few that the page opens with.
    """
    cards, files, on_top = [], {}, 0
    for found in findings["findings"]:
        shown, drawn = _show(found, findings, pictures)
        files |= drawn
        is_on_top = found["weight"] != "note" and on_top < MOST_ON_TOP
        on_top += is_on_top
        numbers = [(name, say_number(n)) for name, n in found["numbers"].items()]
        chart = found["picture"] if found["picture"] in _CHARTS else ""
        more = {"numbers": numbers, "shown": shown, "chart": chart}
        cards.append({**found, **more, "is_on_top": is_on_top})
    return cards, files


def mark_cards(
    findings: Mapping, pictures: Mapping[str, np.ndarray]
) -> tuple[list[dict], dict[str, bytes]]:
    """Return the marks with what a page shows of each, and its files."""
    cards, files = [], {}
    for i, mark in enumerate(findings.get("marks") or []):
        shown, drawn = _show_mark(i, mark, pictures)
        files |= drawn
        cards.append({**mark, "shown": shown})
    return cards, files


def portrait_cards(
    findings: Mapping, pictures: Mapping[str, np.ndarray]
) -> tuple[list[dict], dict[str, bytes]]:
    """Return the portraits of classes with what a page shows of each, and its files.

    `portraits` in the findings is a list of `class` and whatever numbers belong to it;
    without it, or without its pictures, there is none.
    """
    cards, files = [], {}
    names = findings["dataset"]["class_names"]
    for each in findings.get("portraits") or []:
        k = names.index(each["class"])
        if f"portrait_{k}" not in pictures:
            continue
        maps, best = pictures[f"portrait_{k}"], pictures.get(f"portrait_images_{k}", ())
        captions = [*_PORTRAITS, *("one of its best images" for _ in best)]
        shown, drawn = _encode_all(
            f"portrait-{k}", [*maps, *best],
            [(f"Class {each['class']}: {c}", c) for c in captions],
        )  # fmt: skip
        files |= drawn
        numbers = [
            (
                name.replace("_", " "),
                f"{value:.2f}" if "correlation" in name else say_number(value),
            )
            for name, value in each.items()
            if isinstance(value, int | float | list)
        ]
        cards.append({"class": each["class"], "shown": shown, "numbers": numbers})
    return cards, files


def say_number(value: float | Sequence[float] | None) -> str:
    """Return a count, a share as per cent, or a share with its interval."""
    if isinstance(value, list | tuple):
        middle, low, high = (say_number(float(each)) for each in value)
        return f"{middle} ({low.removesuffix(f'{NO_BREAK}%')} to {high})"
    if isinstance(value, int):
        return format_number(value)
    return say_percent(value)


def say_percent(share: float | None) -> str:
    """Return a share as per cent; only a whole is 100 %."""
    if share is None or not math.isfinite(share):
        return "–"
    if 0 < share < 0.0005:
        return f"under 0.1{NO_BREAK}%"
    value = 100 * share
    text = f"{value:.0f}" if 9.95 <= value <= 99 else f"{value:.1f}"
    if text == "100.0" and share < 1:
        text = "99.9"
    return f"{text.removesuffix('.0')}{NO_BREAK}%"


def _show(
    found: Mapping, findings: Mapping, pictures: Mapping
) -> tuple[list[Shown], dict[str, bytes]]:
    name = found["picture"]
    if name == "covering" and name in pictures:
        text = "The average image, the warmer the more answers change"
        return [(COVERING, text, "covered, in the blue frame")], {}
    if name.startswith("mark_"):
        i = int(name.removeprefix("mark_"))
        return _show_mark(i, findings["marks"][i], pictures)
    if name.startswith("leveled_") and name in pictures:
        kind = name.removeprefix("leveled_")
        (row,) = (e for e in findings["leveling"] if e["property"] == kind)
        named = row["shown"]["before"], row["shown"]["after"]
        says = [
            (f"{what}, named {label}", f"{what}: {label}")
            for what, label in zip(
                ("as it is", f"of the same {kind}"), named, strict=True
            )
        ]
        return _encode_all(name.replace("_", "-"), pictures[name], says)
    if name not in pictures or not found["images"]:
        return [], {}
    says = [
        (
            f"Image labeled {each['true']}, named {each['predicted']}",
            f"labeled {each['true']}, named {each['predicted']}",
        )
        for each in found["images"]
    ]
    return _encode_all(name.replace("_", "-"), pictures[name], says)


def _show_mark(
    i: int, mark: Mapping, pictures: Mapping
) -> tuple[list[Shown], dict[str, bytes]]:
    if f"mark_{i}" not in pictures:
        return [], {}
    before, after = mark["shown"]["before"], mark["shown"]["after"]
    texts = [
        (f"An image without the mark, named {before}", f"as it is: {before}"),
        (f"The same with the mark, named {after}", f"with the mark: {after}"),
    ]
    shown = list(pictures[f"mark_{i}"])
    if f"mark_pattern_{i}" in pictures:
        shown.append(pictures[f"mark_pattern_{i}"])
        texts.append(("The pattern on gray", "the pattern"))
    return _encode_all(f"mark-{i}", shown, texts)


def _encode_all(
    name: str, images: Sequence[np.ndarray], texts: Sequence[tuple[str, str]]
) -> tuple[list[Shown], dict[str, bytes]]:
    shown, files = [], {}
    for j, (image, (text, caption)) in enumerate(zip(images, texts, strict=True)):
        path = f"pictures/{name}-{j}.webp"
        files[path] = encode_picture(heat.enlarge(heat.show_image(image))[0])
        shown.append((path, text, caption))
    return shown, files
