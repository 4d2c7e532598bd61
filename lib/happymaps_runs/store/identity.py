"""What the result of a run depends on, and the key that stands for it.

The key is the start of the sha256 of the identity as JSON. Two runs of one key are the
same run: prose in a notebook, the time, the machine's name and code that the run cannot
reach are not part of it.
"""

import functools
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from pathlib import Path

from happymaps.base import paths
from happymaps_runs.inputs import custom_objects_file
from happymaps_runs.notebooks.notebooks import cell_tags, file_sha256, read_notebook
from happymaps_runs.notebooks.pictures import find_pictures
from happymaps_runs.notebooks.records import describe_surroundings
from happymaps_runs.store.closure import module_code, reached_sha256

KEY_DIGITS = 20
_PACKAGES = ("keras", "tensorflow", "numpy", "scipy", "scikit-learn")


def notebook_identity(
    notebook: Path, parameters: Mapping[str, object]
) -> dict[str, object]:
    """Return what a notebook's run depends on, as the point of a sweep.

    Args:
        notebook: Absolute path.
        parameters: All of them, coerced.
    """
    return _notebook_code(notebook, notebook.stat().st_mtime_ns) | _common(parameters)


def article_identity(
    notebook: Path, parameters: Mapping[str, object], *, timed: bool = False
) -> dict[str, object]:
    """Return what the run of a notebook depends on that is read as an article.

    Its name and its prose count, since its page shows them.

    Args:
        notebook: Absolute path.
        parameters: All of them, coerced.
        timed: Whether it measures time, which depends on the machine.
    """
    prose = [
        cell["source"]
        for cell in read_notebook(notebook)["cells"]
        if cell["cell_type"] == "markdown"
    ]
    told = {"name": notebook.stem, "prose": _sha256(json.dumps(prose).encode())}
    pictures = find_pictures(read_notebook(notebook), notebook.parent)
    if pictures:
        told["pictures"] = {name: file_sha256(p) for name, p in pictures.items()}
    machine = {"machine": describe_surroundings()["machine"]} if timed else {}
    return notebook_identity(notebook, parameters) | told | machine


@functools.lru_cache(maxsize=64)
def _notebook_code(notebook: Path, stamp: int) -> dict[str, str]:
    # The parameters cell is left out: its values are all in the parameters. `stamp`
    # tells the cache of a changed file; thousands of points share a notebook.
    cells = [
        cell["source"]
        for cell in read_notebook(notebook)["cells"]
        if cell["cell_type"] == "code" and "parameters" not in cell_tags(cell)
    ]
    imports = reached_sha256("\n".join(cells))
    return {"code": _sha256(json.dumps(cells).encode()), "imports": imports}


def function_identity(
    function: str, parameters: Mapping[str, object]
) -> dict[str, object]:
    """Return what a library function's run depends on.

    Args:
        function: "module:name".
        parameters: All of them, coerced.
    """
    code = _module_code(function.partition(":")[0])
    return {"function": function} | code | _common(parameters)


@functools.cache
def _module_code(module: str) -> dict[str, str]:
    code = module_code(module)
    return {"code": _sha256(code.encode()), "imports": reached_sha256(code)}


def key_of(identity: Mapping[str, object]) -> str:
    """Return the key of an identity: 20 hex digits."""
    text = json.dumps(identity, sort_keys=True, allow_nan=False)
    return _sha256(text.encode())[:KEY_DIGITS]


def _common(parameters: Mapping[str, object]) -> dict[str, object]:
    return {
        "parameters": dict(parameters),
        "files": _file_fingerprints(parameters),
        "versions": _versions(),
    }


@functools.cache
def _versions() -> dict[str, str | None]:
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for package in _PACKAGES:
        found[package] = importlib.metadata.version(package)
    # Both round otherwise.
    found["processor"] = platform.machine()
    found["gpu"] = "nvidia" if Path("/dev/nvidia0").exists() else "none"
    return found


def _file_fingerprints(parameters: Mapping[str, object]) -> dict[str, str]:
    """Return the sha256 of a folder of images and of a network that are named.

    With a network, that of the module of its layers of the user's own, too.
    The other data sets are made by code that the run reaches, or checked against the
    sums in it.
    """
    found = {}
    dataset, model = parameters.get("dataset"), parameters.get("model")
    if isinstance(dataset, str) and dataset.startswith("folder:"):
        folder = paths.find_folder(dataset.removeprefix("folder:"))
        if folder is not None:
            found["dataset"] = _folder_sha256(folder, paths.file_stamps(folder))
    if isinstance(model, str) and model and Path(model).is_file():
        found["model"] = file_sha256(Path(model))
        own = custom_objects_file()
        if own is not None:
            found["custom_objects"] = file_sha256(own)
    return found


@functools.lru_cache(maxsize=8)
def _folder_sha256(folder: Path, stamps: tuple) -> str:
    # `stamps` tells the cache of a changed file; thousands of points share a folder.
    digest = hashlib.sha256()
    for name, *_ in stamps:
        path = Path(name)
        relative = path.relative_to(folder).as_posix()
        digest.update(f"{relative}\0{file_sha256(path)}\0".encode())
    return digest.hexdigest()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
