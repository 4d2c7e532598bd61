"""Sizes and channels of images: float32 in [0, 1], `(height, width, channels)`."""

import numpy as np
from PIL import Image

# ITU-R BT.601, as Pillow and JPEG have it.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def check_image_size(image_size) -> tuple[int, int] | None:
    """Return `image_size` as a tuple of two ints, or None for the native size.

    Raises:
        ValueError: Anything but None or two positive whole numbers.
    """
    if image_size is None:
        return None
    try:
        size = tuple(image_size)
    except TypeError:
        size = ()
    whole = [isinstance(side, int | np.integer) and side > 0 for side in size]
    if len(size) != 2 or not all(whole) or any(isinstance(s, bool) for s in size):
        raise ValueError(
            "image_size must be two positive whole numbers, (height, width). "
            f"Received: {image_size!r}. Give e.g. (60, 64), or None for native size."
        )
    return int(size[0]), int(size[1])


def check_channels(channels: int | None) -> None:
    """Check a wish for a number of channels.

    Raises:
        ValueError: Anything but None, 1 or 3.
    """
    if channels is not None and (isinstance(channels, bool) or channels not in (1, 3)):
        raise ValueError(
            f"channels must be 1 (gray), 3 (color) or None. Received: {channels!r}. "
            "Leave it out to keep what the images have."
        )


def resize(image: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Return an image at another size; antialiased bilinear, so it never overshoots.

    Args:
        image: float32 in [0, 1] of shape `(height, width, channels)`.
        image_size: Wanted (height, width).

    Returns:
        float32 in [0, 1] of shape `(*image_size, channels)`; the image itself where
        it has that size already.
    """
    if image.shape[:2] == image_size:
        return image
    height, width = image_size
    bands = [
        Image.fromarray(band).resize((width, height), Image.Resampling.BILINEAR)
        for band in np.moveaxis(image, -1, 0).astype(np.float32)
    ]
    return np.clip(np.stack(bands, axis=-1), 0, 1)


def set_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Return images with 1 or 3 channels: gray is repeated, color becomes its luma.

    Args:
        image: float32 in [0, 1] of shape `(..., 1)` or `(..., 3)`.
        channels: 1 or 3.

    Returns:
        float32 in [0, 1] of shape `(..., channels)`.
    """
    if image.shape[-1] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    return np.clip(image @ _LUMA, 0, 1)[..., np.newaxis]
