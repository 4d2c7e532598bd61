"""What a person names, made independent of the folder that it was named in."""

import importlib.util
import os
from pathlib import Path

from happymaps.base import paths
from happymaps.base.messages import Faults, unknown_name
from happymaps.base.network_files import PRETRAINED, why_no_network


def resolve_dataset(name: str) -> str:
    """Return a data set's name, a folder's path in it made absolute.

    Raises:
        ValueError: No such data set, or no such folder.
    """
    kind, _, path = name.partition(":")
    if kind != "folder":
        from happymaps.datasets.loading import NAMES

        if name not in NAMES:
            raise ValueError(unknown_name("data set", name, NAMES))
        return name
    folder = paths.find_folder(path) if path else None
    if folder is None:
        raise ValueError(
            "The data set folder:PATH must name an existing folder with a subfolder of "
            f"images per class. Received: {path!r}. Correct the path."
        )
    return f"folder:{folder}"


def resolve_model(model: str | Path) -> str:
    """Return the absolute path of a network's file; the name of one known by it.

    Raises:
        ValueError: No such file, none that can be opened as a network, or a name whose
            package is not installed.
    """
    path = Path(model)
    reason = why_no_network(path)
    if reason:
        raise ValueError(
            f"model must be a saved network, a .keras or .h5 file. {reason}"
        )
    return str(model) if str(model) in PRETRAINED else str(path.resolve())


def resolve_custom_objects(module: str) -> str:
    """Return a module of layers of the user's own, its path made absolute.

    Args:
        module: Path of a `.py` file, or the name of a module, here or on Python's path.

    Raises:
        ValueError: No such file or module.
    """
    path = Path(module)
    if path.suffix != ".py":
        path = Path(*module.split(".")).with_suffix(".py")
    if path.is_file():
        return str(path.resolve())
    if path.name != Path(module).name and _find_module(module):
        return module
    raise ValueError(
        "--custom-objects must name a Python module: a .py file, or one that can be "
        f"imported. Received: {module!r}. Check the path, or set PYTHONPATH."
    )


def custom_objects_file() -> Path | None:
    """Return the file of the module that `HAPPYMAPS_CUSTOM_OBJECTS` names, if any."""
    named = os.environ.get(paths.CUSTOM_OBJECTS, "")
    path = Path(named if named.endswith(".py") else _find_module(named) or "")
    return path if path.is_file() else None


def _find_module(name: str) -> str | None:
    try:
        found = importlib.util.find_spec(name) if name else None
    except (ImportError, ValueError):
        return None
    return found.origin if found else None


def resolve_inputs(parameters: dict[str, object]) -> dict[str, object]:
    """Return parameters with `dataset` and `model`, where they are given, resolved.

    Raises:
        ValueError: As in `resolve_dataset` and `resolve_model`, of both together.
    """
    resolved, faults = dict(parameters), Faults()
    for name, resolve in (("dataset", resolve_dataset), ("model", resolve_model)):
        if resolved.get(name):
            with faults.gather():
                resolved[name] = resolve(str(resolved[name]))
    faults.tell()
    return resolved
