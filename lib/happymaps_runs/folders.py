"""Folders that are either whole or absent: staged beside their place, then renamed."""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

LEAST_FREE_BYTES = 200_000_000
# Marks a folder beside an output as ours, and names the output.
_MARK = "happymaps-staging"
_TEMPORARY = "happymaps-"
_LONGEST_SLUG = 64
# Failed runs, and what the report writes beside the runs.
_RESERVED = ("failed", "figures")


def slug(text: str) -> str:
    """Return `text` as a folder name: `[a-z0-9][a-z0-9._-]{0,63}`, nothing reserved."""
    name = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("._-") or "unnamed"
    if name in _RESERVED:
        name += "-run"
    if len(name) > _LONGEST_SLUG:
        name = f"{name[: _LONGEST_SLUG - 7]}-{short_hash(text)}"
    return name


def short_hash(text: str) -> str:
    """Return 6 hex digits of the sha256 of `text`."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:6]


def check_free_space(folder: Path) -> None:
    """Raise OSError unless the disk of `folder` has `LEAST_FREE_BYTES` left."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < LEAST_FREE_BYTES:
        raise OSError(
            errno.ENOSPC,
            f"A run needs {LEAST_FREE_BYTES // 10**6} MB of free disk space. Received: "
            f"{free // 10**6} MB at {existing}. Free some, or choose another folder",
        )


def check_writable(folder: Path) -> None:
    """Raise OSError unless files can be made in a folder, which need not exist yet."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise NotADirectoryError(
            errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(existing)
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        has_flags = hasattr(os, "statvfs")  # which Windows has not
        is_fixed = has_flags and os.statvfs(existing).f_flag & os.ST_RDONLY
        number = errno.EROFS if is_fixed else errno.EACCES
        raise OSError(number, os.strerror(number), str(existing))


@contextlib.contextmanager
def staging_folder(target: Path) -> Iterator[Path]:
    """Make a folder to be published as `target`; what is left at the end is removed.

    It lies in a folder beside `target` that is marked, and locked as long as this
    process lives, so that `remove_leftovers` knows.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    around = target.with_name(f".tmp-{target.name}-{secrets.token_hex(4)}")
    around.mkdir()
    try:
        with _lock(around):
            (around / _MARK).write_text(target.name, encoding="utf-8")
            (around / "new").mkdir()
            yield around / "new"
    finally:
        shutil.rmtree(around, ignore_errors=True)


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[bool]:
    """Yield whether the folder could be locked; where locks are unknown, it cannot."""
    if fcntl is None:
        yield False
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        locked = True
    except OSError:
        locked = False
    try:
        yield locked
    finally:
        os.close(handle)


def publish_folder(staging: Path, target: Path) -> None:
    """Rename `staging` to `target`, in the place of an older folder.

    At each instant either the old or the new one is there, or the old one lies beside
    `staging` for `remove_leftovers` to bring back. Of two at once the last wins.

    Args:
        staging: As `staging_folder` yields it.
        target: The folder that it was made for.
    """
    aside = staging.with_name("old")
    while True:
        with contextlib.suppress(FileNotFoundError):
            target.rename(aside)
        try:
            staging.rename(target)
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        finally:
            _settle(aside, target)


def publish_first(staging: Path, target: Path) -> bool:
    """Rename `staging` to `target`, and return False where somebody was sooner."""
    try:
        staging.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def _settle(aside: Path, target: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not target.exists():
            aside.rename(target)
    shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def temporary_folder(parent: str | Path | None = None) -> Iterator[Path]:
    """Make a folder for the time being, which nobody else can open.

    What killed processes left of such folders is cleared first.

    Args:
        parent: Where; None for the system's folder for temporary files.
    """
    parent = Path(parent or tempfile.gettempdir())
    remove_leftovers(parent, _TEMPORARY)
    with (
        tempfile.TemporaryDirectory(
            prefix=_TEMPORARY, dir=parent, ignore_cleanup_errors=True
        ) as name,
        _lock(Path(name)),
    ):
        (Path(name) / _MARK).write_text("temporary", encoding="utf-8")
        yield Path(name)


def remove_leftovers(parent: Path, prefix: str = ".tmp-") -> None:
    """Clear what a killed run left in `parent`; bring back what it had set aside.

    A folder of the same name without our mark in it is somebody else's.
    """
    for around in parent.glob(f"{prefix}*"):
        if _read_mark(around) is not None and _is_own(around):
            with _lock(around) as left:
                if left:
                    _clear(around)


def discard(staging: Path) -> None:
    """Remove a staging folder, or any other one, in the stead of its killed owner."""
    marked = _read_mark(staging.parent) is not None
    _clear(staging.parent) if marked else shutil.rmtree(staging, ignore_errors=True)


def _clear(around: Path) -> None:
    name = _read_mark(around)
    if name is not None:
        _settle(around / "old", around.with_name(name))
    shutil.rmtree(around, ignore_errors=True)


def _is_own(folder: Path) -> bool:
    # In a folder for all users, another one may have put a mark.
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()


def _read_mark(folder: Path) -> str | None:
    """Return the name of the output that a marked folder is for."""
    try:
        if folder.is_symlink():
            return None
        name = (folder / _MARK).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    return name if Path(name).name == name else None
