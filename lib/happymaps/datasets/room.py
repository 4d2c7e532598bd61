"""Images that would not fit into memory are refused before they are decoded."""

import contextlib
from pathlib import Path

import psutil
from PIL import Image

# Decoding takes up to 40 bytes a pixel.
MOST_PIXELS = 64_000_000
MOST_BYTES = 1_000_000_000
_GRAY = ("1", "L", "LA", "La", "F", "I", "I;16", "I;16B", "I;16L", "I;16N")
# Limit and use of a container's memory, cgroup 2 and 1.
_CGROUPS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def check_pixels(width: int, height: int) -> None:
    """Check the size that an image's header tells.

    Raises:
        ValueError: More than `MOST_PIXELS`.
    """
    if width * height > MOST_PIXELS:
        raise ValueError(
            f"it has {width}x{height} pixels, and at most {MOST_PIXELS // 10**6} "
            "million are read: make it smaller"
        )


def check_room(
    files: list[Path], image_size: tuple[int, int] | None, channels: int | None
) -> None:
    """Check that images fit into memory, by their number and the size of the first.

    Args:
        files: The images.
        image_size: (height, width) that all are given; None for that of the first.
        channels: That all are given; None for those of the first.

    Raises:
        ValueError: They would take more than is free.
    """
    bands = 3
    # What is wrong with a file is told where it is read.
    with contextlib.suppress(Exception), Image.open(files[0]) as first:
        image_size = image_size or (first.height, first.width)
        bands = 1 if first.mode in _GRAY else 3
    if image_size is None:
        return
    height, width = image_size
    # float32; once in a list, and once in the array that is made of it.
    needed = len(files) * height * width * (channels or bands) * 4 * 2
    if needed > (free := free_memory()):
        raise ValueError(
            f"{len(files)} images of {height}x{width} need {needed / 1e9:.1f} GB of "
            f"memory. Received: {free / 1e9:.1f} GB that are free. Give a smaller "
            "image_size (--image-size), or fewer images."
        )


def free_memory() -> int:
    """Return the bytes that this process can still take."""
    free = psutil.virtual_memory().available
    for limit, used in _CGROUPS:
        with contextlib.suppress(OSError, ValueError):
            root = Path("/sys/fs/cgroup")
            most, taken = ((root / name).read_text() for name in (limit, used))
            free = min(free, max(0, int(most) - int(taken)))
    return free
