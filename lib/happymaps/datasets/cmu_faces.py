"""CMU Face Images: 624 gray photographs of 20 people, in three sizes.

Mitchell, T. (1999). CMU Face Images. UCI Machine Learning Repository, data set 124,
https://doi.org/10.24432/C5JC79, CC BY 4.0. The archive is read where it lies and every
image is checked against the sha256 that `cmu_faces_manifest.csv` keeps of it.
"""

import csv
import hashlib
import importlib.resources
import re
import shutil
import tempfile
import time
import urllib.parse
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from happymaps.base import paths
from happymaps.datasets import archives
from happymaps.datasets.faces import EXPRESSIONS, EYES, POSES
from happymaps.datasets.pgm import decode_pgm
from happymaps.datasets.pixels import resize

URL = "https://archive.ics.uci.edu/static/public/124/cmu+face+images.zip"
MAX_DOWNLOAD = 128 * 2**20
# The file suffix of each size in which the data set was published, smallest first.
_SCALES = {(30, 32): "_4", (60, 64): "_2", (120, 128): ""}
_FILE = re.compile(
    rf"(?P<person>[a-z0-9]+)_(?P<pose>{'|'.join(POSES)})"
    rf"_(?P<expression>{'|'.join(EXPRESSIONS)})_(?P<eyes>{'|'.join(EYES)})"
    r"(?P<scale>_[24])?\.pgm"
)
_MARK = "happymaps-download"  # in a folder that may be removed
_REMEDY = (
    "Set HAPPYMAPS_DATA to a folder that holds cmu_faces/faces.tar.gz (or the zip), "
    f"or download {URL} into data/raw/cmu_faces/."
)


def read_manifest() -> dict[str, str]:
    """Return the sha256 of each of the 1,872 good files, by file name."""
    package = importlib.resources.files("happymaps.datasets")
    text = (package / "cmu_faces_manifest.csv").read_text(encoding="utf-8")
    return {row["file"]: row["sha256"] for row in csv.DictReader(text.splitlines())}


def load_faces(
    *,
    image_size: tuple[int, int] | None = (60, 64),
    source: Path | None = None,
    manifest: Mapping[str, str] | None = None,
) -> tuple[np.ndarray, pd.DataFrame, tuple[str, ...]]:
    """Return all good faces at a size, in alphabetical order of their files.

    A size that was published is decoded as it is; another is resampled from the
    smallest published one that is at least as large, or from the largest.

    Args:
        image_size: (height, width), or None for the largest published, (120, 128).
        source: Archive or folder to read; None finds or downloads it.
        manifest: sha256 by file name; None is `read_manifest()`.

    Returns:
        float32 images in [0, 1] of shape `(images, height, width, 1)`; a table with
        `person`, `pose`, `expression`, `eyes`, `file`; a line for each skipped file.

    Raises:
        ValueError: The source is damaged, incomplete or not what was published.
        ConnectionError: Nothing is there and it could not be downloaded.
    """
    manifest = read_manifest() if manifest is None else manifest
    source = find_source(manifest=manifest) if source is None else source
    image_size = max(_SCALES) if image_size is None else image_size
    scale = _scale_for(image_size)
    rows = {file: _FILE.fullmatch(file).groupdict("") for file in sorted(manifest)}
    rows = {file: row for file, row in rows.items() if row.pop("scale") == scale}
    contents, skipped = read_verified(source, {file: manifest[file] for file in rows})
    images = [resize(decode_pgm(contents[f])[..., None], image_size) for f in rows]
    metadata = pd.DataFrame([row | {"file": file} for file, row in rows.items()])
    return np.stack(images), metadata, skipped


def find_source(*, manifest: Mapping[str, str] | None = None) -> Path:
    """Return the folder with the data: provided, cached, or downloaded now.

    Args:
        manifest: Passed to `fetch` where a download is needed.

    Returns:
        `cmu_faces` in the folder named by `HAPPYMAPS_DATA`, or `data/raw/cmu_faces`.

    Raises:
        ValueError: `HAPPYMAPS_DATA` names no folder, or the download is not the data.
        ConnectionError: The download failed.
    """
    provided = paths.provided_data()
    if provided is not None and (provided / "cmu_faces").is_dir():
        return provided / "cmu_faces"
    cache = cache_folder()
    if not cache.is_dir() or all(p.name.startswith(".") for p in cache.iterdir()):
        fetch(folder=cache, manifest=manifest)
    return cache


def cache_folder() -> Path:
    """Return the folder in which a downloaded archive is kept."""
    return paths.data_root() / "raw" / "cmu_faces"


def read_verified(
    source: Path, manifest: Mapping[str, str]
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return the files of a manifest from a folder or an archive, each checked.

    Args:
        source: Folder, zip or tar, with archives within it or not.
        manifest: sha256 by file name; folders within the source do not matter.

    Returns:
        Content by file name, and a line for each `.bad` file in the source.

    Raises:
        ValueError: A file of the manifest is missing or has another content, or the
            archive is damaged or unsafe.
    """
    contents, altered, skipped = {}, set(), set()
    for path, content in archives.walk(source):
        name = PurePosixPath(path).name
        if name.endswith(".bad"):
            skipped.add(f"{name}: damaged at the source")
        elif name in manifest and name not in contents:
            if hashlib.sha256(content).hexdigest() == manifest[name]:
                contents[name] = content
            else:
                altered.add(name)
    _check_complete(source, manifest, contents, altered)
    return contents, tuple(sorted(skipped))


def fetch(
    *,
    url: str = URL,
    folder: Path | None = None,
    manifest: Mapping[str, str] | None = None,
    max_bytes: int = MAX_DOWNLOAD,
) -> Path:
    """Download the archive, check every image in it, and only then keep it.

    Args:
        url: Address of the archive; its last part names the file that is kept.
        folder: Where to keep it; None is `cache_folder()`.
        manifest: sha256 by file name; None is `read_manifest()`.
        max_bytes: Largest download that is accepted.

    Returns:
        The archive in `folder`. After an error nothing in `folder` has changed.

    Raises:
        ConnectionError: No network, an HTTP error, or a transfer that broke off.
        ValueError: What came is too large, or is not the data set.
    """
    folder = cache_folder() if folder is None else folder
    manifest = read_manifest() if manifest is None else manifest
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as temporary:
        name = PurePosixPath(urllib.parse.urlparse(url).path).name
        (Path(temporary) / _MARK).touch()
        partial = Path(temporary) / name
        _download(url, partial, max_bytes)
        read_verified(partial, manifest)
        return partial.replace(folder / name)


class _CappedFile:
    """A file to write to, up to a size."""

    def __init__(self, stream, max_bytes: int):
        self.stream, self.room = stream, max_bytes
        self.flush = stream.flush

    def write(self, chunk: bytes) -> None:
        self.room -= len(chunk)
        if self.room < 0:
            raise ValueError(f"The download is larger than expected. {_REMEDY}")
        self.stream.write(chunk)


def _download(url: str, path: Path, max_bytes: int) -> None:
    # Imported here because most sessions have the data already, and it takes 0.2 s.
    import pooch
    import requests

    download = pooch.HTTPDownloader(
        progressbar=not paths.is_batch(), chunk_size=64 * 2**10
    )
    try:
        with path.open("wb") as stream:
            download(url, _CappedFile(stream, max_bytes), None)
    except requests.RequestException as error:
        raise ConnectionError(
            f"CMU faces could not be downloaded from {url} "
            f"({type(error).__name__}: {error}). Try again when connected. {_REMEDY}"
        ) from error


def _remove_leftovers(folder: Path) -> None:
    # A killed process cannot tidy up; an hour spares a download still in progress.
    for leftover in folder.glob(".download-*"):
        is_ours = (leftover / _MARK).is_file() and not leftover.is_symlink()
        if is_ours and time.time() - leftover.stat().st_mtime > 3600:
            shutil.rmtree(leftover, ignore_errors=True)


def _check_complete(source, manifest, contents, altered) -> None:
    missing = [name for name in manifest if name not in contents]
    if not missing:
        return
    wrong = sorted(altered.difference(contents))
    what = (
        f"{wrong[0]} (of {len(wrong)}) does not have the content that was published"
        if wrong
        else f"{missing[0]} (of {len(missing)}) is missing"
    )
    raise ValueError(
        f"{source} must hold {len(manifest)} image files of CMU Face Images. "
        f"Received: {what}. Delete that copy. {_REMEDY}"
    )


def _scale_for(image_size: tuple[int, int]) -> str:
    for (height, width), suffix in _SCALES.items():
        if height >= image_size[0] and width >= image_size[1]:
            return suffix
    return _SCALES[max(_SCALES)]
