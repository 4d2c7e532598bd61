"""How much a network's file unpacks, told by its headers before it is unpacked."""

import contextlib
import zipfile
from pathlib import Path
from typing import IO

import h5py

# Keras packs nothing, and weights hardly get smaller when somebody else does. Its own
# limits are for each member and each array alone.
MOST_BYTES = 200_000_000
MOST_TIMES = 20


def check_unpacked_size(path: Path) -> None:
    """Check a `.keras` or `.h5` file against what it would take on disk and in memory.

    Raises:
        ValueError: All of it together has more than `MOST_BYTES`, and more than
            `MOST_TIMES` the file's size.
    """
    size, unpacked = path.stat().st_size, 0
    # What is no such file is told where it is loaded.
    with contextlib.suppress(zipfile.BadZipFile, OSError, RuntimeError):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                unpacked = sum(info.file_size for info in archive.infolist())
                for info in archive.infolist():
                    if info.filename.endswith(".h5") and not _is_too_much(
                        unpacked, size
                    ):
                        with archive.open(info) as member:
                            unpacked = max(unpacked, _array_bytes(member))
        elif h5py.is_hdf5(path):
            unpacked = _array_bytes(path)
    if _is_too_much(unpacked, size):
        raise ValueError(
            f"{str(path)!r} was refused: its {size / 1e6:.1f} MB unpack "
            f"{unpacked / 1e9:.1f} GB. A network may have {MOST_BYTES // 10**6} MB, or "
            f"{MOST_TIMES} times its file. Save it again with model.save(), which "
            "packs nothing."
        )


def _is_too_much(unpacked: int, size: int) -> bool:
    return unpacked > max(MOST_BYTES, MOST_TIMES * size)


def _array_bytes(file: Path | IO[bytes]) -> int:
    sizes = []

    def note(_name: str, found: h5py.Group | h5py.Dataset) -> None:
        if isinstance(found, h5py.Dataset):
            sizes.append(found.nbytes)

    with h5py.File(file, "r") as opened:
        opened.visititems(note)
    return sum(sizes)
