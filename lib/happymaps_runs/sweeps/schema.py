"""What a sweep file may hold, read safely: keys and shapes, not yet what they mean."""

from pathlib import Path
from typing import NamedTuple

import yaml

from happymaps.base.messages import unknown_name

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
    """PyYAML's safe loader, which would let the second of two equal keys win."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"{key!r} is there twice. Keep one of them.")
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
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        reason = " ".join(str(error).split())
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
