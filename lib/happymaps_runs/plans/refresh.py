"""Execute committed notebooks in place, as nbval will compare them."""

import concurrent.futures
import json
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from happymaps.base import paths
from happymaps_runs.folders import check_writable, temporary_folder
from happymaps_runs.notebooks.execution import execute_with_retry
from happymaps_runs.notebooks.notebooks import (
    check_language,
    local_notebook,
    read_notebook,
    relative_to_repository,
)
from happymaps_runs.notebooks.process import Outcome
from happymaps_runs.notebooks.records import RunError, RunRecord, describe_error
from happymaps_runs.plans.due import made_from
from happymaps_runs.plans.plan import PlanEntry, load_plan

KERNELSPEC = {
    "display_name": "Python 3 (ipykernel)",
    "language": "python",
    "name": "python3",
}
_TRANSIENT = ("papermill", "execution", "ExecuteTime", "collapsed", "scrolled")
_QUIET = {"HAPPYMAPS_QUIET": "1"}
# What notebooks are made with. The root's conftest.py has nbval run them so too, unless
# the caller's environment says otherwise.
ENVIRONMENT = _QUIET | {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_NUM_INTRAOP_THREADS": "1"}


def committed_notebooks() -> list[Path]:
    """Return the notebooks of the repository: the plan's in its order, then by name."""
    root = paths.repository_root()
    planned = [entry.notebook for entry in _plan()]
    found = [
        path
        for folder in ("experiments", "notebooks")
        for path in sorted((root / folder).rglob("*.ipynb"))
        if not any(part.startswith(".") for part in path.relative_to(root).parts)
    ]
    # One notebook may need what another of the plan has made.
    first = [path for path in planned if path in found]
    return first + [path for path in found if path not in first]


def _plan() -> list[PlanEntry]:
    return load_plan(paths.repository_root() / "experiments" / "plan.yaml")


def timed_notebooks() -> set[Path]:
    """Return the notebooks of the repository's plan that measure time."""
    return {entry.notebook for entry in _plan() if entry.timed}


def refresh_notebook(
    notebook: str | Path,
    *,
    timeout: float | None = None,
    stop: threading.Event | None = None,
) -> float:
    """Execute a notebook with its defaults and write the outputs into it.

    The file is replaced whole, and only when every cell ran, and gets the key of
    `due`. Cell ids stay; times, versions and what else changes from run to run is left
    out of the metadata.

    A notebook that the plan calls timed runs as fast as TensorFlow can; all others run
    as nbval will run them.

    Args:
        notebook: Path of the `.ipynb` file.
        timeout: Seconds for the whole run.
        stop: Set it from another thread to interrupt the run.

    Returns:
        How many seconds it took.

    Raises:
        ValueError: No such notebook.
        OSError: Its folder cannot be written to.
        RunError: It did not run to its end; the file is as it was.
    """
    path = local_notebook(notebook)
    check_language(read_notebook(path), path.name)
    check_writable(path.parent)
    started = time.monotonic()
    with temporary_folder() as folder:
        environment = _QUIET if path in timed_notebooks() else ENVIRONMENT
        options = {"environment": environment, "timeout": timeout, "stop": stop}
        outcome = execute_with_retry(path, {}, folder, **options)
        if outcome.kind is not None:
            raise RunError(_failed_record(path, outcome))
        executed = json.loads((folder / "notebook.ipynb").read_text(encoding="utf-8"))
    content = normalize_notebook(executed)
    content["metadata"]["happymaps"] = {"made_from": made_from(content)}
    _replace_file(path, content)
    return time.monotonic() - started


def refresh_notebooks(
    notebooks: list[Path], *, timeout: float | None = None, jobs: int = 1
) -> list[RunError]:
    """Refresh several notebooks, print a line for each, and return what failed.

    Args:
        notebooks: In the order to start them; timed ones come last.
        timeout: Seconds for each run.
        jobs: How many run at a time; with more than one they must not need each other.
            Timed ones run alone.
    """
    stop, failed = threading.Event(), []

    def refresh_one(notebook: Path) -> None:
        if stop.is_set():
            return
        try:
            seconds = refresh_notebook(notebook, timeout=timeout, stop=stop)
            print(f"{notebook.name}  refreshed  {seconds:.1f} s", flush=True)
        except RunError as error:
            failed.append(error)
            print(f"{notebook.name}  failed", flush=True)

    timed = timed_notebooks()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            list(pool.map(refresh_one, (n for n in notebooks if n not in timed)))
            for notebook in notebooks:
                if notebook in timed:
                    refresh_one(notebook)
        except BaseException:
            stop.set()
            raise
    return failed


def _failed_record(path: Path, outcome: Outcome) -> RunRecord:
    return RunRecord(
        notebook=relative_to_repository(path),
        title=path.stem,
        parameters={},
        status="failed",
        error=describe_error(outcome),
    )


def normalize_notebook(content: Mapping) -> dict:
    """Return an executed notebook without what changes from one run to the next.

    Args:
        content: As in the file; it is left alone.
    """
    metadata = {
        key: value
        for key, value in content["metadata"].items()
        if key not in ("papermill", "widgets")
    }
    metadata |= {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
    cells = [
        dict(cell) | {"metadata": _lasting(cell["metadata"])}
        for cell in content["cells"]
    ]
    return dict(content) | {"metadata": metadata, "cells": cells}


def _lasting(metadata: Mapping) -> dict:
    return {
        key: value
        for key, value in metadata.items()
        if key not in _TRANSIENT and (key, value) != ("tags", [])
    }


def _replace_file(path: Path, content: dict) -> None:
    # The form in which nbformat and JupyterLab write, for small diffs.
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text + "\n", encoding="utf-8")
        shutil.copymode(path, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
