"""Where things lie: the repository, its data, and the user's cache."""

import os
from pathlib import Path

import platformdirs

# The module of layers of the user's own: its path, or its name.
CUSTOM_OBJECTS = "HAPPYMAPS_CUSTOM_OBJECTS"
# Set where damaged images of a folder are to be left out.
SKIP_DAMAGED = "HAPPYMAPS_SKIP_DAMAGED"


def repository_root() -> Path:
    """Return the folder that holds `lib/` and `experiments/`."""
    return Path(__file__).resolve().parents[3]


def data_root() -> Path:
    """Return the repository's `data/`, or the user's cache outside a checkout."""
    root = repository_root()
    if (root / "pyproject.toml").is_file():
        return root / "data"
    return Path(platformdirs.user_cache_dir("happymaps"))


def find_folder(path: str | Path) -> Path | None:
    """Return an existing folder as an absolute path, or None when there is none.

    A relative path counts from the working folder, then from the repository's root,
    since notebooks run in a folder of their own.
    """
    given = Path(path).expanduser()
    for candidate in (given, repository_root() / given):
        if candidate.is_dir():
            return candidate.resolve()
    return None


def file_stamps(path: str | Path) -> tuple:
    """Return name, size and time of change of a file, or of all files in a folder.

    Nothing for what is not there. A relative folder counts as `find_folder` says.
    """
    folder = find_folder(path)
    files = sorted(folder.rglob("*")) if folder else [Path(path)]
    stats = [(str(file), file.stat()) for file in files if file.is_file()]
    return tuple((file, stat.st_size, stat.st_mtime_ns) for file, stat in stats)


def provided_data() -> Path | None:
    """Return the folder named by `HAPPYMAPS_DATA`, or None when it is not set.

    A relative path counts as `find_folder` says.

    Raises:
        ValueError: The variable names a folder that does not exist.
    """
    value = os.environ.get("HAPPYMAPS_DATA")
    if not value:
        return None
    folder = find_folder(value)
    if folder is not None:
        return folder
    raise ValueError(
        f"HAPPYMAPS_DATA must name an existing folder. Received: {value!r}. "
        "Correct it, or unset it to download what is needed."
    )


def run_folder() -> Path | None:
    """Return the folder of the run in progress, or None outside a batch run."""
    value = os.environ.get("HAPPYMAPS_RUN_DIR")
    return Path(value) if value else None


def is_batch() -> bool:
    """Return whether the code runs headless, where progress bars are noise."""
    return any(
        name in os.environ
        for name in ("HAPPYMAPS_RUN_DIR", "HAPPYMAPS_QUIET", "PYTEST_CURRENT_TEST")
    )
