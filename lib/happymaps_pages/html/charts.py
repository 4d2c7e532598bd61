"""Small line charts as geometry for an SVG: `line_chart(...) -> Chart`.

The template draws them in the page's own colors, so that light and dark both read.
Positions are in the units of a view box of `WIDTH` by `HEIGHT`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from happymaps_pages.html.text import format_number

WIDTH, HEIGHT = 420, 250
LEFT, RIGHT, TOP, BOTTOM = 54, 406, 14, 212
_NUM_TICKS = 4
_LOG_RATIO = 20  # positive numbers that span more are drawn on a logarithmic scale
_LETTER = 7.5  # width of a digit, and the least distance of two labels


@dataclass(frozen=True)
class Tick:
    """A labeled position on an axis."""

    position: float
    text: str


@dataclass(frozen=True)
class Dot:
    """A measured point and what it says."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Line:
    """One line: its pieces, broken where a number is missing, and its dots."""

    name: str
    pieces: tuple[str, ...]
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Chart:
    """What the template needs to draw a chart and the table beside it."""

    title: str
    x_label: str
    is_logarithmic: bool
    is_joined: bool
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def line_chart(
    title: str,
    x_label: str,
    x_texts: Sequence[str],
    x_numbers: Sequence[float] | None,
    lines: dict[str, np.ndarray],
    *,
    joined: bool = True,
) -> Chart | None:
    """Return a chart of named lines, None where no number is finite.

    Args:
        title: What is drawn upward.
        x_label: What is drawn to the right.
        x_texts: The values on this axis as text, in any order.
        x_numbers: The same as numbers; None puts them at equal distances.
        lines: Values by name, each of the shape `(len(x_texts),)`, NaN where missing.
        joined: Whether dots are joined by a line.
    """
    values = np.array([*lines.values()], np.float64)
    if not np.isfinite(values).any():
        return None
    x, is_logarithmic = _place_x(x_texts, x_numbers)
    ticks = nice_ticks(float(np.nanmin(values)), float(np.nanmax(values)))
    low, high = ticks[0], ticks[-1]
    y = BOTTOM - (values - low) / (high - low) * (BOTTOM - TOP)
    order = np.argsort(x, kind="stable")
    names = list(x_texts)
    if x_numbers is not None:
        short = [f"{each:.3g}" for each in x_numbers]
        names = [min(pair, key=len) for pair in zip(names, short, strict=True)]
    return Chart(
        title,
        x_label,
        is_logarithmic,
        joined,
        _thin([Tick(float(x[i]), names[i]) for i in order]),
        tuple(Tick(BOTTOM - (t - low) / (high - low) * (BOTTOM - TOP), _text(t))
              for t in ticks),
        tuple(_draw(name, x[order], row[order], value[order], joined)
              for name, row, value in zip(lines, y, values, strict=True)),
        (x_label, *lines),
        tuple((x_texts[i], *(_text(v) for v in values[:, i])) for i in order),
    )  # fmt: skip


def nice_ticks(low: float, high: float) -> list[float]:
    """Return round numbers, 1, 2 or 5 times a power of ten apart, around a range."""
    span = high - low
    if span <= 1e-12 * max(1.0, abs(low), abs(high)):
        span = abs(high) or 1.0
        low, high = low - span / 2, high + span / 2
    rough = span / _NUM_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def _place_x(
    texts: Sequence[str], numbers: Sequence[float] | None
) -> tuple[np.ndarray, bool]:
    values = np.arange(len(texts)) if numbers is None else np.asarray(numbers, float)
    is_logarithmic = bool(
        numbers is not None
        and values.min() > 0
        and values.max() / values.min() > _LOG_RATIO
    )
    if is_logarithmic:
        values = np.log(values)
    span = float(np.ptp(values))
    share = (values - values.min()) / span if span else np.full(len(values), 0.5)
    return LEFT + 12 + share * (RIGHT - LEFT - 24), is_logarithmic


def _thin(ticks: list[Tick]) -> tuple[Tick, ...]:
    """Return ticks that stand far enough apart for their labels."""
    kept = []
    for tick in ticks:
        text = tick.text if len(tick.text) <= 12 else f"{tick.text[:11]}…"
        before = kept[-1] if kept else Tick(-math.inf, "")
        space = _LETTER * (len(text) + len(before.text)) / 2 + _LETTER
        if tick.position - before.position >= space:
            kept.append(Tick(tick.position, text))
    return tuple(kept)


def _draw(
    name: str, x: np.ndarray, y: np.ndarray, values: np.ndarray, joined: bool
) -> Line:
    pieces, piece = [], []
    for left, top in zip(x, y, strict=True):
        if math.isfinite(top):
            piece.append(f"{left:.1f},{top:.1f}")
        elif piece:
            pieces.append(" ".join(piece))
            piece = []
    pieces.append(" ".join(piece))
    dots = tuple(
        Dot(round(float(left), 1), round(float(top), 1), f"{name}: {_text(value)}")
        for left, top, value in zip(x, y, values, strict=True)
        if math.isfinite(top)
    )
    return Line(name, tuple(p for p in pieces if " " in p) if joined else (), dots)


def _text(value: float) -> str:
    return format_number(value) if math.isfinite(value) else "–"
