"""Run one notebook into a folder that is published whole or not at all."""

import contextlib
import dataclasses
import datetime
import functools
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from happymaps_runs import folders
from happymaps_runs.notebooks import oom
from happymaps_runs.notebooks.environment import held_back
from happymaps_runs.notebooks.notebooks import (
    file_sha256,
    kernel_name,
    local_notebook,
    notebook_title,
    read_notebook,
    relative_to_repository,
)
from happymaps_runs.notebooks.parameters import coerce_parameters
from happymaps_runs.notebooks.pictures import embed_pictures
from happymaps_runs.notebooks.process import DISK_FULL, Outcome, execute_in_worker
from happymaps_runs.notebooks.records import (
    RunError,
    RunRecord,
    describe_error,
    describe_surroundings,
    hash_artefacts,
)


def run_notebook(
    notebook: str | Path,
    parameters: Mapping[str, object],
    output_folder: str | Path,
    *,
    timeout: float | None = None,
    show_progress: bool = False,
    stop: threading.Event | None = None,
    environment: Mapping[str, str] | None = None,
    identity: Mapping[str, object] | None = None,
    call: str | None = None,
    replace: bool = True,
) -> RunRecord:
    """Execute a notebook with papermill; keep its outputs and a record of the run.

    The kernel works in the notebook's folder, sees few environment variables, and
    finds the folder for its results in `HAPPYMAPS_RUN_DIR`. On success
    `output_folder`, in the place of an older run, holds `notebook.ipynb`,
    `metrics.json`, `run.json` and what else the notebook wrote. A failed run goes to
    `failed/` beside and leaves the older one alone.

    Args:
        notebook: Path of the `.ipynb` file.
        parameters: Values by name, coerced to the types that the notebook declares.
        output_folder: Where the run is to lie.
        timeout: Seconds for the whole run.
        show_progress: Whether to show a bar on stderr.
        stop: Set it from another thread to interrupt the run.
        environment: Variables for the kernel on top of the allowed ones.
        identity: What the run depends on, to be noted; its folder is named by the key.
        call: Of the sweep, to be noted.
        replace: Whether a completed run that is there gives way.

    Raises:
        ValueError: No such notebook, or parameters that it does not take.
        RunError: It did not run to its end.
        OSError: Too little disk space, or the folder cannot be written.
    """
    path, output = local_notebook(notebook), Path(output_folder).absolute()
    _tell(path)
    record = _begin_record(path, coerce_parameters(path, parameters))
    if identity is not None:
        record = dataclasses.replace(
            record, key=output.name, identity=dict(identity), call=call
        )
    _check_output(output, timeout)
    folders.check_free_space(output.parent)
    for parent in (output.parent, output.parent / "failed"):
        folders.remove_leftovers(parent)
    started, interruption = time.monotonic(), None
    with folders.staging_folder(output) as staging:
        # Should the worker not even begin, this is what failed.
        shutil.copyfile(path, staging / "notebook.ipynb")
        extra = {"HAPPYMAPS_RUN_DIR": str(staging)} | dict(environment or {})
        options = {"environment": extra, "timeout": timeout, "stop": stop}
        kills = oom.count_kills()
        try:
            outcome = execute_with_retry(
                path, record.parameters, staging, show_progress=show_progress, **options
            )
            outcome = oom.explain_death(outcome, kills)
        except KeyboardInterrupt as error:
            outcome, interruption = Outcome("interrupted"), error
        seconds = round(time.monotonic() - started, 3)
        record = _finish(record, path, outcome, seconds, staging, output, replace)
    if interruption:
        raise interruption
    if record.error:
        raise RunError(record)
    return record


def execute_with_retry(
    notebook: Path, parameters: Mapping[str, object], folder: Path, **options: object
) -> Outcome:
    """Call `execute_in_worker`, and once again when a kernel lost a race for a port."""
    outcome = execute_in_worker(notebook, parameters, folder, **options)
    log = (folder / "worker.log").read_text(errors="replace")
    early = outcome.kind in ("dead kernel", "error") and outcome.cell is None
    if early and "Address already in use" in log:
        outcome = execute_in_worker(notebook, parameters, folder, **options)
    return outcome


@functools.lru_cache(maxsize=64)
def _tell(notebook: Path) -> None:
    """Say, once, what of a notebook may differ from how it runs in JupyterLab."""
    content = read_notebook(notebook)
    kernel = kernel_name(content)
    if kernel not in ("", "python3", "python"):
        print(
            f"{notebook.name} was written with the kernel {kernel!r}. It runs with "
            f"the Python of HappyMaps, {sys.executable}.",
            file=sys.stderr,
        )
    held = held_back(content)
    if held:
        print(f"{notebook.name}: {held}", file=sys.stderr)


def _begin_record(notebook: Path, parameters: dict[str, object]) -> RunRecord:
    return RunRecord(
        notebook=relative_to_repository(notebook),
        title=notebook_title(read_notebook(notebook), notebook.stem),
        parameters=parameters,
        status="completed",
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        source_sha256=file_sha256(notebook),
        **describe_surroundings(),
    )


def _check_output(output: Path, timeout: float | None) -> None:
    if timeout is not None and not timeout > 0:
        raise ValueError(
            f"timeout must be a positive number of seconds. Received: {timeout!r}. "
            "Leave it out to wait without end."
        )
    # The folder is replaced whole: it had better be one of ours.
    ours = not output.exists() or (output / "run.json").is_file()
    if not ours and (not output.is_dir() or any(output.iterdir())):
        raise ValueError(
            f"The output folder must be new, empty, or an older run. Received: {output}"
            ", which holds other things. Choose another folder."
        )


def _finish(
    record: RunRecord,
    source: Path,
    outcome: Outcome,
    seconds: float,
    staging: Path,
    output: Path,
    replace: bool,
) -> RunRecord:
    """Complete the record, write it last, and publish the folder."""
    record = dataclasses.replace(record, seconds=seconds)
    shutil.rmtree(staging / ".scratch", ignore_errors=True)
    for name in (".reserve", ".notebook.ipynb"):
        (staging / name).unlink(missing_ok=True)
    _embed_pictures(staging / "notebook.ipynb", source.parent)
    if outcome.kind is None:
        try:
            return publish_success(record, staging, output, replace=replace)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            outcome = Outcome("disk full", name="OSError", message=str(error))
    record = dataclasses.replace(record, status="failed", error=describe_error(outcome))
    return publish_failure(record, staging, output)


def _embed_pictures(notebook: Path, folder: Path) -> None:
    # A page without its pictures says so; a run is not lost for them.
    with contextlib.suppress(OSError, ValueError, KeyError):
        embed_pictures(notebook, folder)


def publish_success(
    record: RunRecord, staging: Path, output: Path, *, replace: bool
) -> RunRecord:
    """Publish a completed run, its record written last.

    Args:
        record: Complete but for what is known of the folder.
        staging: The folder to publish.
        output: Where it is to lie.
        replace: Whether a completed run that is there gives way.
    """
    (staging / "worker.log").unlink(missing_ok=True)
    metrics = staging / "metrics.json"
    if not metrics.exists():
        metrics.write_text("{}\n", encoding="utf-8")
    record = dataclasses.replace(
        record, artefact_sha256=hash_artefacts(staging), folder=output
    )
    record.write(staging / "run.json")
    if replace:
        folders.publish_folder(staging, output)
    else:
        folders.publish_first(staging, output)
    # What failed before and has now succeeded is no longer of interest.
    shutil.rmtree(output.parent / "failed" / output.name, ignore_errors=True)
    return record


def publish_failure(record: RunRecord, staging: Path, output: Path) -> RunRecord:
    """Publish a failed run in `failed/` beside `output`, if it can be written."""
    target = output.parent / "failed" / output.name
    full = record.error["kind"] == "disk full"
    try:
        if full:
            _keep_only(staging, ("notebook.ipynb", "worker.log"))
        record = dataclasses.replace(
            record, artefact_sha256=hash_artefacts(staging), folder=target
        )
        record.write(staging / "run.json")
        target.parent.mkdir(exist_ok=True)
        folders.publish_folder(staging, target)
    except OSError:
        # The error to report is that of the notebook, kept or not.
        return dataclasses.replace(record, folder=None)
    return record


def _keep_only(folder: Path, names: tuple[str, ...]) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name not in names:
            path.unlink()
