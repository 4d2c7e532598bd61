"""A disk that is soon full, for tests that meet its end."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a disk at a new folder; skip the test where that is forbidden."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    allowed = hasattr(os, "getuid") and os.getuid() == 0 and shutil.which("mount")
    if not allowed or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def forbid_writing(disk: Path) -> None:
    """Let a disk of `small_disk` be read from now on, and not written to."""
    remount = ["mount", "-o", "remount,ro", str(disk)]
    subprocess.run(remount, check=True)
