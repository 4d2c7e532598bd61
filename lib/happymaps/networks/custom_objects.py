"""Layers and functions of the user's own, which a saved network names but not holds."""

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from happymaps.base.paths import CUSTOM_OBJECTS


def named_custom_objects() -> Mapping[str, object]:
    """Return what the module holds that `HAPPYMAPS_CUSTOM_OBJECTS` names, by name.

    The module's code is run. Classes and functions that it registers with Keras are
    registered by that; the others are found by their names.

    Raises:
        ValueError: There is no such module, or its code fails.
    """
    name = os.environ.get(CUSTOM_OBJECTS, "")
    if not name:
        return {}
    try:
        module = _import(name)
    except Exception as error:  # it is the user's code, and may raise whatever it likes
        raise ValueError(
            f"The module of custom objects {name!r} could not be imported: "
            f"{type(error).__name__}: {error}. Correct it, or name another with "
            "--custom-objects."
        ) from error
    return {
        key: value
        for key, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    }


def _import(name: str) -> ModuleType:
    path = Path(name)
    # At the end: nothing that is installed gives way to a file of the same name.
    folder = str(path.parent if path.suffix == ".py" else Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)
    if path.suffix != ".py":
        return importlib.import_module(name)
    key = path.stem
    if getattr(sys.modules.get(key), "__file__", name) != name:
        key = f"custom_objects_{key}"  # whatever has that name keeps it
    if getattr(sys.modules.get(key), "__file__", None) == name:
        return sys.modules[key]  # to register a class twice is an error
    specification = importlib.util.spec_from_file_location(key, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[key] = module
    try:
        specification.loader.exec_module(module)
    except BaseException:
        del sys.modules[key]
        raise
    return module
