"""What lies in the folder of runs: collections, their runs, and what is wrong there.

`find_collections(root) -> [Collection(runs=(Run, ...)), ...]`, newest first. Reading
never raises on what a run left behind: an entry that cannot be read is returned with
status `"unreadable"` and the reason.
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

_SHA256 = re.compile(r"[0-9a-f]{64}")
STORE = "store.json"  # what a folder of sweeps and their runs holds
_OWN_FOLDERS = {"_assets", "figures"}


@dataclass(frozen=True)
class Run:
    """One notebook of a collection: `done`, `failed`, `missing` or `unreadable`.

    `path` is relative to `root`, with `/`.
    """

    root: Path
    path: str
    status: str
    record: dict = field(default_factory=dict)
    problem: str = ""

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.root / self.path

    @property
    def stem(self) -> str:
        """The notebook's name without suffix."""
        return self.folder.name


@dataclass(frozen=True)
class Collection:
    """Runs that belong together, in reading order."""

    name: str
    record: dict
    runs: tuple[Run, ...]
    problem: str = ""

    @property
    def created(self) -> str:
        """The ISO date of the collection, else of its newest run, else empty."""
        started = [str(run.record.get("started", "")) for run in self.runs]
        return str(self.record.get("created") or max(started, default=""))


def find_collections(root: Path) -> list[Collection]:
    """Return the collections below `root`, newest first, single runs last.

    A folder that holds `run.json` or `notebook.ipynb` is a run. Its collection is the
    first folder below `root`; runs directly below `root` form one without a name.

    Args:
        root: The folder the runner writes to.
    """
    groups: dict[str, list[Run]] = {}
    for descriptor in sorted(root.glob("*/collection.json")):
        groups[descriptor.parent.name] = []
    for folder in _run_folders(root):
        groups.setdefault(_collection_name(root, folder), []).append(
            read_run(root, folder)
        )
    collections = [_collect(root, name, runs) for name, runs in groups.items()]
    collections.sort(key=lambda each: (bool(each.name), each.created), reverse=True)
    return collections


def read_json(path: Path) -> tuple[dict, str]:
    """Return the object in a JSON file and, when there is none, what is wrong."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, f"{path.name} is missing"
    except (OSError, ValueError) as error:
        return {}, f"{path.name} cannot be read: {error}"
    if not isinstance(value, dict):
        return {}, f"{path.name} holds a {type(value).__name__}, expected an object"
    return value, ""


def _run_folders(root: Path) -> list[Path]:
    """Return the folders of runs below `root`, none of a store: it has its own pages.

    Hidden folders are runs still under way.
    """
    found = []
    for parent, names, files in os.walk(root):
        folder = Path(parent)
        if folder != root and STORE in files:
            names.clear()
            continue
        names[:] = [n for n in names if n not in _OWN_FOLDERS and n[0] != "."]
        if folder != root and {"run.json", "notebook.ipynb"} & set(files):
            found.append(folder)
    return sorted(found)


def _collection_name(root: Path, folder: Path) -> str:
    parts = [part for part in folder.relative_to(root).parts if part != "failed"]
    return parts[0] if len(parts) > 1 else ""


def read_run(root: Path, folder: Path) -> Run:
    """Return the run in `folder`, which lies below `root`."""
    path = folder.relative_to(root).as_posix()
    record, problem = read_json(folder / "run.json")
    if problem:
        return Run(root, path, "unreadable", record, problem)
    problem = _refusal(folder, record)
    if folder.parent.name == "failed" or record.get("status") == "failed":
        return Run(root, path, "failed", record, problem)
    return Run(root, path, "unreadable" if problem else "done", record, problem)


def _refusal(folder: Path, record: dict) -> str:
    """Return why the notebook in `folder` is not rendered, empty when it is."""
    if not (folder / "notebook.ipynb").is_file():
        return "notebook.ipynb is missing"
    hashes = _hashes(record)
    if not hashes:
        return (
            "run.json holds no sha256 of the notebook's source, so this notebook was "
            "not executed by happymaps and is not rendered"
        )
    expected = hashes.get("notebook.ipynb")
    if expected and expected != _sha256(folder / "notebook.ipynb"):
        return "notebook.ipynb was changed after the run: its sha256 differs"
    return ""


def _hashes(record: dict) -> dict[str, str]:
    """Return every sha256 in a run's record by name, whatever the record calls them."""
    named = {}
    for key, value in record.items():
        if "sha256" in key:
            named |= value if isinstance(value, dict) else {key: value}
    return {
        str(name): value
        for name, value in named.items()
        if isinstance(value, str) and _SHA256.fullmatch(value)
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _collect(root: Path, name: str, runs: list[Run]) -> Collection:
    record, problem = {}, ""
    if (root / name / "collection.json").exists():
        record, problem = read_json(root / name / "collection.json")
    planned = record.get("notebooks")
    planned = planned if isinstance(planned, list) else []
    order = [str(s).split("/")[-1].removesuffix(".ipynb") for s in planned]
    known = {run.stem for run in runs}
    absent = [
        Run(root, f"{name}/{s}".lstrip("/"), "missing") for s in order if s not in known
    ]
    position = {stem: index for index, stem in enumerate(order)}
    # A failed repeat stands right after the run that succeeded earlier.
    ordered = sorted(
        [*runs, *absent],
        key=lambda r: (position.get(r.stem, len(order)), r.stem, r.status == "failed"),
    )
    return Collection(name, record, tuple(ordered), problem)
