"""Pictures of correlation tables in which the eye finds what the numbers say.

Five rules: limits from the cells off the diagonal, so that the ones on it do not set
the scale; percentiles, so that no single pair does; limits alike on both sides of zero;
dark where nothing is, and brighter with |r|, so that zero steps back; and things in an
order that puts like beside like.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure

_PERCENTILES = (0.5, 99.5)
_MOST_LABELS = 40
# CIELAB: lightness, green to red, blue to yellow. Equal steps look equally large.
_ZERO = (14.0, 0.0, 0.0)
_HALF = {-1: (46.0, 2.0, -42.0), 1: (46.0, 32.0, 44.0)}
_END = {-1: (86.0, -22.0, -14.0), 1: (86.0, 4.0, 60.0)}
_WHITE = (0.95047, 1.0, 1.08883)
_XYZ_TO_RGB = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)


def correlation_limit(correlations: np.ndarray) -> float:
    """Return the v of a scale from -v to v.

    The larger of the absolute 0.5 % and 99.5 % percentiles of the cells off the
    diagonal: at most 1 % of them lie beyond it.

    Args:
        correlations: Shape (things, things), two things at least; NaN are left out.

    Raises:
        ValueError: Not square, or no cell off the diagonal that is a number.
    """
    table = np.asarray(correlations, np.float64)
    square = table.ndim == 2 and table.shape[0] == table.shape[1]
    cells = table[~np.eye(len(table), dtype=bool)] if square else np.array([])
    cells = cells[~np.isnan(cells)]
    if not len(cells):
        raise ValueError(
            "Expected a square table of correlations of two things or more. Received: "
            f"shape {table.shape}, with {len(cells)} numbers off the diagonal."
        )
    limit = np.abs(np.percentile(cells, _PERCENTILES)).max()
    return float(limit) or 1.0


def correlation_colors(*, steps: int = 257) -> Colormap:
    """Return the colors of correlations: blue below zero, dark at it, yellow above.

    The lightness L* rises steadily from 14 at zero to 86 at both ends, so that |r| is
    seen without color, too.

    Args:
        steps: Odd, so that zero has a color of its own.
    """
    position = np.linspace(-1, 1, steps)
    lab = np.empty((steps, 3))
    for sign in (-1, 1):
        side = position * sign >= 0
        stations = np.array([_ZERO, _HALF[sign], _END[sign]])
        for axis in range(3):
            where = np.abs(position[side])
            # Lightness on one straight line: a bend would draw an edge that is none.
            knots, values = ([0, 0.5, 1], stations[:, axis])
            if axis == 0:
                knots, values = [0, 1], stations[[0, 2], 0]
            lab[side, axis] = np.interp(where, knots, values)
    return ListedColormap(_to_rgb(lab), name="correlation").with_extremes(bad="0.35")


def correlation_plot(
    correlations: np.ndarray,
    *,
    title: str,
    order: Sequence[int] | None = None,
    labels: Sequence[str] | None = None,
    ax: plt.Axes | None = None,
) -> Figure:
    """Return a picture of a correlation table.

    Args:
        correlations: Shape (things, things), in [-1, 1].
        title: Above the picture.
        order: Positions of the things, such as `order_by_similarity` gives; None to
            leave them where they are.
        labels: Of the things, in their first order; drawn for at most 40.
        ax: Where to draw; None for a figure of its own.

    Raises:
        ValueError: As in `correlation_limit`.
    """
    table = np.asarray(correlations, np.float64)
    limit = correlation_limit(table)
    order = np.arange(len(table)) if order is None else np.asarray(order)
    if ax is None:
        _, ax = plt.subplots(figsize=(5.4, 4.6), layout="constrained", dpi=80)
    image = ax.imshow(
        table[np.ix_(order, order)],
        cmap=correlation_colors(),
        vmin=-limit,
        vmax=limit,
        interpolation="nearest",
    )
    beyond = "both" if limit < 1 else "neither"
    ax.figure.colorbar(image, ax=ax, shrink=0.85, label="correlation", extend=beyond)
    ax.set_title(title, fontsize=11)
    ticks = (
        range(len(order)) if labels is not None and len(order) <= _MOST_LABELS else []
    )
    names = [str(labels[position]) for position in order] if ticks else []
    size = 8 if len(order) <= 20 else 6
    ax.set_xticks(ticks, names, rotation=90, fontsize=size)
    ax.set_yticks(ticks, names, fontsize=size)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax.figure


def _to_rgb(lab: np.ndarray) -> np.ndarray:
    """Return sRGB in [0, 1] of CIELAB colors, shape (colors, 3), white D65."""
    lightness, red, yellow = lab.T
    middle = (lightness + 16) / 116
    curves = np.stack([middle + red / 500, middle, middle - yellow / 200], axis=1)
    linear = (curves - 16 / 116) * 3 * (6 / 29) ** 2
    light = np.where(curves > 6 / 29, curves**3, linear) * _WHITE
    rgb = np.clip(light @ np.array(_XYZ_TO_RGB).T, 0, 1)
    dim = rgb <= 0.0031308
    return np.where(dim, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)
