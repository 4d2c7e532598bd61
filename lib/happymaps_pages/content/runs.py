"""What a store holds for readers: reports, sweeps, single runs, and what is wrong.

Reading never raises on what a run left behind: one that cannot be read is returned with
status `"unreadable"` and the reason.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from happymaps_runs.store.lists import named_keys, read_reports, read_sweeps
from happymaps_runs.store.run_store import RunStore

_NUM_NEWEST = 60
_NOTEBOOK = "notebook.ipynb"


@dataclass(frozen=True)
class Run:
    """A run that a page may tell of: `done`, `failed`, `missing` or `unreadable`.

    `path` is relative to `root`, with `/`; `stem` is the notebook's name.
    """

    root: Path
    path: str
    stem: str
    status: str
    record: dict = field(default_factory=dict)
    problem: str = ""

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.root / self.path


@dataclass(frozen=True)
class Collection:
    """Runs that belong together, in reading order: of a report, a sweep, or neither."""

    name: str
    record: dict
    runs: tuple[Run, ...]
    is_sweep: bool = False

    @property
    def created(self) -> str:
        """The ISO date of the collection, else of its newest run, else empty."""
        started = [str(run.record.get("started") or "") for run in self.runs]
        return str(self.record.get("created") or max(started, default=""))


class Library:
    """The runs of a store as a site sees them.

    Args:
        store: The store.
        root: The site's folder: that of the store, or the one above it.
    """

    def __init__(self, store: RunStore, root: Path) -> None:
        self.store, self._root = store, root
        # Where the store's folders lie, seen from the start page.
        self.prefix = "" if root == store.root else f"{store.root.name}/"

    def reports(self) -> list[Collection]:
        """Return the reports, the newest first."""
        return [
            Collection(
                report["name"],
                report,
                tuple(
                    run
                    for each in report["notebooks"]
                    for run in self.find(each["key"], str(each.get("name") or ""))
                ),
            )
            for report in read_reports(self.store, tell)
        ]

    def sweeps(self) -> list[Collection]:
        """Return the sweeps; of each the runs that kept a notebook."""
        return [
            Collection(sweep["name"], sweep, tuple(self._told(sweep)), is_sweep=True)
            for sweep in read_sweeps(self.store, tell)
        ]

    def _told(self, sweep: dict) -> Iterator[Run]:
        for point in sweep["points"]:
            for key in dict.fromkeys((point.get("page") or point["key"], point["key"])):
                folders = self.store.folder(key), self.store.failed_folder(key)
                if any((folder / _NOTEBOOK).is_file() for folder in folders):
                    for run in self.find(key):
                        if (run.folder / _NOTEBOOK).is_file():
                            yield run

    def single_runs(self) -> Collection:
        """Return the newest notebooks that were run by themselves."""
        named = named_keys(self.store, lambda _: None)  # told above
        found = [
            (str(record.get("started") or ""), key)
            for key, record in self.store.records(without=named)
            if record.get("notebook") and not record.get("call")
        ]
        newest = dict.fromkeys(key for _, key in sorted(found, reverse=True))
        chosen = list(newest)[:_NUM_NEWEST]
        runs = (run for key in chosen for run in self.find(key))
        # An interrupted one has left nothing to read.
        return Collection("", {}, tuple(r for r in runs if r.status != "missing"))

    def find(self, key: str, stem: str = "") -> Iterator[Run]:
        """Yield the run of a key, then its failure: a repeat can have failed."""
        failure = self.store.find_failure(key)
        if self.store.folder(key).exists():
            record = self.store.find(key) or {}
            problem = self._problem(key)
            status = "unreadable" if problem else "done"
            yield self._run(key, stem, status, record, problem)
        elif failure is None:
            yield self._run(key, stem, "missing", {}, "")
        if failure is not None:
            problem = self._problem(key, failed=True)
            yield self._run(f"failed/{key}", stem, "failed", failure, problem)

    def _run(
        self, folder: str, stem: str, status: str, record: dict, problem: str
    ) -> Run:
        name = stem or Path(str(record.get("notebook") or folder)).stem
        path = f"{self.prefix}{folder}"
        return Run(self._root, path, name, status, record, problem)

    def _problem(self, key: str, *, failed: bool = False) -> str:
        """Return why the notebook of a run is not rendered, empty when it is."""
        return "; ".join(self.store.problems(key, failed=failed, only=(_NOTEBOOK,)))


def tell(message: str) -> None:
    """Say what is left out of the pages, where the command says the rest."""
    print(message, file=sys.stderr, flush=True)


def read_json(path: Path) -> dict:
    """Return the object in a JSON file, empty when there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
