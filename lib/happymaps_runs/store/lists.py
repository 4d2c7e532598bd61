"""Reports and sweeps: lists of runs, in files that name their keys.

reports/<name>.json         notebooks of a report, in reading order
sweeps/<name>/sweep.json    points of a sweep
"""

import json
from collections.abc import Callable
from pathlib import Path

from happymaps_runs.json_files import write_json
from happymaps_runs.store.run_store import RunStore, is_key

Tell = Callable[[str], None]


def write_report(store: RunStore, name: str, content: dict[str, object]) -> None:
    """Write the list of a report.

    Args:
        store: The store.
        name: A file name without ending.
        content: `notebooks` is a list of mappings with `name` and `key`.
    """
    folder = store.root / "reports"
    folder.mkdir(exist_ok=True)
    write_json(folder / f"{name}.json", {"name": name} | content)


def read_reports(store: RunStore, tell: Tell | None = None) -> list[dict]:
    """Return the list of each report, the newest first.

    Args:
        store: The store.
        tell: Is told of each damaged list, which is left out; None to raise.

    Raises:
        ValueError: A damaged list, and nobody to tell.
    """
    paths = sorted(store.root.glob("reports/*.json"))
    found = _read_all(paths, "notebooks", tell)
    return sorted(found, key=lambda each: str(each.get("created")), reverse=True)


def read_sweeps(store: RunStore, tell: Tell | None = None) -> list[dict]:
    """Return the list of each sweep, by name; as `read_reports`."""
    paths = sorted(store.root.glob("sweeps/*/sweep.json"))
    return _read_all(paths, "points", tell)


def named_keys(store: RunStore, tell: Tell | None = None) -> set[str]:
    """Return the keys that reports and sweeps name; as `read_reports`."""
    reports, sweeps = read_reports(store, tell), read_sweeps(store, tell)
    notebooks = (each for report in reports for each in report["notebooks"])
    points = (each for sweep in sweeps for each in sweep["points"])
    return {each["key"] for each in notebooks} | {
        key for point in points for key in (point["key"], point.get("page", ""))
    }


def _read_all(paths: list[Path], kind: str, tell: Tell | None) -> list[dict]:
    found = []
    for path in paths:
        try:
            found.append(_read(path, kind))
        except ValueError as error:
            if tell is None:
                raise
            tell(str(error))
    return found


def _read(path: Path, kind: str) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        keys = [each["key"] for each in content[kind]]
        keys += [each["page"] for each in content[kind] if each.get("page")]
        is_named = isinstance(content["name"], str)
        if is_named and all(map(is_key, keys)):
            return content
        error = f"a {kind} without a key" if is_named else "no name"
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as raised:
        error = f"{type(raised).__name__}: {raised}"
    except AttributeError:
        error = f"{kind} of another kind"
    raise ValueError(
        f"{path} must list runs by their keys. Received: {error}. Remove the file, and "
        "run the report or the sweep again."
    )
