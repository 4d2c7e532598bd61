"""Images of a folder as they lie there, in subfolders or not, without classes."""

from pathlib import Path

import numpy as np

from happymaps.datasets.folder import is_image, read_images
from happymaps.datasets.pixels import set_channels
from happymaps.datasets.room import check_room


def load_unlabeled(
    path: Path,
    *,
    image_size: tuple[int, int],
    channels: int | None = None,
    skip_damaged: bool | None = None,
) -> tuple[np.ndarray, list[str]]:
    """Return all images of a folder and of those inside it, with their paths.

    Files are read as in `load_folder`, in alphabetical order; hidden ones, and those of
    other kinds, are passed over.

    Args:
        path: The folder.
        image_size: (height, width) to which each is resized, whatever its proportions.
        channels: 1 or 3; None is 1 if every file is stored as gray, else 3.
        skip_damaged: As in `load_folder`.

    Returns:
        Shape `(images, *image_size, channels)` in [0, 1], and the paths in the folder.

    Raises:
        ValueError: No image, or files that cannot be read.
    """
    files = [
        file
        for file in sorted(path.rglob("*"))
        if file.is_file()
        and is_image(file)
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]
    check_room(files, image_size, channels)
    files, _, images = read_images(
        files, [0] * len(files), image_size, skip_damaged, []
    )
    if not files:
        raise ValueError(
            f"Expected a folder with images. Received: {path}, which has none that can "
            "be read. Name the folder that they lie in."
        )
    channels = channels or max(image.shape[-1] for image in images)
    names = [file.relative_to(path).as_posix() for file in files]
    return np.stack([set_channels(image, channels) for image in images]), names
