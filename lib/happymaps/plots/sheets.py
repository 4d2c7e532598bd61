"""Figures: arrays in, a matplotlib Figure out, and the numbers beside it as text."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

_CELL = 1.05  # inches per picture, wide enough for a caption of 12 characters
_CAPTION_SIZE = 7


def contact_sheet(
    images: np.ndarray,
    *,
    title: str,
    captions: Sequence[str] | None = None,
    columns: int = 10,
) -> Figure:
    """Return a figure of images side by side, row after row.

    Args:
        images: Shape `(images, height, width, channels)` in [0, 1], 1 or 3 channels.
        title: Above the figure.
        captions: Above each image.
        columns: Images in a row, at most.

    Raises:
        ValueError: There is no image.
    """
    if len(images) == 0:
        raise ValueError(f"Expected images for {title!r}. Received: none.")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure, axes = _grid(rows, columns, images.shape, title, captions is not None)
    for position, axis in enumerate(axes.flat):
        if position < len(images):
            _draw(
                axis, images[position], "" if captions is None else captions[position]
            )
        else:
            axis.set_visible(False)
    return figure


def map_sheet(
    maps: np.ndarray,
    *,
    title: str,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    captions: Sequence[Sequence[str]] | None = None,
) -> Figure:
    """Return a figure of maps in labeled rows and columns.

    All maps share the gray scale from 0 (black) to 1 (white): a gray one is flat, not
    stretched.

    Args:
        maps: Shape `(rows, columns, height, width, channels)` in [0, 1].
        title: Above the figure.
        row_labels: Left of each row.
        column_labels: Above each column.
        captions: Below each map, by row and column.
    """
    rows, columns = maps.shape[:2]
    figure, axes = _grid(rows, columns, maps[0].shape, title, captions is not None)
    for row, column in np.ndindex(rows, columns):
        axis = axes[row, column]
        _draw(axis, maps[row, column], column_labels[column] if row == 0 else "")
        if captions is not None:
            axis.set_xlabel(captions[row][column], fontsize=_CAPTION_SIZE, labelpad=1.5)
        if column == 0:
            axis.set_ylabel(
                row_labels[row], fontsize=8, rotation=0, ha="right", va="center"
            )
    return figure


def line_chart(
    x: Sequence[float],
    lines: dict[str, np.ndarray],
    *,
    title: str,
    x_label: str,
    y_label: str,
    log_x: bool = False,
) -> Figure:
    """Return a chart of named lines over `x`.

    Args:
        x: Positions, shape (points,).
        lines: Name to values of shape (points,).
        title: Above the chart.
        x_label: With its unit.
        y_label: With its unit.
        log_x: Whether x is on a logarithmic scale.
    """
    figure, axis = plt.subplots(figsize=(7.2, 3.6), layout="constrained", dpi=80)
    for name, values in lines.items():
        axis.plot(x, values, marker="o", markersize=4, label=name)
    if log_x:
        axis.set_xscale("log")
    axis.set(title=title, xlabel=x_label, ylabel=y_label)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8)
    return figure


def describe_images(images: np.ndarray) -> str:
    """Return one line that tells whether a figure's content has changed.

    Shape, mean, standard deviation and total variation (mean absolute difference of
    neighbors, over both directions), rounded to 3 digits.
    """
    images = np.asarray(images, np.float64)
    vertical = np.abs(np.diff(images, axis=-3)).mean()
    horizontal = np.abs(np.diff(images, axis=-2)).mean()
    shape = "x".join(str(length) for length in images.shape)
    return (
        f"shape {shape}, mean {images.mean():.3f}, standard deviation "
        f"{images.std():.3f}, total variation {vertical + horizontal:.3f}"
    )


def _grid(rows: int, columns: int, shape: tuple, title: str, captioned: bool):
    height, width = shape[-3:-1]
    cell = _CELL * height / width + (0.2 if captioned else 0.03)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(max(5.5, columns * _CELL + 0.9), rows * cell + 0.55),
        squeeze=False,
        layout="constrained",
        dpi=80,
    )
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.01, hspace=0.01)
    figure.suptitle(title, fontsize=11)
    return figure, axes


def _draw(axis, image: np.ndarray, caption: str) -> None:
    picture = np.clip(image, 0, 1)
    axis.imshow(picture[..., 0] if picture.shape[-1] == 1 else picture,
                cmap="gray", vmin=0, vmax=1, interpolation="nearest")  # fmt: skip
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_title(caption, fontsize=_CAPTION_SIZE, pad=2)
    for spine in axis.spines.values():
        spine.set_linewidth(0.4)
