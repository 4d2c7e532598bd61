"""Files of the site, written so that a reader never meets half a page."""

import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from happymaps_pages.content.runs import tell

MANIFEST = "_assets/manifest.json"


def publish_files(
    root: Path, files: dict[str, bytes], *, kept: Collection[str] = ()
) -> None:
    """Write `files` below `root` and remove what an earlier build wrote besides them.

    A file is written under another name and then put in place; one whose content is
    already right is left alone. Only files in the manifest of the earlier build are
    ever removed.

    Args:
        root: The site's folder.
        files: Content by path relative to `root`, with `/`.
        kept: Files, and folders with all in them, that are as the earlier build left
            them.
    """
    earlier = _read_manifest(root)
    for name, content in files.items():
        try:
            _write_if_changed(root / name, content)
        # Something else has its place, such as a dead link: the others have theirs.
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            tell(f"{root / name} is left out: {error.strerror}.")
    kept = set(kept)
    stay = {name for name in earlier if not kept.isdisjoint(_with_folders(name))}
    for name in sorted(earlier - files.keys() - stay):
        _remove(root, name)
    listing = json.dumps(sorted({*files, *stay}), indent=0) + "\n"
    _write_if_changed(root / MANIFEST, listing.encode())


def _with_folders(name: str) -> Iterator[str]:
    yield name
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def remove_site(root: Path) -> None:
    """Remove what builds have written below `root`, and nothing else."""
    if (root / MANIFEST).is_file():
        publish_files(root, {})
        _remove(root, MANIFEST)


def add_files(root: Path, files: dict[str, bytes]) -> None:
    """Write `files` below `root` beside what is there; no later build removes them.

    Args:
        root: The site's folder.
        files: Content by path relative to `root`, with `/`.
    """
    for name, content in files.items():
        _write_if_changed(root / name, content)


def _read_manifest(root: Path) -> set[str]:
    try:
        names = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    if not isinstance(names, list):
        return set()
    return {name for name in names if isinstance(name, str)}


def _write_if_changed(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process number keeps two builds at once from sharing the file.
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def _remove(root: Path, name: str) -> None:
    path = root / name
    if ".." in PurePosixPath(name).parts or not _is_below(path.parent, root):
        return
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == root or not folder.is_dir() or any(folder.iterdir()):
            break
        folder.rmdir()


def _is_below(folder: Path, root: Path) -> bool:
    return folder.resolve().is_relative_to(root.resolve())
