"""One notebook, one process: start a worker, watch over it, and take it down."""

import contextlib
import dataclasses
import errno
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from happymaps_runs import folders
from happymaps_runs.notebooks.environment import kernel_environment

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_GRACE_SECONDS = 10
_POLL_SECONDS = 0.1
# A unix socket's path has at most 107 bytes; the kernel appends a few.
_LONGEST_SOCKET_FOLDER = 80


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run went.

    Attributes:
        kind: None for success; else "cell error", "not finished", "dead kernel",
            "timeout", "interrupted", "disk full", "out of memory" or "error".
        cell: Index, from 0, of the cell in the source notebook; None when unknown.
        execution_count: The number beside that cell as it ran.
        name: Class of the exception.
        message: What it said.
        traceback: The end of it, without colours.
    """

    kind: str | None
    cell: int | None = None
    execution_count: int | None = None
    name: str = ""
    message: str = ""
    traceback: str = ""


def execute_in_worker(
    notebook: Path,
    parameters: Mapping[str, object],
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
    stop: threading.Event | None = None,
    show_progress: bool = False,
) -> Outcome:
    """Execute a notebook in a process of its own, and say how it went.

    The kernel works in the notebook's folder. `folder` receives `notebook.ipynb`, as
    far as it came, and `worker.log`.

    Args:
        notebook: Absolute path.
        parameters: Coerced values by name; empty to run the notebook as it is.
        folder: Existing folder for what the run leaves.
        environment: Variables for the kernel on top of the allowed ones.
        timeout: Seconds for the whole run.
        stop: Set it to interrupt the run.
        show_progress: Whether to show a bar on stderr.
    """
    log = folder / "worker.log"
    scratch = folder / ".scratch"
    scratch.mkdir(exist_ok=True)
    request = {
        "notebook": str(notebook),
        "parameters": dict(parameters),
        "output": str(folder / "notebook.ipynb"),
        "show_progress": show_progress,
    }
    with _short_folder() as sockets, log.open("wb") as log_file:
        process = subprocess.Popen(
            # -P: a random.py beside the notebook must not shadow the real one.
            [sys.executable, "-P", "-m", "happymaps_runs.notebooks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if show_progress else log_file,
            cwd=notebook.parent,
            env=kernel_environment(scratch, extra=environment),
            # Ctrl-C at the terminal is ours to handle, and once.
            start_new_session=True,
        )
        with process, _ending(process):
            _send(process, request | {"sockets": f"{sockets}/k"})
            reason = _watch(process, timeout, stop)
            _end(process)
            answer = process.stdout.read().decode()
    outcome = _read_outcome(answer, process.returncode, log)
    # Told to stop, a worker cannot know why.
    return dataclasses.replace(outcome, **reason)


@contextlib.contextmanager
def _short_folder() -> Iterator[str]:
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > _LONGEST_SOCKET_FOLDER and Path("/tmp").is_dir():
        folder = "/tmp"
    with folders.temporary_folder(folder) as short:
        yield str(short)


@contextlib.contextmanager
def _ending(process: subprocess.Popen) -> Iterator[None]:
    try:
        yield
    finally:
        _end(process)


def _send(process: subprocess.Popen, request: dict) -> None:
    # A worker that cannot start is reported by its exit code.
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()


def _watch(
    process: subprocess.Popen, timeout: float | None, stop: threading.Event | None
) -> dict[str, str]:
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_SECONDS)
            return {}
        if stop is not None and stop.is_set():
            return {"kind": "interrupted"}
        if time.monotonic() > deadline:
            return {"kind": "timeout", "message": f"it took longer than {timeout:g} s"}


def _end(process: subprocess.Popen) -> None:
    """Take the worker down; it kills its kernel, which else follows within seconds."""
    if process.poll() is not None:
        return
    try:
        process.terminate()
        process.wait(_GRACE_SECONDS)
    except BaseException as error:
        process.kill()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise


def _read_outcome(answer: str, code: int, log: Path) -> Outcome:
    if answer:
        return Outcome(**json.loads(answer))
    last = log.read_text(errors="replace").strip().splitlines()[-1:]
    return Outcome(
        kind="dead kernel" if code < 0 else "error",
        name="WorkerError",
        message=" ".join([f"the worker ended with code {code}.", *last]),
    )
