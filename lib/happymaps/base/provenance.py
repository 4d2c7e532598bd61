"""What a result was made with."""

import importlib.metadata
import platform
import subprocess

from happymaps.base.paths import repository_root

PACKAGES = (
    "happymaps",
    "keras",
    "tensorflow",
    "numpy",
    "scipy",
    "xarray",
    "papermill",
)


def installed_versions() -> dict[str, str | None]:
    """Return the versions of Python and of the packages that results depend on.

    None stands for a package that is not installed.
    """
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return versions


def read_commit() -> dict[str, object] | None:
    """Return `{"revision": full hash, "dirty": whether files differ from it}`.

    None outside a git checkout of this repository.
    """
    root = repository_root()
    # An installed package may lie inside somebody else's checkout.
    if not (root / ".git").exists():
        return None
    try:
        revision, status = (
            subprocess.run(
                ["git", "-C", str(root), *arguments],
                capture_output=True,
                text=True,
                check=True,
                timeout=30,
            ).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return {"revision": revision, "dirty": bool(status)}


def current_commit() -> str | None:
    """Return the abbreviated commit, with `+` after it if files differ, or None."""
    commit = read_commit()
    if commit is None:
        return None
    return commit["revision"][:9] + ("+" if commit["dirty"] else "")


def print_provenance(seed: int) -> None:
    """Print versions, seed and commit, as the last cell of a notebook does."""
    print(", ".join(f"{name} {v}" for name, v in installed_versions().items()))
    print(f"seed {seed}, commit {current_commit()}")
