"""Files within folders and archives, one after another, without extracting any.

Nothing is ever written: a member is a name and its content, so that an archive has no
way to put a file anywhere. What an honest archive never holds is an error all the same.
"""

import dataclasses
import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MAX_MEMBERS = 20_000
MAX_BYTES = 256 * 2**20
_MAX_DEPTH = 3
_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    gzip.BadGzipFile,
    # What zipfile raises for a password or a compression that it does not know.
    RuntimeError,
    NotImplementedError,
)


@dataclasses.dataclass
class _Budget:
    """What may still be unpacked, over all archives of one walk."""

    members: int
    num_bytes: int

    def spend(self, where: str, num_bytes: int, members: int = 1) -> None:
        self.members -= members
        self.num_bytes -= num_bytes
        if self.members < 0 or self.num_bytes < 0:
            raise ValueError(
                f"{where} holds more files or bytes than the data set can have. "
                "Replace it by the published archive."
            )


def is_archive(name: str) -> bool:
    """Return whether a file name is that of an archive that can be read."""
    return name.lower().endswith(_SUFFIXES)


def walk(
    source: Path, *, max_members: int = MAX_MEMBERS, max_bytes: int = MAX_BYTES
) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a folder or an archive, and of the archives within it.

    Args:
        source: A folder, or a .zip, .tar, .tar.gz or .tgz file.
        max_members: Most members that all archives together may hold.
        max_bytes: Most bytes that they may hold, unpacked.

    Yields:
        Path within the folder or archive, and content.

    Raises:
        ValueError: The archive is damaged or incomplete, has a link or a path that
            leads out of it, or is larger than the limits.
    """
    budget = _Budget(max_members, max_bytes)
    if not source.is_dir():
        yield from _unpack(str(source), source.read_bytes(), budget, 0)
        return
    for path in sorted(source.rglob("*")):
        inner = path.relative_to(source)
        if not path.is_file() or any(part.startswith(".") for part in inner.parts):
            continue
        if is_archive(path.name):
            yield from _unpack(str(path), path.read_bytes(), budget, 0)
        else:
            yield inner.as_posix(), path.read_bytes()


def _unpack(
    where: str, content: bytes, budget: _Budget, depth: int
) -> Iterator[tuple[str, bytes]]:
    if depth == _MAX_DEPTH:
        raise ValueError(
            f"{where} is an archive more than {_MAX_DEPTH} archives deep. "
            "Replace it by the published archive."
        )
    read_members = _read_zip if where.lower().endswith(".zip") else _read_tar
    try:
        for name, inner in read_members(where, content, budget):
            if is_archive(name):
                yield from _unpack(f"{where}/{name}", inner, budget, depth + 1)
            else:
                yield name, inner
    except _DAMAGE as error:
        raise ValueError(
            f"{where} is damaged or incomplete ({type(error).__name__}: {error}). "
            "Delete it and get it again."
        ) from error


def _read_zip(
    where: str, content: bytes, budget: _Budget
) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            budget.spend(where, info.file_size)
            # The upper half of external_attr is the Unix mode; 0o12 marks a link.
            is_link = info.external_attr >> 28 == 0o12
            _check_member(where, info.orig_filename, is_link)
            if not info.is_dir():
                yield info.filename, archive.read(info)


def _read_tar(
    where: str, content: bytes, budget: _Budget
) -> Iterator[tuple[str, bytes]]:
    if not where.lower().endswith(".tar"):
        content = _gunzip(where, content, budget)
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        for info in archive:
            budget.spend(where, info.size)
            _check_member(where, info.name, not (info.isfile() or info.isdir()))
            if info.isfile():
                yield info.name, archive.extractfile(info).read()


def _gunzip(where: str, content: bytes, budget: _Budget) -> bytes:
    # At once and up to the limit: a tar header can itself be a bomb.
    with gzip.open(io.BytesIO(content)) as stream:
        unpacked = stream.read(budget.num_bytes + 1)
    if len(unpacked) > budget.num_bytes:
        budget.spend(where, len(unpacked), members=0)
    return unpacked


def _check_member(where: str, name: str, is_link: bool) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    leads_out = path.is_absolute() or ".." in path.parts or ":" in name[:2]
    if leads_out or is_link:
        fault = "leads out of the archive" if leads_out else "is a link or a device"
        raise ValueError(
            f"{where} holds {name!r}, which {fault}. Nothing was taken from it. "
            "Replace it by the published archive."
        )
