"""Reports and sweeps: lists of runs, in files that name their keys.

reports/<name>.json         notebooks of a report, in reading order
sweeps/<name>/sweep.json    points of a sweep
"""

import json
from pathlib import Path

from happymaps_runs.json_files import write_json
from happymaps_runs.store.run_store import RunStore


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


def read_reports(store: RunStore) -> list[dict]:
    """Return the list of each report, the newest first."""
    found = [_read(path, "notebooks") for path in store.root.glob("reports/*.json")]
    return sorted(found, key=lambda each: str(each.get("created")), reverse=True)


def read_sweeps(store: RunStore) -> list[dict]:
    """Return the list of each sweep, by name."""
    paths = sorted(store.root.glob("sweeps/*/sweep.json"))
    return [_read(path, "points") for path in paths]


def named_keys(store: RunStore) -> set[str]:
    """Return the keys that reports and sweeps name."""
    notebooks = (each for report in read_reports(store) for each in report["notebooks"])
    points = (each for sweep in read_sweeps(store) for each in sweep["points"])
    return {each["key"] for each in notebooks} | {
        key for point in points for key in (point["key"], point.get("page", ""))
    }


def _read(path: Path, kind: str) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if all(isinstance(each["key"], str) for each in content[kind]):
            return content
        error = f"a {kind} without a key"
    except (OSError, ValueError, KeyError, TypeError) as raised:
        error = f"{type(raised).__name__}: {raised}"
    raise ValueError(
        f"{path} must list runs by their keys. Received: {error}. Remove the file, and "
        "run the report or the sweep again."
    )
