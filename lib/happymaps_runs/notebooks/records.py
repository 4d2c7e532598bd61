"""The record of a run, `run.json`, and the exception for one that failed."""

import dataclasses
import os
import platform
from pathlib import Path

from happymaps.base.provenance import installed_versions, read_commit
from happymaps_runs.json_files import write_json
from happymaps_runs.notebooks.notebooks import file_sha256
from happymaps_runs.notebooks.process import Outcome


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """What is known of a run; `run.json` holds the same but for `folder`.

    Attributes:
        notebook: Its path from the repository's root; outside of it the file's name.
        title: Its first heading.
        parameters: All of them, the defaults too.
        status: "completed", "failed" or "not run".
        started: UTC, ISO 8601.
        seconds: How long it took.
        versions: Of Python and the packages; None for one that is not installed.
        commit: `{"revision": ..., "dirty": ...}`, None outside a git checkout.
        machine: `{"cpus": ..., "platform": ...}`.
        artefact_sha256: Of each file beside `run.json`, by relative path.
        source_sha256: Of the notebook as it was run; None of a function's run.
        function: "module:name" of the library function that ran, None of a notebook's.
        key: Of the run in a store, None outside.
        identity: What the key stands for, see `happymaps_runs.store.identity`.
        call: Of the sweep that ran it; None outside of sweeps.
        error: The fields of `Outcome`; None unless it failed.
        folder: Where the run lies.
    """

    notebook: str
    title: str
    parameters: dict[str, object]
    status: str
    started: str | None = None
    seconds: float | None = None
    versions: dict[str, str | None] = dataclasses.field(default_factory=dict)
    commit: dict[str, object] | None = None
    machine: dict[str, object] = dataclasses.field(default_factory=dict)
    artefact_sha256: dict[str, str] = dataclasses.field(default_factory=dict)
    source_sha256: str | None = None
    function: str | None = None
    key: str | None = None
    identity: dict[str, object] | None = None
    call: str | None = None
    error: dict[str, object] | None = None
    folder: Path | None = None

    def write(self, path: Path) -> None:
        """Write the record as JSON."""
        content = dataclasses.asdict(self)
        del content["folder"]
        write_json(path, content)


class RunError(Exception):
    """A notebook did not run to its end.

    Attributes:
        record: The `RunRecord`; its `folder` holds the notebook as it failed.
        notebook: Its path from the repository's root.
        kind: As in `Outcome`.
        cell: Index, from 0, of the cell in the notebook; None when unknown.
        parameters: All parameters of the run.
    """

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self.notebook = record.notebook
        self.parameters = record.parameters
        self.kind = record.error["kind"]
        self.cell = record.error["cell"]
        super().__init__(self._message())

    def _message(self) -> str:
        error = self.record.error
        place = ""
        if self.cell is not None:
            place = f" in cell {self.cell} (In [{error['execution_count'] or ' '}])"
        reasons = (self.kind, error["name"], error["message"].rstrip("."))
        reason = ": ".join(text for text in reasons if text)
        parameters = ", ".join(f"{k}={v!r}" for k, v in self.parameters.items())
        where = f" See {self.record.folder}." if self.record.folder else ""
        return (
            f"{self.notebook} failed{place}: {reason}."
            f" Parameters: {parameters or 'none'}.{where}"
        )


def describe_error(outcome: Outcome) -> dict[str, object] | None:
    """Return the outcome for `RunRecord.error`."""
    return dataclasses.asdict(outcome) if outcome.kind else None


def describe_surroundings() -> dict[str, object]:
    """Return `versions`, `commit` and `machine` of a `RunRecord`."""
    machine = {"cpus": os.cpu_count(), "platform": platform.platform()}
    return {
        "versions": installed_versions(),
        "commit": read_commit(),
        "machine": machine,
    }


def hash_artefacts(folder: Path) -> dict[str, str]:
    """Return the sha256 of each file below `folder`, by relative path."""
    return {
        path.relative_to(folder).as_posix(): file_sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "run.json"
    }
