"""What a sweep file may hold, read safely: keys and shapes, not yet what they mean."""

import math
from collections.abc import Hashable
from pathlib import Path
from typing import NamedTuple

import yaml

from happymaps.base.messages import unknown_name

MOST_POINTS = 100_000
_MOST_BYTES = 5_000_000
_KEYS = ("notebook", "function", "title", "profile", "parameters", "grid", "points")


class Content(NamedTuple):
    """A sweep file as it stands; what is absent is empty."""

    notebook: str
    function: str
    title: str
    profile: str
    parameters: dict[str, object]
    grid: dict[str, list]
    points: list[dict[str, object]]


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader, without what lets a small file mean much or two things.

    It would let the second of two equal keys win, and a few aliases of aliases stand
    for a billion values.
    """

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            alias = self.peek_event().anchor
            raise ValueError(f"an alias, *{alias}. Write out what it stands for.")
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                break  # told by PyYAML
            if key in seen:
                raise ValueError(f"{key!r} is there twice. Keep one of them.")
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_content(path: Path) -> Content:
    """Return what a sweep file holds.

    Raises:
        ValueError: No such file, no YAML, an unknown key, or a value of another shape.
    """
    content = _read(path)
    texts = [str(content.get(key) or "") for key in _KEYS[:4]]
    return Content(
        *texts,
        _mapping(path, content, "parameters"),
        _grid(path, content),
        _point_list(path, content),
    )


def _read(path: Path) -> dict:
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        raise ValueError(
            f"A sweep must be an existing .yaml file. Received: {str(path)!r}. See "
            "experiments/experiment1/sweeps/tv_weight.yaml."
        )
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise ValueError(
            f"{path} must have at most {_MOST_BYTES // 10**6} MB. Received: "
            f"{size / 1e6:.0f} MB. Cut the sweep in parts."
        )
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        if isinstance(error, RecursionError):
            reason = "lists or mappings nested too deep. Flatten them."
        raise ValueError(f"{path} must be plain YAML. Received: {reason}") from None
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} must hold keys such as `notebook:` and `grid:`. Received: "
            f"{type(content).__name__}."
        )
    for key in content:
        if key not in _KEYS:
            raise ValueError(f"{path}: {unknown_name('key of a sweep', key, _KEYS)}")
    for key in ("notebook", "function", "title", "profile"):
        if not isinstance(content.get(key, ""), str):
            raise ValueError(
                f"{path}: `{key}` must be a text. Received: {content[key]!r}. Quote it."
            )
    return content


def _mapping(path: Path, content: dict, key: str) -> dict:
    value = content.get(key) or {}
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ValueError(
            f"{path}: `{key}` must be a mapping of names to values. Received: "
            f"{value!r}."
        )
    return dict(value)


def _grid(path: Path, content: dict) -> dict[str, list]:
    grid = _mapping(path, content, "grid")
    for name, values in grid.items():
        if not isinstance(values, list) or not values:
            raise ValueError(
                f"{path}: `grid` must give each name a list of values. Received: "
                f"{name}: {values!r}. Write `{name}: [...]`."
            )
    return grid


def _point_list(path: Path, content: dict) -> list[dict]:
    points = content.get("points") or []
    if not isinstance(points, list) or not all(isinstance(p, dict) for p in points):
        raise ValueError(
            f"{path}: `points` must be a list of mappings. Received: {points!r}. Write "
            "`- {name: value}` for each."
        )
    if len({tuple(point) for point in points}) > 1:
        raise ValueError(
            f"{path}: all `points` must give the same names, in one order. Received: "
            + "; ".join(sorted({", ".join(map(str, p)) for p in points}))
            + ". Name all in each."
        )
    return points


def check_count(path: Path, content: Content) -> None:
    """Raise a ValueError where a sweep would have more than `MOST_POINTS`."""
    count = math.prod([len(v) for v in content.grid.values()])
    count *= len(content.points) or 1
    if count > MOST_POINTS:
        raise ValueError(
            f"{path}: a sweep must have at most {MOST_POINTS:,} points. Received: "
            f"{count:,}. Give fewer values, or cut it in parts."
        )
