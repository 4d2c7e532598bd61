"""The sweep file: what to run, over which values. Read safely, and checked whole."""

import dataclasses
import inspect
import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from happymaps.base import paths
from happymaps.base.messages import Faults, unknown_name
from happymaps_runs.folders import slug
from happymaps_runs.inputs import resolve_inputs
from happymaps_runs.notebooks.notebooks import (
    local_notebook,
    notebook_title,
    read_notebook,
    relative_to_repository,
)
from happymaps_runs.notebooks.parameters import Parameter, coerce_value, read_parameters
from happymaps_runs.plans.plan import QUICK, load_plan
from happymaps_runs.store.functions import check_place, function_parameters
from happymaps_runs.store.identity import function_identity, key_of, notebook_identity
from happymaps_runs.sweeps.schema import Content, check_count, read_content

_PLAN = paths.repository_root() / "experiments" / "plan.yaml"


@dataclass(frozen=True)
class Point:
    """One run of a sweep.

    Attributes:
        key: Of its run in the store.
        identity: What the key stands for.
        parameters: All of them, coerced.
        label: What tells it from its neighbors, e.g. `layer=conv2d_1, seed=3`.
    """

    key: str
    identity: dict[str, object]
    parameters: dict[str, object]
    label: str


@dataclass(frozen=True)
class Sweep:
    """A sweep file, checked.

    Attributes:
        name: Folder name, from the file's name and the values given besides.
        title: One line.
        path: Of the file.
        notebook: Absolute path; None for a function that has no notebook.
        function: "module:name", or "".
        fixed: The parameters that all points share.
        axes: Values by the name of each parameter of the grid, in the file's order.
        points: The runs, the last axis fastest.
    """

    name: str
    title: str
    path: Path
    notebook: Path | None
    function: str
    fixed: dict[str, object]
    axes: dict[str, list]
    points: tuple[Point, ...]

    def describe(self) -> dict[str, object]:
        """Return the content of `sweep.json`."""
        is_told = self.function and self.notebook
        pages = pages_of(self).points if is_told else self.points
        notebook = relative_to_repository(self.notebook) if self.notebook else ""
        return {
            "name": self.name,
            "title": self.title,
            "file": relative_to_repository(self.path),
            "notebook": notebook,
            "function": self.function,
            "parameters": self.fixed,
            "axes": self.axes,
            "points": [
                {
                    "key": p.key,
                    "page": page.key,
                    "parameters": {
                        n: v for n, v in p.parameters.items() if n not in self.fixed
                    },
                }
                for p, page in zip(self.points, pages, strict=True)
            ],
        }


def load_sweep(
    path: str | Path,
    *,
    given: Mapping[str, object] | None = None,
    modules: Collection[str] = (),
) -> Sweep:
    """Return the sweep of a file.

    Numbers such as `1e-3`, which YAML takes for text, become what the notebook
    declares. Parameters are those of the notebook, all of them checked.

    Args:
        path: YAML file with the keys `notebook` (a path beside the file or from the
            repository's root), `parameters` (fixed values), `grid` (a list of values
            for each name, run in all combinations) and `points` (a list of mappings,
            each run with the whole grid); `profile` (of the notebook in the plan),
            `title`, and `function` ("module:name", run in the notebook's stead). With
            a function and a title, `notebook` can be left out.
        given: Values in the place of those that the file fixes.
        modules: As in `check_place`.

    Raises:
        ValueError: The file is no such thing: what, and what to do; of wrong names and
            values all together.
    """
    path = Path(path)
    content = read_content(path)
    check_count(path, content)
    if content.function:
        check_place(content.function, modules)
    notebook = _find_notebook(path, content)
    known = _find_parameters(path, notebook, content)
    given = dict(given or {})
    content = content._replace(parameters=content.parameters | given)
    faults = Faults()
    _check_names(path, known, content, faults)
    fixed = _profile(path, content.profile, notebook) | content.parameters
    base = {n: p.default for n, p in known.items()}
    place = f"{path}: "
    base |= _coerce(known, fixed, place, faults)
    axes = {
        name: [_coerce(known, {name: each}, place, faults).get(name) for each in values]
        for name, values in content.grid.items()
    }
    points = [
        _coerce(known, point, f"{path}: point {number}: ", faults)
        for number, point in enumerate(content.points, start=1)
    ] or [{}]
    faults.tell()
    varying = [*points[0], *axes]
    _check_complete(path, base, varying)
    stem = "-".join([path.stem, *(str(value) for value in given.values())])
    return Sweep(
        name=slug(stem),
        title=content.title or _title(notebook),
        path=path.resolve(),
        notebook=notebook,
        function=content.function,
        fixed={n: v for n, v in base.items() if n not in varying},
        axes=axes,
        points=_combine(path, notebook, content.function, base, points, axes),
    )


def _combine(path, notebook, function, base, points, axes) -> tuple[Point, ...]:
    found = {}
    for point, *values in itertools.product(points, *axes.values()):
        chosen = point | dict(zip(axes, values, strict=True))
        parameters = base | chosen
        label = ", ".join(f"{name}={value}" for name, value in chosen.items())
        identity = _identify(notebook, function, parameters)
        made = Point(key_of(identity), identity, parameters, label)
        if made.key in found:
            raise ValueError(
                f"{path}: each point must differ. Received twice: {label}. Keep one."
            )
        found[made.key] = made
    return tuple(found.values())


def pages_of(sweep: Sweep) -> Sweep:
    """Return the sweep of the notebook at the points of a function's sweep."""
    points = []
    for point in sweep.points:
        identity = notebook_identity(sweep.notebook, point.parameters)
        made = dataclasses.replace(point, key=key_of(identity), identity=identity)
        points.append(made)
    title = f"{sweep.title}, pages"
    return dataclasses.replace(sweep, title=title, function="", points=tuple(points))


def _identify(
    notebook: Path | None, function: str, parameters: Mapping[str, object]
) -> dict[str, object]:
    """Return the identity of a point's run: of the function, else of the notebook."""
    if function:
        return function_identity(function, parameters)
    return notebook_identity(notebook, parameters)


def _title(notebook: Path) -> str:
    return notebook_title(read_notebook(notebook), notebook.stem)


def _find_notebook(path: Path, content: Content) -> Path | None:
    name = content.notebook
    if not name:
        if content.function and content.title:
            return None
        raise ValueError(
            f"{path} must name its `notebook`, or a `function` with a `title`. "
            "Received: neither. Give the notebook's path from the repository's root, "
            "or beside the file."
        )
    for folder in (paths.repository_root(), path.absolute().parent):
        if (folder / name).is_file():
            return local_notebook(folder / name)
    return local_notebook(name)  # says what is wrong with it


def _check_complete(path: Path, base: dict[str, object], varying: list[str]) -> None:
    # A function's parameter, unlike a notebook's, can be without a default.
    missing = [n for n, value in base.items() if value is inspect.Parameter.empty]
    missing = [name for name in missing if name not in varying]
    if missing:
        raise ValueError(
            f"{path}: {', '.join(missing)} must be given, since the function has no "
            "default for it. Add it to `parameters` or to `grid`."
        )


def _find_parameters(
    path: Path, notebook: Path | None, content: Content
) -> dict[str, Parameter]:
    if notebook is None:
        return function_parameters(content.function)
    known = read_parameters(notebook)
    if content.function:
        _check_function(path, content.function, known)
    return known


def _check_function(path: Path, name: str, known: dict[str, Parameter]) -> None:
    taken = function_parameters(name)
    for parameter in known.values():
        if parameter.name not in taken or taken[parameter.name].type != parameter.type:
            raise ValueError(
                f"{path}: function {name} must take the notebook's parameters. It does "
                f"not take {parameter.name!r} as {parameter.type}. Let both declare "
                "the same."
            )


def _check_names(
    path: Path, known: dict[str, Parameter], content: Content, faults: Faults
) -> None:
    places = {
        "parameters": content.parameters,
        "grid": content.grid,
        "points": dict(*content.points[:1]),
    }
    seen: dict[str, str] = {}
    for place, names in places.items():
        for name in names:
            with faults.gather(f"{path}: "):
                if name not in known:
                    raise ValueError(unknown_name("parameter", name, known))
                if name in seen:
                    raise ValueError(
                        f"each parameter must have one place. Received: {name!r} in "
                        f"`{seen[name]}` and in `{place}`. Remove one."
                    )
            seen[name] = place


def _profile(path: Path, profile: str, notebook: Path | None) -> dict[str, object]:
    if not profile or profile == QUICK:
        return {}
    if notebook is None:
        raise ValueError(
            f"{path}: a `profile` is that of a notebook, and none is named. Received: "
            f"{profile!r}. Leave it out."
        )
    entries = {entry.notebook.resolve(): entry for entry in load_plan(_PLAN)}
    profiles = entries[notebook].profiles if notebook in entries else {}
    if profile not in profiles:
        message = unknown_name("profile", profile, [QUICK, *profiles])
        raise ValueError(f"{path}: {notebook.name} in experiments/plan.yaml: {message}")
    return dict(profiles[profile])


def _coerce(
    known: dict[str, Parameter],
    values: Mapping[str, object],
    place: str,
    faults: Faults,
) -> dict[str, object]:
    """Return the values as their parameters' types; what is wrong goes to `faults`."""
    coerced = {}
    for name, value in values.items():
        with faults.gather(place):
            if name in known:  # else it is told already
                found = {name: coerce_value(known[name], value)}
                coerced |= resolve_inputs(found)
    return coerced
