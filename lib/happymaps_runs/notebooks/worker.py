"""The process that runs one notebook; started by `happymaps_runs.notebooks.process`.

One line of JSON comes in on stdin, one goes out on stdout. papermill calls notebooks
"completed" whose kernel died or which ended early, so the verdict is passed here, on
the cells themselves.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import sys
import threading
from pathlib import Path

from happymaps_runs import folders
from happymaps_runs.lean_imports import skip_url_grammar
from happymaps_runs.notebooks.notebooks import cell_tags
from happymaps_runs.notebooks.process import DISK_FULL

_DEAD = re.compile("DeadKernelError|Kernel died|Kernel didn't respond")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# The whole answer must fit the 64 kB of a pipe, which is read at the end only.
_MOST_CHARACTERS = 2000
_RESERVE_BYTES = 4_000_000
# On a busy machine nbclient's own 4 s for the end of a cell's output are too few.
_PATIENCE_SECONDS = 120


def main() -> None:
    """Run the notebook named on stdin, and write the outcome to stdout.

    When the parent is killed meanwhile, what it would have cleared is cleared here.
    """
    # The kernel inherits stdout and stderr; neither may carry the answer.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, _interrupt)
    request = json.loads(sys.stdin.readline())
    orphaned = threading.Event()
    threading.Thread(target=_end_with_parent, args=(orphaned,), daemon=True).start()
    answer = json.dumps(_run(request), ensure_ascii=False)
    if orphaned.is_set():
        folders.discard(Path(request["output"]).parent)
        shutil.rmtree(Path(request["sockets"]).parent, ignore_errors=True)
    else:
        channel.write(answer)
        channel.close()


def _interrupt(signum: int, frame: object) -> None:
    # A second signal must not cut the clean-up short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end_with_parent(orphaned: threading.Event) -> None:
    # The parent never writes again: a return means that it is gone.
    os.read(0, 1)
    orphaned.set()
    os.kill(os.getpid(), signal.SIGTERM)


def _run(request: dict) -> dict:
    cells: list[dict] = []
    try:
        _execute(request, cells)
        return judge_cells(cells)
    except KeyboardInterrupt:
        return {"kind": "interrupted"} | _last_started(cells)
    except Exception as error:
        kind = "error"
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            kind = "disk full"
        elif _DEAD.search(repr(error)):
            kind = "dead kernel"
        return {
            "kind": kind,
            "name": type(error).__name__,
            "message": str(error)[:_MOST_CHARACTERS],
        } | _last_started(cells)


def _execute(request: dict, cells: list[dict]) -> None:
    skip_url_grammar()
    import papermill
    from traitlets.config import Config

    _register_engine(cells, Path(request["output"]))
    sockets = {"transport": "ipc", "ip": request["sockets"]} if os.name != "nt" else {}
    with contextlib.suppress(papermill.PapermillExecutionError):
        papermill.execute_notebook(
            # papermill takes a path for a format string.
            request["notebook"].replace("{", "{{").replace("}", "}}"),
            None,
            parameters=request["parameters"],
            engine_name="keeping",
            kernel_name="python3",
            language="python",
            request_save_on_cell_execute=False,
            start_timeout=_PATIENCE_SECONDS,
            iopub_timeout=_PATIENCE_SECONDS,
            progress_bar=request["show_progress"],
            shutdown_kernel="immediate",
            # As in nbval's kernels: what C++ logs, times and all, is no output.
            extra_arguments=["--IPKernelApp.capture_fd_output=False"],
            config=Config({"KernelManager": sockets}),
        )


def _register_engine(cells: list[dict], output: Path) -> None:
    """Let papermill's engine keep the notebook, which is lost when a kernel dies."""
    from papermill.engines import NBClientEngine, papermill_engines

    # Room for the notebook as it failed, should it fill the disk.
    reserve = output.with_name(".reserve")
    reserve.write_bytes(bytes(_RESERVE_BYTES))

    class KeepingEngine(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **options):
            try:
                super().execute_managed_notebook(nb_man, kernel_name, **options)
            finally:
                cells.extend(nb_man.nb.cells)
                reserve.unlink(missing_ok=True)
                _write_notebook(nb_man.nb, output)

    papermill_engines.register("keeping", KeepingEngine)


def _write_notebook(notebook: dict, path: Path) -> None:
    import nbformat

    content = nbformat.from_dict(notebook)
    # What papermill notes holds absolute paths, times, and "completed" for anything.
    content.metadata.pop("papermill", None)
    for cell in content.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
    partial = path.with_name(".notebook.ipynb")
    partial.write_text(nbformat.writes(content) + "\n", encoding="utf-8")
    partial.replace(path)


def judge_cells(cells: list[dict]) -> dict:
    """Return the outcome of a notebook whose kernel lived: what failed, if anything.

    Args:
        cells: The cells as executed.

    Returns:
        `kind` None when every code cell ran without an error; else `kind`, the `cell`
        (its index in the source notebook), `execution_count` and the error.
    """
    for index, cell in _source_cells(cells):
        error = next((o for o in cell["outputs"] if o["output_type"] == "error"), None)
        place = {"cell": index, "execution_count": cell["execution_count"]}
        if error and "raises-exception" not in cell_tags(cell):
            return place | _describe_error(error)
        if cell["execution_count"] is None:
            message = "the run ended before this cell"
            return place | {"kind": "not finished", "message": message}
    return {"kind": None}


def _source_cells(cells: list[dict]) -> list[tuple[int, dict]]:
    """Return code cells that are executed, with their index in the source notebook."""
    source = [cell for cell in cells if "injected-parameters" not in cell_tags(cell)]
    return [
        (index, cell)
        for index, cell in enumerate(source)
        if cell["cell_type"] == "code"
        and cell["source"].strip()
        and "skip-execution" not in cell_tags(cell)
    ]


def _describe_error(error: dict) -> dict:
    name, message = error["ename"], error["evalue"][:_MOST_CHARACTERS]
    number = re.match(r"\[Errno (\d+)\]", message)
    full = number is not None and int(number.group(1)) in DISK_FULL
    lines = _COLOUR.sub("", "\n".join(error["traceback"]))
    return {
        "kind": "disk full" if full else "cell error",
        "name": name,
        "message": message,
        "traceback": lines[-4 * _MOST_CHARACTERS :],
    }


def _last_started(cells: list[dict]) -> dict:
    # The count alone would miss a cell that killed the kernel before it was told.
    started = [
        (index, cell["execution_count"])
        for index, cell in _source_cells(cells)
        if cell["metadata"].get("papermill", {}).get("start_time")
    ]
    if not started:
        return {}
    return dict(zip(("cell", "execution_count"), started[-1], strict=True))


if __name__ == "__main__":
    main()
