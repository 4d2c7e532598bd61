"""Library functions whose results are kept: which they are, and one run of one."""

import ast
import dataclasses
import datetime
import errno
import importlib
import importlib.machinery
import importlib.util
import inspect
import os
import re
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from happymaps.base.messages import unknown_name
from happymaps_runs import folders
from happymaps_runs.json_files import write_json
from happymaps_runs.netcdf import check_dataset, write_dataset
from happymaps_runs.notebooks.execution import publish_failure, publish_success
from happymaps_runs.notebooks.parameters import TYPES, Parameter, coerce_value
from happymaps_runs.notebooks.process import DISK_FULL, Outcome
from happymaps_runs.notebooks.records import RunRecord, describe_error
from happymaps_runs.store.closure import TOP_LEVEL
from happymaps_runs.store.identity import function_identity, key_of
from happymaps_runs.store.run_store import RunStore

RESULT = "result.nc"
_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)
_MOST_CHARACTERS = 8000
_ROOM_BESIDES = 1_000_000


def find_function(name: str) -> Callable:
    """Return a function that a sweep may run.

    Args:
        name: "module:name"; the function is marked by `happymaps.sweepable`.

    Raises:
        ValueError: No such function, or one without the mark.
    """
    module_name, attribute = _split(name)
    try:
        # To import a module is to run it; a file may name any.
        if module_name not in sys.modules and not _is_marked(module_name, attribute):
            raise _unmarked(name)
        function = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, SyntaxError) as error:
        raise ValueError(
            f"function must be one that can be imported. Received: {name!r}: {error}. "
            "Correct the name, or install its package."
        ) from error
    # Any function at all could be named in a file; this one was meant for it.
    if getattr(function, "is_sweepable", None) is not True:
        raise _unmarked(name)
    return function


def check_place(name: str, modules: Collection[str]) -> None:
    """Check that a function comes from where a sweep file's may.

    To look for a function is to run its module, and a file can name any. Those of our
    own packages may be run, those in a folder that the user's `PYTHONPATH` names, and
    those that the user names.

    Args:
        name: "module:name".
        modules: Named by the user, with all that is in them.

    Raises:
        ValueError: It comes from elsewhere.
    """
    module, _ = _split(name)
    known = (*TOP_LEVEL, *modules)
    is_named = any(f"{module}.".startswith(f"{each}.") for each in known)
    if not (is_named or _is_on_own_path(module.partition(".")[0])):
        raise ValueError(
            "function must be of happymaps, of experiments, of a folder in PYTHONPATH, "
            f"or of a module that the command names. Received: {name!r}. Its module's "
            f"code would be run; if you trust it, add --module {module}."
        )


def _is_on_own_path(package: str) -> bool:
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    folders = [str(Path(folder).resolve()) for folder in named if folder]
    return importlib.machinery.PathFinder.find_spec(package, folders) is not None


def _split(name: str) -> tuple[str, str]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            "function must be 'module:name', e.g. "
            f"'happymaps.maps.layer_maps:layer_maps'. Received: {name!r}."
        )
    module, _, attribute = name.partition(":")
    return module, attribute


def _unmarked(name: str) -> ValueError:
    return ValueError(
        "function must be marked for sweeps, with the decorator happymaps.sweepable, "
        f"in the module that defines it. Received: {name!r}, which is not."
    )


def _is_marked(module: str, function: str) -> bool:
    """Return whether the source of a module marks a function; nothing is imported."""
    top, *below = module.split(".")
    spec, found = importlib.util.find_spec(top), top
    for name in below:
        found += f".{name}"
        places = spec and spec.submodule_search_locations
        spec = places and importlib.machinery.PathFinder.find_spec(found, places)
    if not spec:
        raise ImportError(f"No module named {found!r}")
    if not spec.origin or not spec.origin.endswith(".py"):
        return False
    statements = ast.parse(Path(spec.origin).read_bytes()).body
    marks = (
        mark.func if isinstance(mark, ast.Call) else mark
        for each in statements
        if isinstance(each, ast.FunctionDef) and each.name == function
        for mark in each.decorator_list
    )
    return any(ast.unparse(mark).split(".")[-1] == "sweepable" for mark in marks)


def function_parameters(name: str) -> dict[str, Parameter]:
    """Return the parameters that a function declares, by name, in their order.

    Raises:
        ValueError: As `find_function`, or a parameter of another type than
            `happymaps_runs.notebooks.parameters.TYPES`.
    """
    found = {}
    for each in inspect.signature(
        find_function(name), eval_str=True
    ).parameters.values():
        kind = each.annotation
        kind = kind.__name__ if isinstance(kind, type) and kind is not list else kind
        kind = str(kind)
        if kind not in TYPES:
            raise ValueError(
                f"Parameter {each.name!r} of {name} must be one of {', '.join(TYPES)}. "
                f"Received: {kind}. Annotate it so."
            )
        found[each.name] = Parameter(each.name, kind, each.default, "")
    return found


def coerce_arguments(name: str, given: Mapping[str, object]) -> dict[str, object]:
    """Return the full parameters of a function's run, as `coerce_parameters` does.

    Raises:
        ValueError: An unknown name, a value of another type, one without a default.
    """
    known = function_parameters(name)
    for each in given:
        if each not in known:
            raise ValueError(unknown_name(f"parameter of {name}", each, known))
    missing = [n for n, p in known.items() if p.default is inspect.Parameter.empty]
    missing = [n for n in missing if n not in given]
    if missing:
        raise ValueError(f"{name} needs {', '.join(missing)}. Give a value for each.")
    return {
        n: coerce_value(parameter, given.get(n, parameter.default))
        for n, parameter in known.items()
    }


def run_function(
    store: RunStore,
    name: str,
    parameters: Mapping[str, object],
    *,
    replace: bool = False,
    **notes: object,
) -> RunRecord:
    """Call a function, and keep its result or its failure.

    `<key>/` then holds `result.nc`, `metrics.json` (its numbers without dimensions)
    and `run.json`; a failure goes to `failed/<key>/`.

    Args:
        store: Where to.
        name: "module:name".
        parameters: All of them, coerced.
        replace: Whether a completed run that is there gives way.
        **notes: Further fields of the record.

    Returns:
        The record, with status "completed" or "failed".
    """
    function, started = find_function(name), time.monotonic()
    identity = function_identity(name, parameters)
    record = RunRecord(
        notebook="",
        title=(inspect.getdoc(function) or name).partition("\n")[0],
        parameters=dict(parameters),
        status="completed",
        started=now(),
        function=name,
        key=key_of(identity),
        identity=identity,
        **notes,
    )
    with folders.staging_folder(store.folder(record.key)) as staging:
        try:
            folders.check_free_space(store.root)
            result = function(**parameters)
            _check_room(result, staging)
            write_dataset(result, staging / RESULT)
            write_json(staging / "metrics.json", _metrics(result))
            record = dataclasses.replace(record, seconds=_since(started))
            output = store.folder(record.key)
            return publish_success(record, staging, output, replace=replace)
        except Exception as error:
            outcome = _describe(error)
    record = dataclasses.replace(record, seconds=_since(started))
    return keep_failure(store, record, outcome)


def _check_room(result, folder: Path) -> None:
    # HDF5 that meets a full disk takes the process down with it.
    check_dataset(result)
    free = shutil.disk_usage(folder).free
    if free < result.nbytes + _ROOM_BESIDES:
        raise OSError(
            errno.ENOSPC,
            f"The result needs {result.nbytes / 1e6:.0f} MB of free disk space. "
            f"Received: {free / 1e6:.0f} MB at {folder.parent}. Free some, or choose "
            "another folder",
        )


def keep_failure(store: RunStore, record: RunRecord, outcome: Outcome) -> RunRecord:
    """Keep the record of a failed run in the store, if it can be written."""
    record = dataclasses.replace(record, status="failed", error=describe_error(outcome))
    output = store.folder(record.key)
    try:
        with folders.staging_folder(output) as staging:
            return publish_failure(record, staging, output)
    except OSError:
        return record


def now() -> str:
    """Return the time, UTC, as ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)


def _metrics(result) -> dict[str, object]:
    """Return the numbers without dimensions; null where one is not finite."""
    numbers = {}
    for name, variable in result.data_vars.items():
        if not variable.ndim and variable.dtype.kind in "biuf":
            value = variable.item()
            numbers[name] = (
                value if value == value and abs(value) < float("inf") else None
            )
    return numbers


def _describe(error: Exception) -> Outcome:
    kind = "function error"
    full = isinstance(error, OSError) and error.errno in DISK_FULL
    if full or "No space left on device" in str(error):  # HDF5 hides the number
        kind = "disk full"
    elif isinstance(error, MemoryError):
        kind = "out of memory"
    text = "".join(traceback.format_exception(error))
    return Outcome(
        kind,
        name=type(error).__name__,
        message=str(error)[:_MOST_CHARACTERS],
        traceback=text[-_MOST_CHARACTERS:],
    )
