"""Small line charts: `line_chart(...) -> Chart`, drawn by matplotlib as SVG.

Colors are variables of the page's style sheet, so that light and dark both read.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import matplotlib as mpl
import numpy as np
from bs4 import BeautifulSoup
from markupsafe import Markup
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from happymaps_pages.html.text import format_number

_SIZE = 420, 250  # width, height; points of matplotlib are units of the view box
_LOG_RATIO = 20  # positive numbers that span more are drawn on a logarithmic scale
_MOST_LINES = 24
_MOST_DOTS = 2400  # of a chart
_LETTERS = 44  # that fit below the chart side by side
# Variables of the style sheet, and the color that stands for each until the end.
_NAMES = [*(f"series-{i}" for i in range(8)), "soft", "line", "line-strong", "card"]
_COLORS = {name: f"#0c0c{index:02x}" for index, name in enumerate(_NAMES)}
_locator = partial(ticker.MaxNLocator, nbins=5, steps=[1, 2, 5, 10])
_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",  # for the room of a text; the page chooses its own
    "font.size": 12.5,
    "axes.edgecolor": _COLORS["line-strong"],
    "axes.labelcolor": _COLORS["soft"],
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": _COLORS["line"],
    "xtick.color": _COLORS["line-strong"],
    "xtick.labelcolor": _COLORS["soft"],
    "ytick.labelcolor": _COLORS["soft"],
    "ytick.left": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 7,
}


@dataclass(frozen=True)
class Chart:
    """A drawing, and the table beside it: its header names the lines after x.

    `thinned` says what is left out of both, empty where nothing is.
    """

    title: str
    x_label: str
    is_joined: bool
    svg: Markup
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    thinned: str = ""


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

    What would be too much for a page is thinned: lines evenly, dots to the lowest and
    the highest of those beside each other.

    Args:
        title: What is drawn upward.
        x_label: What is drawn to the right.
        x_texts: The values on this axis as text, in any order.
        x_numbers: The same as numbers; None puts them at equal distances.
        lines: Values by name, each of the shape `(len(x_texts),)`, NaN where missing.
        joined: Whether dots are joined by a line.
    """
    lines, thinned = _choose_lines(lines)
    values = np.array([*lines.values()], np.float64)
    values[~np.isfinite(values)] = np.nan
    if np.isnan(values).all():
        return None
    x = np.arange(len(x_texts)) if x_numbers is None else np.asarray(x_numbers, float)
    order = np.argsort(x, kind="stable")
    order, said = _choose_dots(values, order)
    thinned += said
    # The salt keeps the charts of a page from sharing ids.
    with mpl.rc_context({**_STYLE, "svg.hashsalt": title}):
        figure = Figure([side / 72 for side in _SIZE], layout="constrained")
        axes = figure.subplots()
        for index, row in enumerate(values):
            color = _COLORS[f"series-{index % 8}"]
            axes.plot(
                x[order],
                row[order],
                gid=f"line-{index}",
                color=color,
                marker="os^D"[index % 4],
                markerfacecolor=color if index < 8 else _COLORS["card"],
                linestyle=("-" if index < 8 else "--") if joined else "none",
                clip_on=False,
            )
        span = ticker.Locator().nonsingular(np.nanmin(values), np.nanmax(values))
        ticks = _locator().tick_values(*span)
        axes.set(yticks=ticks, ylim=(ticks[0], ticks[-1]))
        axes.yaxis.set_major_formatter(ticker.ScalarFormatter(useOffset=False))
        axes.set_xlabel(x_label)
        if x_numbers is None:
            _name_places(axes, x_texts)
        else:
            _set_scale(axes, x)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", transparent=True)
    dots = [
        [f"{name}: {_text(value)}" for value in row[order] if math.isfinite(value)]
        for name, row in zip(lines, values, strict=True)
    ]
    return Chart(
        title,
        x_label,
        joined,
        _finish(drawn.getvalue(), dots),
        (x_label, *lines),
        tuple((x_texts[i], *(_text(v) for v in values[:, i])) for i in order),
        " ".join(thinned),
    )


def _choose_lines(lines: dict[str, np.ndarray]) -> tuple[dict, list[str]]:
    if len(lines) <= _MOST_LINES:
        return lines, []
    names = list(lines)
    chosen = np.linspace(0, len(names) - 1, _MOST_LINES).round().astype(int)
    said = f"{_MOST_LINES} of {len(names):,} lines are drawn, evenly spread."
    return {names[index]: lines[names[index]] for index in chosen}, [said]


def _choose_dots(values: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return the places to draw, in order, so that no extreme value is lost."""
    if values.size <= _MOST_DOTS:
        return order, []
    # Each line may add its lowest and its highest, at which all are drawn.
    parts = max(1, _MOST_DOTS // (2 * len(values) ** 2))
    kept = set()
    for part in np.array_split(order, min(parts, len(order))):
        low = np.where(np.isnan(values[:, part]), np.inf, values[:, part])
        high = np.where(np.isnan(values[:, part]), -np.inf, values[:, part])
        kept |= {*part[low.argmin(axis=1)], *part[high.argmax(axis=1)]}
    chosen = np.array([place for place in order if place in kept])
    said = (
        f"{len(chosen):,} of {len(order):,} values are drawn: the lowest and the "
        "highest of those beside each other."
    )
    return chosen, [said]


def _set_scale(axes: Axes, x: np.ndarray) -> None:
    axes.xaxis.set_major_locator(_locator(integer=not np.any(x % 1)))
    if x.min() > 0 and x.max() / x.min() > _LOG_RATIO:
        axes.set_xscale("log")
        between = (1, 2, 5) if x.max() / x.min() < 100 else (1,)
        axes.xaxis.set_major_locator(ticker.LogLocator(subs=between))
        axes.xaxis.set_minor_locator(ticker.NullLocator())
        axes.set_xlabel(f"{axes.get_xlabel()}, logarithmic")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))


def _name_places(axes: Axes, texts: Sequence[str]) -> None:
    short = [text if len(text) <= 16 else f"{text[:15]}…" for text in texts]
    axes.xaxis.set_major_locator(ticker.FixedLocator(range(len(texts)), nbins=20))
    axes.xaxis.set_major_formatter(lambda place, _: short[round(place)])
    if sum(map(len, short)) > _LETTERS:
        for label in axes.get_xticklabels():
            label.set(rotation=40, ha="right", rotation_mode="anchor")


def _finish(svg: str, dots: list[list[str]]) -> Markup:
    """Return a drawing for a page: its colors, and what each dot says."""
    for name, color in _COLORS.items():
        svg = svg.replace(color, f"var(--{name})")
    soup = BeautifulSoup(svg[svg.index("<svg") :], "html.parser").svg
    for index, texts in enumerate(dots):
        marks = soup.select(f"#line-{index} use")
        for mark, text in zip(marks, texts, strict=True):
            mark.append(soup.new_tag("title", string=text))
    soup.metadata.decompose()
    soup.style.decompose()  # for all of the page, which refuses it
    for group in soup.select("g[id]"):
        del group["id"]
    return Markup(soup.decode_contents())


def _text(value: float) -> str:
    return format_number(value) if math.isfinite(value) else "–"
