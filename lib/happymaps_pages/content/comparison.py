"""Two sets of maps, unit by unit: `compare_maps(left, right) -> Comparison`."""

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from happymaps.evidence.similarity import pairwise_similarity
from happymaps_pages.content.sweep_data import label_of, value_text

_DIMENSIONS = ("objective", "unit")
_KEPT = {*_DIMENSIONS, "y", "x", "color"}
_SCORES = ("score_end", "score")
_SIDES = ("left", "right")


@dataclass(frozen=True)
class Side:
    """One set of maps.

    Attributes:
        labels: Of the units.
        images: Shape `(units, y, x, color)`, 1 or 3 colors.
        numbers: By name, each of the shape `(units,)`; the score first.
        texts: The same for texts.
    """

    labels: tuple[str, ...]
    images: np.ndarray
    numbers: dict[str, np.ndarray]
    texts: dict[str, np.ndarray]


@dataclass(frozen=True)
class Pair:
    """A unit: where its map is on either side, None where it has none there.

    `raw` and `shifted` are correlations in [-1, 1], NaN where they are not defined.
    """

    label: str
    left: int | None
    right: int | None
    raw: float = math.nan
    shifted: float = math.nan

    @property
    def is_whole(self) -> bool:
        """Whether both sides have this unit."""
        return self.left is not None and self.right is not None


@dataclass(frozen=True)
class Comparison:
    """All pairs, the left side's order first, and what unrelated maps would give.

    `unrelated` holds the median of `raw` and of `shifted` between a unit of the left
    and the next one of the right, NaN where there is none.
    """

    sides: tuple[Side, Side]
    pairs: tuple[Pair, ...]
    unrelated: tuple[float, float]


def compare_maps(left: xr.Dataset, right: xr.Dataset) -> Comparison:
    """Return two sets of maps, unit by unit.

    Units are the same where their labels are. Maps of another size, flat ones and ones
    that are not finite have no correlation.

    Args:
        left: `image` over `unit` or `objective`, `y`, `x` and `color`; numbers and
            texts over the first of these. Other dimensions have one value each.
        right: The same.

    Raises:
        ValueError: No `image`, another dimension in it, or a label twice.
    """
    sides = tuple(
        _read_side(each, name) for each, name in zip((left, right), _SIDES, strict=True)
    )
    places = [{label: i for i, label in enumerate(side.labels)} for side in sides]
    labels = [*places[0], *(label for label in places[1] if label not in places[0])]
    pairs = []
    for label in labels:
        first, second = (each.get(label) for each in places)
        alike = (math.nan, math.nan)
        if first is not None and second is not None:
            alike = _correlate(sides[0].images[first], sides[1].images[second])
        pairs.append(Pair(label, first, second, *alike))
    return Comparison(sides, tuple(pairs), _unrelated(sides, pairs))


def _read_side(maps: xr.Dataset, name: str) -> Side:
    single = [d for d, size in maps.sizes.items() if size == 1 and str(d) not in _KEPT]
    maps = maps.squeeze(single, drop=True)
    image = maps.get("image")
    found = () if image is None else tuple(map(str, image.dims))
    units = next((each for each in _DIMENSIONS if each in found), "")
    if not units or not {"y", "x"} <= set(found) <= {units, "y", "x", "color"}:
        raise ValueError(
            f"Expected maps on the {name} with 'image' over 'unit' or 'objective', "
            f"'y', 'x' and 'color'. Received the dimensions {found}. Choose one value "
            "of each other dimension with `.sel`."
        )
    if "color" not in image.dims:
        image = image.expand_dims("color")
    pixels = image.transpose(units, "y", "x", "color").values.astype(np.float32)
    if pixels.shape[-1] not in (1, 3):
        pixels = pixels.mean(axis=-1, keepdims=True)
    labels = _labels(maps, units)
    if len(set(labels)) < len(labels):
        raise ValueError(f"Expected each unit once on the {name}. Received: {labels}.")
    flat = {
        str(key): array.values
        for key, array in maps.variables.items()
        if array.dims == (units,) and key not in (units, "index")
    }
    numbers = {
        k: v.astype(np.float64) for k, v in flat.items() if v.dtype.kind in "biuf"
    }
    order = sorted(numbers, key=lambda key: key not in _SCORES)
    texts = {label_of(k): v for k, v in flat.items() if v.dtype.kind in "UOT"}
    return Side(labels, pixels, {label_of(k): numbers[k] for k in order}, texts)


def _labels(maps: xr.Dataset, units: str) -> tuple[str, ...]:
    if "index" in maps and maps["index"].dims == (units,):
        return tuple(f"channel {value_text(each)}" for each in maps["index"].values)
    if units not in maps.coords:
        return tuple(f"unit {i + 1}" for i in range(maps.sizes[units]))
    values = maps.coords[units].values
    prefix = "unit " if values.dtype.kind in "iuf" else ""
    return tuple(f"{prefix}{value_text(each)}" for each in values)


def _correlate(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return the correlation pixel by pixel and that at the best circular shift."""
    planes = [each.astype(np.float64).mean(axis=-1) for each in (first, second)]
    if planes[0].shape != planes[1].shape or not np.isfinite(planes).all():
        return math.nan, math.nan
    both = np.stack(planes)[..., None]
    measures = ("raw", "shift_tolerant")
    raw, shifted = (float(pairwise_similarity(both, m)[0, 1]) for m in measures)
    return raw, shifted


def _unrelated(sides: tuple[Side, Side], pairs: list[Pair]) -> tuple[float, float]:
    whole = [pair for pair in pairs if pair.is_whole]
    if len(whole) < 2:
        return math.nan, math.nan
    found = [
        _correlate(sides[0].images[a.left], sides[1].images[b.right])
        for a, b in zip(whole, [*whole[1:], whole[0]], strict=True)
    ]
    known = np.array([each for each in found if math.isfinite(each[0])])
    if not len(known):
        return math.nan, math.nan
    raw, shifted = np.median(known, axis=0)
    return float(raw), float(shifted)
