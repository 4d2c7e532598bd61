"""Results of library functions, read where they are kept and computed where not."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from happymaps_runs.store.functions import (
    RESULT,
    coerce_arguments,
    find_function,
    run_function,
)
from happymaps_runs.store.identity import function_identity, key_of
from happymaps_runs.store.run_store import RunStore

if TYPE_CHECKING:
    import xarray as xr


def load_or_run(function: Callable, /, **parameters: object) -> "xr.Dataset":
    """Return the result of a function, from the store if it is there.

    The store is the folder that the environment variable `HAPPYMAPS_STORE` names.
    `happymaps report`, `happymaps sweep` and `happymaps run` set it for their
    notebooks. Without it, the function is simply called.

    Args:
        function: One of a module, marked by `happymaps.sweepable`.
        **parameters: Of the function; what is left out has its default.

    Raises:
        ValueError: A function that no module holds, or one without the mark; parameters
            that it does not take.
        RuntimeError: The function failed; the store holds the traceback.
    """
    name = f"{function.__module__}:{function.__qualname__}"
    arguments = coerce_arguments(name, parameters)
    root = os.environ.get("HAPPYMAPS_STORE")
    if not root:
        return find_function(name)(**arguments)
    return load_or_run_in(RunStore(root), name, arguments)


def load_or_run_in(store: RunStore, function: str, arguments: dict) -> "xr.Dataset":
    """Return the result of a function, computed if the store has no sound one.

    Args:
        store: The store; made if it is not there.
        function: "module:name".
        arguments: All parameters, coerced.

    Raises:
        RuntimeError: The function failed; the store holds the traceback.
    """
    key = key_of(function_identity(function, arguments))
    if store.find(key) is None or store.problems(key):
        store.create()
        record = run_function(store, function, arguments, replace=True)
        if record.error:
            raise RuntimeError(
                f"{function} failed: {record.error['name']}: "
                f"{record.error['message']}. See {record.folder}."
            )
    return read_result(store, key)


def read_result(store: RunStore, key: str) -> "xr.Dataset":
    """Return what a function's run left."""
    import xarray as xr

    with xr.open_dataset(store.folder(key) / RESULT, engine="h5netcdf") as dataset:
        return dataset.load()
