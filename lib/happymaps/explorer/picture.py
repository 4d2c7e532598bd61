"""The panel's picture: maps in columns, the real images of the same units below."""

import io
import math
import textwrap

import numpy as np
from matplotlib.figure import Figure

from happymaps.explorer.forming import Snapshot
from happymaps.plots.sheets import describe_images

_DPI = 96
_SMALLEST, _LARGEST = 96, 192  # pixels of a map's longer side
_GAP, _CAPTION = 10, 17  # pixels between maps, and for the score below one
_LEFT, _TOP = 78, 64  # pixels for labels
_APART = 14  # pixels more between the maps and the real images
_NARROWEST = 270  # pixels that the line below the title takes
_EMPTY = 236  # gray of a map that has not begun
_FRAME = 150  # gray of the line around each, which may be as white as the page
_INK, _FAINT, _ALARM = "#1a1a1a", "#5a5a5a", "#a3180e"
_PLACES = ("best real\nimage", "second\nbest")


def draw(snapshot: Snapshot, input_range: tuple[float, float]) -> bytes:
    """Return maps and real images as a PNG file.

    A column for each channel; a row for each start, then the real images that excite
    the channel most. The score stands below each. All share the gray scale of
    `input_range`.

    Args:
        snapshot: What to draw.
        input_range: What is black, and what is white.
    """
    rows = _rows(snapshot)
    columns = len(snapshot.settings.channels)
    cells = [[_cell(image, input_range) for image in images] for _, images, *_ in rows]
    height, width = cells[0][0].shape[:2]
    pitch_x, pitch_y = max(width, _SMALLEST) + _GAP, height + _CAPTION + _GAP
    # The real images stand apart.
    tops = [_TOP + row * pitch_y for row in range(snapshot.settings.num_seeds)]
    tops += [_TOP + row * pitch_y + _APART for row in range(len(tops), len(rows))]
    least = max(_NARROWEST, 16 + 9 * len(_title(snapshot)))
    size = (max(_LEFT + columns * pitch_x, least), tops[-1] + pitch_y)
    canvas = np.full((size[1], size[0], 3), 255, np.uint8)
    figure, axes = _empty_figure(size)
    _write_title(axes, snapshot)
    for column, number in enumerate(snapshot.settings.channels):
        middle = _LEFT + (column + 0.5) * pitch_x
        _write(axes, middle, _TOP - 10, f"{snapshot.kind} {number}")
    for row, (label, _, captions, alarms) in enumerate(rows):
        _write(axes, _LEFT - 6, tops[row] + height / 2, label, "right", _FAINT)
        for column, cell in enumerate(cells[row]):
            left = _LEFT + column * pitch_x + (pitch_x - width) // 2
            canvas[tops[row] : tops[row] + height, left : left + width] = cell
            color = _ALARM if alarms[column] else _INK
            below = tops[row] + height + _CAPTION / 2
            caption = textwrap.fill(captions[column], pitch_x // 6)
            _write(axes, left + width / 2, below, caption, color=color)
    axes.imshow(canvas, extent=(0, size[0], size[1], 0), interpolation="nearest")
    return _to_png(figure)


def draw_message(text: str) -> bytes:
    """Return a PNG file that holds a text instead of maps."""
    lines = textwrap.wrap(text, 90)
    figure, axes = _empty_figure((640, 30 + 16 * len(lines)))
    for row, line in enumerate(lines):
        _write(axes, 10, 23 + 16 * row, line, "left")
    return _to_png(figure)


def describe(snapshot: Snapshot) -> str:
    """Return what the picture shows, for those who do not see it."""
    settings = snapshot.settings
    channels = ", ".join(map(str, settings.channels))
    real = " and the real images that excite them most" if snapshot.best else ""
    return (
        f"{_title(snapshot)}, {snapshot.kind}s {channels}, from "
        f"{settings.num_seeds} random starts{real}, {progress(snapshot)}"
    )


def fingerprint(snapshot: Snapshot) -> str:
    """Return one line that tells whether the maps have changed."""
    return f"{_title(snapshot)}: {describe_images(snapshot.images)}"


def progress(snapshot: Snapshot) -> str:
    """Return how far the maps are, in words."""
    steps, total = snapshot.steps, snapshot.settings.num_steps
    if snapshot.maps is not None:
        return f"{total} steps"
    if steps.min() == steps.max():
        return f"step {steps.max()} of {total}"
    return f"{steps.mean() / total:.0%} of the steps"


def _rows(snapshot: Snapshot) -> list[tuple]:
    """Return label, images, captions and alarms of each row."""
    rows = []
    for column, seed in enumerate(snapshot.settings.seeds):
        captions = [_number(score) for score in snapshot.scores[:, column]]
        alarms = [False] * len(captions)
        if snapshot.maps is not None:
            diagnoses = snapshot.maps.diagnosis.values[:, column]
            alarms = [diagnosis != "ok" for diagnosis in diagnoses]
            captions = [
                diagnosis if alarm else caption
                for diagnosis, alarm, caption in zip(
                    diagnoses, alarms, captions, strict=True
                )
            ]
        rows.append((f"start {seed}", snapshot.images[:, column], captions, alarms))
    best = snapshot.best
    for place in range(best.scores.shape[1] if best else 0):
        captions = [_number(score) for score in best.scores[:, place]]
        alarms = [False] * len(captions)
        rows.append((_PLACES[place], best.images[:, place], captions, alarms))
    return rows


def _write_title(axes, snapshot: Snapshot) -> None:
    settings = snapshot.settings
    _write(axes, 8, 17, _title(snapshot), "left", fontsize=11, weight="bold")
    weights = f"TV {settings.tv_weight:g}, Lp {settings.lp_weight:g}"
    about = f"{weights}, {progress(snapshot)}; scores below"
    _write(axes, 8, 36, about, "left", _FAINT)


def _title(snapshot: Snapshot) -> str:
    maps = {"happy": "HappyMaps", "sad": "SadMaps"}[snapshot.settings.sign]
    return f"{maps} of {snapshot.settings.layer}"


def _write(axes, x, y, text, align="center", color=_INK, **font) -> None:
    # Names of layers are no formulas.
    font = {"fontsize": 8, "parse_math": False} | font
    axes.text(x, y, text, ha=align, va="center", color=color, **font)


def _empty_figure(size: tuple[int, int]):
    """Return a figure, and axes over all of it whose unit is the pixel."""
    figure = Figure(figsize=(size[0] / _DPI, size[1] / _DPI), dpi=_DPI)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, size[0]), ylim=(size[1], 0))
    axes.axis("off")
    return figure, axes


def _to_png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI, facecolor="white")
    return file.getvalue()


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else ""


def _cell(image: np.ndarray, input_range: tuple[float, float]) -> np.ndarray:
    """Return an image as bytes (height, width, 3), of a size to be looked at."""
    low, high = input_range
    longest = max(image.shape[:2])
    fewer = -(-longest // _LARGEST)
    if fewer > 1:
        tall, wide = (min(fewer, length) for length in image.shape[:2])
        rows, columns = image.shape[0] // tall, image.shape[1] // wide
        whole = image[: rows * tall, : columns * wide]
        image = whole.reshape(rows, tall, columns, wide, -1).mean(axis=(1, 3))
    shares = np.clip((image - low) / (high - low), 0, 1)
    shades = np.nan_to_num(255 * shares, nan=_EMPTY).round().astype(np.uint8)
    shades = np.broadcast_to(shades, (*shades.shape[:2], 3))
    times = max(1, math.ceil(_SMALLEST / longest))
    return np.pad(
        shades.repeat(times, axis=0).repeat(times, axis=1),
        ((1, 1), (1, 1), (0, 0)),
        constant_values=_FRAME,
    )
