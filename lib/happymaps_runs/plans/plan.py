"""The plan: which notebooks make up a report, in which order, with which parameters."""

import dataclasses
import graphlib
from collections.abc import Mapping
from pathlib import Path

import yaml

from happymaps.base import paths
from happymaps.base.messages import unknown_name
from happymaps_runs.folders import slug
from happymaps_runs.notebooks.notebooks import local_notebook
from happymaps_runs.notebooks.parameters import Parameter, coerce_value, read_parameters

QUICK = "quick"


@dataclasses.dataclass(frozen=True)
class PlanEntry:
    """One notebook of the plan.

    Attributes:
        notebook: Absolute path.
        after: Names of the notebooks that must have completed first.
        profiles: By profile, the parameters that differ from the notebook's defaults.
        timed: Whether it measures time. Such a notebook runs alone, after all others,
            with all processors and the arithmetic that TensorFlow has by itself.
        only: The profiles that it runs in; in all if there are none.
    """

    notebook: Path
    after: tuple[str, ...] = ()
    profiles: Mapping[str, Mapping[str, object]] = dataclasses.field(
        default_factory=dict
    )
    timed: bool = False
    only: tuple[str, ...] = ()

    def runs_in(self, profile: str) -> bool:
        """Return whether a report of this profile has the notebook."""
        return not self.only or profile in self.only

    @property
    def name(self) -> str:
        """The file name without ending, which names the entry."""
        return self.notebook.stem


def load_plan(path: str | Path) -> list[PlanEntry]:
    """Return the entries of a plan, in the order of the file, which is that of reading.

    Args:
        path: YAML file; notebooks count from the repository's root.

    Raises:
        ValueError: An unknown key, a name that is missing or there twice, a circle.
    """
    content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not isinstance(content.get("notebooks"), list):
        raise ValueError(
            f"{path} must hold `notebooks:` and a list. Received: {type(content)}. "
            "See experiments/plan.yaml."
        )
    entries = [_parse_entry(item) for item in content["notebooks"]]
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(
            f"Each notebook of {path} must have a file name of its own, since its run "
            f"goes by that. Received twice: {', '.join(twice)}. Rename one."
        )
    for name in names:
        if name != slug(name):
            raise ValueError(
                "A notebook of the plan must have a file name of small letters, "
                f"digits, '.', '_' and '-'. Received: {name!r}. Rename it."
            )
    _check_order(entries)
    return entries


def _parse_entry(item: object) -> PlanEntry:
    if not isinstance(item, dict) or not isinstance(item.get("notebook"), str):
        raise ValueError(
            f"Each entry of a plan must name its `notebook`. Received: {item!r}."
        )
    keys = ("notebook", "after", "profiles", "timed", "only")
    for key in item:
        if key not in keys:
            raise ValueError(unknown_name("key of the plan", key, keys))
    return PlanEntry(
        notebook=paths.repository_root() / item["notebook"],
        after=tuple(item.get("after") or ()),
        profiles={k: v or {} for k, v in (item.get("profiles") or {}).items()},
        timed=item.get("timed") is True,
        only=tuple(item.get("only") or ()),
    )


def _check_order(entries: list[PlanEntry]) -> None:
    by_name = {entry.name: entry for entry in entries}
    for entry in entries:
        for name in entry.after:
            if name not in by_name:
                message = unknown_name("notebook", name, by_name)
                raise ValueError(f"`after` of {entry.name}: {message}")
        awaited = [by_name[name] for name in entry.after]
        for each in awaited:
            if each.only and not (entry.only and set(entry.only) <= set(each.only)):
                raise ValueError(
                    "A notebook runs in no other profiles than those that it waits "
                    f"for. Received: `after: {list(entry.after)}` of {entry.name}, "
                    f"and `only: {list(each.only)}` of {each.name}."
                )
        if not entry.timed and any(each.timed for each in awaited):
            raise ValueError(
                "A timed notebook runs after all others, so none of them can wait for "
                f"it. Received: `after: {list(entry.after)}` of {entry.name}."
            )
    try:
        order_entries(entries).prepare()
    except graphlib.CycleError as error:
        circle = " -> ".join(error.args[1])
        raise ValueError(
            f"`after` must not lead back. Received: {circle}. Remove one of these."
        ) from error


def order_entries(entries: list[PlanEntry]) -> graphlib.TopologicalSorter:
    """Return the sorter of the entries' names."""
    return graphlib.TopologicalSorter({entry.name: entry.after for entry in entries})


def choose_parameters(
    entries: list[PlanEntry], profile: str, shared: Mapping[str, object]
) -> dict[str, dict[str, object]]:
    """Return the full parameters of each notebook of a plan, all of them checked.

    Args:
        entries: The plan.
        profile: `"quick"` for the notebooks' defaults, or one that the plan names.
        shared: Values for those notebooks that declare the name; None for no value.
            `image_size` is (height, width), and is given as the notebook declares it:
            as list, as `"HxW"`, or as one number when the sides are equal.

    Raises:
        ValueError: Unknown profile or parameter, a value of another type, or a shared
            value that no notebook takes.
    """
    _check_profile(entries, profile)
    shared = {name: value for name, value in shared.items() if value is not None}
    chosen, taken = {}, set()
    for entry in entries:
        known = read_parameters(local_notebook(entry.notebook))
        given = dict(entry.profiles.get(profile, {}))
        given |= {name: value for name, value in shared.items() if name in known}
        taken |= shared.keys() & known.keys()
        chosen[entry.name] = _coerce_all(entry, known, given)
    for name in shared.keys() - taken:
        raise ValueError(
            f"Some notebook of the plan must declare {name!r}. Received: "
            f"{shared[name]!r}, which none would see. Leave it out."
        )
    return chosen


def _check_profile(entries: list[PlanEntry], profile: str) -> None:
    named = (name for entry in entries for name in (*entry.profiles, *entry.only))
    profiles = list(dict.fromkeys([QUICK, *named]))
    if profile not in profiles:
        raise ValueError(unknown_name("profile", profile, profiles))


def _coerce_all(
    entry: PlanEntry, known: dict[str, Parameter], given: dict[str, object]
) -> dict[str, object]:
    for name in given:
        if name not in known:
            message = unknown_name("parameter", name, known)
            raise ValueError(f"{entry.notebook.name}: {message}")
    if "image_size" in given:
        size = _spell_size(known["image_size"], given["image_size"])
        given = given | {"image_size": size}
    return {
        name: coerce_value(parameter, given.get(name, parameter.default))
        for name, parameter in known.items()
    }


def _spell_size(parameter: Parameter, size: object) -> object:
    if not isinstance(size, tuple):
        return size
    if parameter.type == "str":
        return "x".join(map(str, size))
    if parameter.type == "int" and size[0] == size[1]:
        return size[0]
    return list(size)
