"""What the runs of the tests of sweeps do; workers and kernels import it by its name.

Each run leaves an empty file `ran-<seed>-<something>` in `folder`, so that a test can
count how often it ran.
"""

import os
import secrets
import signal
import time
from pathlib import Path
from shutil import disk_usage

from happymaps.base.sweepable import sweepable

_LONGEST_WAIT = 120
_LEFT_FREE = 10_000_000


def perform(seed: int, deed: str, folder: str) -> None:
    """Do what a test wants to see survived.

    Args:
        seed: Number of the point.
        deed: "" for nothing; else one of the words below.
        folder: Where to leave traces, and where to look for a sign.
    """
    traces = Path(folder)
    if folder:
        (traces / f"ran-{seed}-{secrets.token_hex(4)}").touch()
        (traces / f"pid-{seed}").write_text(str(os.getpid()))
    if deed == "wait":
        _wait_for(traces / "go")
    elif deed == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif deed == "hang":
        _wait_for(traces / "never")
    elif deed == "raise MemoryError":
        raise MemoryError("too large")
    elif deed == "take memory":
        _take_memory()
    elif deed in ("fill the disk", "leave no room"):
        _fill_the_disk(traces, 0 if deed == "fill the disk" else _LEFT_FREE)
    elif deed == "show environment":
        (traces / "environment").write_text(
            "\n".join(f"{k}={os.environ[k]}" for k in os.environ)
        )


def _wait_for(sign: Path) -> None:
    deadline = time.monotonic() + _LONGEST_WAIT
    while not sign.exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def _take_memory() -> None:
    taken = []
    while len(taken) < 200:
        taken.append(bytearray(os.urandom(1_000_000)) * 20)
        time.sleep(0.05)


def _fill_the_disk(traces: Path, left: int) -> None:
    if (traces / "go").exists():
        return
    with (traces / "filler").open("wb") as file:
        room = disk_usage(traces).free - _LEFT_FREE
        os.posix_fallocate(file.fileno(), 0, room)
    if left == 0:
        own = traces / "own"
        try:
            own.write_bytes(bytes(2 * _LEFT_FREE))
        finally:
            own.unlink()


@sweepable
def act(*, seed: int = 0, weight: float = 0.0, deed: str = "", folder: str = ""):
    """Do a deed, and return a number that is known: seed + weight."""
    import numpy as np
    import xarray as xr

    perform(seed, deed, folder)
    result = xr.Dataset({"total": seed + weight})
    if deed == "leave no room":
        noise = np.random.default_rng(seed).integers(0, 256, 30_000_000, np.uint8)
        result["noise"] = ("byte", noise)
    return result
