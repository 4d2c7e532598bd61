"""What a worker does for one point; all that it learns is in the task it is given."""

import dataclasses
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

import dask

from happymaps.base.paths import CUSTOM_OBJECTS
from happymaps_runs.notebooks.execution import run_notebook
from happymaps_runs.notebooks.process import Outcome
from happymaps_runs.notebooks.records import RunError, RunRecord
from happymaps_runs.store.functions import keep_failure, now, run_function
from happymaps_runs.store.identity import function_identity, key_of, notebook_identity
from happymaps_runs.store.run_store import RunStore


class Task(NamedTuple):
    """One point, as it travels to a worker.

    Attributes:
        store: Path of the store, the same on every machine.
        key: Of the run.
        notebook: Absolute path.
        function: "module:name", run in the notebook's stead; or "".
        parameters: All of them, coerced.
        identity: What the key stands for.
        call: Of the sweep, which tells its own failures from older ones.
        force: Whether to run what is there.
        timeout: Seconds for the run; None without end.
        surroundings: Of the record; a worker need not find them out for each point.
        opening: The variables that say how networks and images are opened; those that
            the sweep has not set are "".
    """

    store: str
    key: str
    notebook: str
    function: str
    parameters: dict[str, object]
    identity: dict[str, object]
    call: str
    force: bool
    timeout: float | None
    surroundings: dict[str, object]
    opening: dict[str, str]


class Result(NamedTuple):
    """How a point went, as it travels back.

    Attributes:
        status: "completed" or "failed".
        seconds: Of the run; 0 if it was there already.
        error: `kind: name: message` in one line, or "".
    """

    status: str
    seconds: float
    error: str = ""


class WorkerError(RuntimeError):
    """A worker that cannot do any point of the sweep."""


def run_point(task: Task) -> Result:
    """Run a point unless the store has it; keep what came of it.

    An error of the notebook or the function is a result, so that the scheduler does
    not try again what would fail again.

    Raises:
        WorkerError: This worker sees another store, or lacks the module of layers.
    """
    _set_opening(task.opening)
    store = RunStore(task.store)
    _check_store(store)
    record = store.find(task.key)
    # Of a run that was forced, another worker may have died after it was done.
    if record and (not task.force or record.get("call") == task.call):
        return Result("completed", 0.0)
    failure = store.find_failure(task.key)
    if failure and failure.get("call") == task.call:
        return Result("failed", failure["seconds"] or 0.0, one_line(failure["error"]))
    record = _run(store, task)
    error = one_line(record.error) if record.error else ""
    return Result(record.status, record.seconds or 0.0, error)


def _set_opening(opening: dict[str, str]) -> None:
    # Workers of a scheduler that runs already have the environment of their start.
    for name, value in opening.items():
        os.environ[name] = value
        if not value:
            del os.environ[name]
    module = opening[CUSTOM_OBJECTS]
    if module.endswith(".py") and not Path(module).is_file():
        raise WorkerError(
            "A worker must see the module of --custom-objects at the same path. "
            f"Received: {module}, where there is no file here. Put it on a disk that "
            "all machines share."
        )


def one_line(error: dict[str, object]) -> str:
    """Return the error of a record as `kind: name: message`."""
    parts = [str(error.get(name) or "") for name in ("kind", "name", "message")]
    return " ".join(": ".join(filter(None, parts)).split())[:300]


def _check_store(store: RunStore) -> None:
    if not store.exists:
        raise WorkerError(
            "A worker must see the run store at the same path. Received: "
            f"{store.root}, which holds none here. Put the store on a disk that all "
            "machines share."
        )


def _refusal(task: Task) -> str:
    """Return why this worker would keep the run under another key, "" if it would not.

    Such a run would lie where the sweep never looks.
    """
    if task.function:
        here = function_identity(task.function, task.parameters)
    else:
        here = notebook_identity(Path(task.notebook), task.parameters)
    if key_of(here) == task.key:
        return ""
    there = task.identity
    versions = here["versions"], there["versions"]
    found = [
        f"{name} {value} instead of {versions[1].get(name)}"
        for name, value in versions[0].items()
        if value != versions[1].get(name)
    ]
    others = {
        "code": "other code in the notebook or the function's module",
        "imports": "another version of our own modules",
        "files": "other images or another network in the files named",
    }
    found += [text for name, text in others.items() if here[name] != there[name]]
    return (
        "a worker must make what the sweep asks for. Received, where it runs: "
        f"{'; '.join(found)}. Install the same revision and lock there, start the "
        "worker again, and give --retry-failed"
    )


def _run(store: RunStore, task: Task) -> RunRecord:
    refusal = _refusal(task)
    if refusal:
        outcome = Outcome("another worker", message=refusal)
        return keep_failure(store, record_of(task), outcome)
    if task.function:
        deadline = _Deadline(store, task)
        try:
            # Else xarray would ask the scheduler for leave to write a file, and fail
            # when that is lost.
            with dask.config.set(scheduler="synchronous"):
                return run_function(
                    store,
                    task.function,
                    task.parameters,
                    replace=task.force,
                    call=task.call,
                    **task.surroundings,
                )
        finally:
            deadline.cancel()
    try:
        return run_notebook(
            task.notebook,
            task.parameters,
            store.folder(task.key),
            timeout=task.timeout,
            environment={"HAPPYMAPS_STORE": task.store},
            identity=task.identity,
            call=task.call,
            replace=task.force,
        )
    except RunError as error:
        return error.record


class _Deadline:
    """Ends this worker when a function takes too long: a thread cannot be stopped.

    The failure is kept before, so that the next worker which is given the point finds
    it. The nanny starts the worker again.
    """

    def __init__(self, store: RunStore, task: Task) -> None:
        self._store, self._task = store, task
        self._started = time.monotonic()
        self._timer = None
        if task.timeout is not None:
            self._timer = threading.Timer(task.timeout, self._end)
            self._timer.daemon = True
            self._timer.start()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        message = f"it took longer than {self._task.timeout:g} s"
        seconds = round(time.monotonic() - self._started, 3)
        record = dataclasses.replace(record_of(self._task), seconds=seconds)
        keep_failure(self._store, record, Outcome("timeout", message=message))
        os._exit(1)


def record_of(task: Task) -> RunRecord:
    """Return the record of a run that left none itself."""
    return RunRecord(
        notebook="" if task.function else Path(task.notebook).name,
        title=task.function or Path(task.notebook).name,
        parameters=dict(task.parameters),
        status="failed",
        started=now(),
        function=task.function or None,
        key=task.key,
        identity=task.identity,
        call=task.call,
        **task.surroundings,
    )
