"""What can be known about a notebook without running it."""

import hashlib
import json
import re
from pathlib import Path

from happymaps.base import paths

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:/")


def local_notebook(notebook: str | Path) -> Path:
    """Return the absolute path of a notebook that exists on this machine.

    Args:
        notebook: Path of an `.ipynb` file, from the working folder.

    Raises:
        ValueError: A URL, another kind of file, or no such file.
    """
    text = str(notebook)
    # papermill would fetch a URL and run whatever came; Path turns "s3://" to "s3:/".
    if _URL.match(text):
        raise ValueError(
            "A notebook must be a file on this machine, since running one runs its "
            f"code. Received: {text!r}. Download it, read it, and give its path."
        )
    path = Path(text)
    if path.suffix != ".ipynb" or not path.is_file():
        raise ValueError(
            f"A notebook must be an existing .ipynb file. Received: {text!r}. "
            "Check the path and the ending."
        )
    return path.resolve()


def read_notebook(notebook: Path) -> dict:
    """Return a notebook (format 4) as a dict, each cell's `source` as one string.

    Raises:
        ValueError: The file is no notebook of format 4.
    """
    path = local_notebook(notebook)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        supported = content["nbformat"] == 4
        for cell in content["cells"] if supported else ():
            cell["source"] = "".join(cell["source"])
            _check_cell(cell)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{path} must hold a notebook. Received: {type(error).__name__}: {error}. "
            "Open it in JupyterLab and save it again."
        ) from error
    if not supported:
        raise ValueError(
            f"{path} must be a notebook of format 4. Received: {content['nbformat']}. "
            "Open it in JupyterLab and save it again."
        )
    return content


def _check_cell(cell: dict) -> None:
    metadata = cell.get("metadata", {})
    if not isinstance(metadata, dict):
        raise TypeError(f"the metadata of a cell is {type(metadata).__name__}")
    tags = metadata.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise TypeError(f"the tags of a cell are {type(tags).__name__}, no texts")
    if not isinstance(cell["cell_type"], str):
        raise TypeError(f"the type of a cell is {type(cell['cell_type']).__name__}")


def cell_tags(cell: dict) -> list[str]:
    """Return the tags of a cell."""
    return cell.get("metadata", {}).get("tags", [])


def kernel_name(content: dict) -> str:
    """Return the name of the kernel that a notebook was written with, "" if none."""
    return str(_metadata(content, "kernelspec").get("name", ""))


def check_language(content: dict, name: str) -> None:
    """Check that a notebook is one for Python.

    Args:
        content: The notebook.
        name: What to call it in the error.

    Raises:
        ValueError: It is for another language.
    """
    told = _metadata(content, "language_info").get("name")
    language = str(told or _metadata(content, "kernelspec").get("language") or "python")
    if language.lower() not in ("python", "python3", "ipython"):
        raise ValueError(
            f"{name} must be a notebook for Python. Received: one for the language "
            f"{language!r} (kernel {kernel_name(content)!r}). Run it in JupyterLab, or "
            "choose a Python kernel there and save it again."
        )


def _metadata(content: dict, key: str) -> dict:
    found = content.get("metadata", {}).get(key)
    return found if isinstance(found, dict) else {}


def notebook_title(content: dict, fallback: str) -> str:
    """Return the first top heading of a notebook, or `fallback` when it has none."""
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            heading = re.search(r"^# +(.+?) *$", cell["source"], re.MULTILINE)
            if heading:
                return heading.group(1)
    return fallback


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def relative_to_repository(path: Path) -> str:
    """Return a path from the repository's root, or the mere name outside of it."""
    root = paths.repository_root()
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return path.name
