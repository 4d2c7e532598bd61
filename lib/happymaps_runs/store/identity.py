"""What the result of a run depends on, and the key that stands for it.

The key is the start of the sha256 of the identity as JSON. Two runs of one key are the
same run: prose in a notebook, the time and the machine's name are not part of it.
"""

import functools
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from pathlib import Path

from happymaps.base import paths
from happymaps_runs.notebooks.notebooks import cell_tags, file_sha256, read_notebook

KEY_DIGITS = 20
_PACKAGES = ("keras", "tensorflow", "numpy", "scipy", "scikit-learn")
# Numeric code imports none of these (tests/test_house_rules.py), so that no result
# depends on them.
_WITHOUT_INFLUENCE = ("cli", "explorer", "report", "store", "sweeps", "testing")


def notebook_identity(
    notebook: Path, parameters: Mapping[str, object]
) -> dict[str, object]:
    """Return what a notebook's run depends on.

    Args:
        notebook: Absolute path.
        parameters: All of them, coerced.
    """
    code = _code_sha256(notebook, notebook.stat().st_mtime_ns)
    return {"code": code} | _common(parameters)


@functools.lru_cache(maxsize=64)
def _code_sha256(notebook: Path, stamp: int) -> str:
    # The parameters cell is left out: its values are all in the parameters. `stamp`
    # tells the cache of a changed file; thousands of points share a notebook.
    code = [
        cell["source"]
        for cell in read_notebook(notebook)["cells"]
        if cell["cell_type"] == "code" and "parameters" not in cell_tags(cell)
    ]
    return _sha256(json.dumps(code).encode())


def function_identity(
    function: str, parameters: Mapping[str, object]
) -> dict[str, object]:
    """Return what a library function's run depends on.

    Args:
        function: "module:name".
        parameters: All of them, coerced.
    """
    return {"function": function} | _common(parameters)


def key_of(identity: Mapping[str, object]) -> str:
    """Return the key of an identity: 20 hex digits."""
    text = json.dumps(identity, sort_keys=True, allow_nan=False)
    return _sha256(text.encode())[:KEY_DIGITS]


def _common(parameters: Mapping[str, object]) -> dict[str, object]:
    return {
        "parameters": dict(parameters),
        "library": library_sha256(),
        "files": _file_fingerprints(parameters),
        "versions": _versions(),
    }


@functools.cache
def library_sha256() -> str:
    """Return the sha256 of the library's source, as far as results depend on it."""
    folder = paths.repository_root() / "lib" / "happymaps"
    if not folder.is_dir():  # installed elsewhere
        folder = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted((*folder.rglob("*.py"), *folder.rglob("*.csv"))):
        name = path.relative_to(folder).as_posix()
        part = name.partition("/")[0].removesuffix(".py").partition("_")[0]
        if part not in _WITHOUT_INFLUENCE:
            digest.update(f"{name}\0{file_sha256(path)}\0".encode())
    return digest.hexdigest()


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

    The other data sets are made by the library's source, or checked against the sums
    in it.
    """
    found = {}
    dataset, model = parameters.get("dataset"), parameters.get("model")
    if isinstance(dataset, str) and dataset.startswith("folder:"):
        folder = paths.find_folder(dataset.removeprefix("folder:"))
        if folder is not None:
            found["dataset"] = _folder_sha256(folder, paths.file_stamps(folder))
    if isinstance(model, str) and model and Path(model).is_file():
        found["model"] = file_sha256(Path(model))
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
