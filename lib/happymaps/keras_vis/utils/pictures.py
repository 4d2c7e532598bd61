"""Picture files, text on pictures, labels of ImageNet; see `utils`, which has them."""

import functools
import logging
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from happymaps.backend import keras

_log = logging.getLogger(__name__)
_LUMINANCE = (0.2125, 0.7154, 0.0721)  # of ITU-R BT.709, as scikit-image takes it


def load_img(path, grayscale=False, target_size=None):
    """Return an image file as an array.

    Args:
        path: The file.
        grayscale: Whether to return the luminance of a color image, shape
            `(height, width)`: float64 in [0, 1], or uint8 where `target_size` is given.
            (There the original casts [0, 1] to whole numbers, which is black.)
        target_size: (height, width) to bring the image to, linearly interpolated.

    Returns:
        uint8, shape `(height, width, channels)`, or as above.
    """
    with Image.open(path) as file:
        is_plain = file.mode in ("L", "RGB", "RGBA")
        image = np.asarray(file if is_plain else file.convert("RGB"))
    if grayscale and image.ndim == 3:
        image = image[..., :3] @ np.array(_LUMINANCE) / 255
    if target_size:
        image = image * 255 if image.dtype != np.uint8 else image.astype(float)
        sizes = (*target_size, *image.shape[2:])
        factors = [new / old for new, old in zip(sizes, image.shape, strict=True)]
        image = ndimage.zoom(image, factors, order=1, mode="mirror", grid_mode=True)
        image = image.astype(np.uint8)
    return image


def draw_text(
    img, text, position=(10, 10), font="FreeSans.ttf", font_size=14, color=(0, 0, 0)
):
    """Return a copy of an image with text on it.

    Args:
        img: uint8, shape `(height, width, 3)`.
        text: What to write.
        position: (x, y) of its upper left corner, pixels.
        font: Part of the file name of an installed font; without one, Pillow's own.
        font_size: In points.
        color: (red, green, blue), each in [0, 255].
    """
    picture = Image.fromarray(img)
    drawing = ImageDraw.Draw(picture)
    drawing.text(position, text, fill=color, font=_load_font(font, font_size))
    return np.asarray(picture)


@functools.lru_cache
def _load_font(query: str, size: int):
    for path in font_manager.findSystemFonts():
        if query.lower() in Path(path).name.lower():
            return ImageFont.truetype(path, size)
    _log.warning("There is no font %r; Pillow's own is used.", query)
    return ImageFont.load_default(size)


def imagenet_names(indices) -> list[str]:
    """Return the names of ImageNet's classes.

    Args:
        indices: Classes, in [0, 1000).

    Raises:
        ValueError: No such class, or Keras's file of names cannot be had.
    """
    indices = np.asarray(indices, int)
    if np.any((indices < 0) | (indices >= 1000)):
        raise ValueError(
            f"ImageNet has 1000 classes, counted from 0. Received: {indices.tolist()}."
        )
    decode = keras.applications.imagenet_utils.decode_predictions
    try:
        decoded = decode(np.eye(1000)[indices], top=1)
    except Exception as error:  # whatever a download raises, the reader wants one
        raise ValueError(
            "The names of ImageNet's classes come from a file that Keras downloads "
            f"once, which failed: {error} Try again with a connection, or put "
            "imagenet_class_index.json into the folder models of Keras's cache."
        ) from error
    return [name for ((_, name, _),) in decoded]
