"""Heat laid over images, as pictures: the more heat, the more of one warm color."""

import numpy as np

_WARM = np.array([222, 84, 24], np.float64)
_FRAME = np.array([36, 108, 200], np.float64)
_LEAST_SIDE = 240  # pixels of the shorter side, so that a window's frame is a thin line
_FADED = 0.7  # of the image's contrast under the heat
_HIGHEST = 0.92  # share of the color at the top


def show_image(image: np.ndarray) -> np.ndarray:
    """Return an image `(y, x, color)` in [0, 1] as whole numbers of three colors."""
    colors = np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image
    return np.rint(255 * np.clip(colors, 0, 1)).astype(np.uint8)


def lay_over(image: np.ndarray, heat: np.ndarray, top: float) -> np.ndarray:
    """Return an image in gray with heat upon it.

    Args:
        image: In [0, 1], shape `(y, x, color)`.
        heat: At least 0, shape `(y, x)`.
        top: The heat that has the full color, above 0.
    """
    gray = 255 * np.clip(image, 0, 1).mean(axis=-1, keepdims=True)
    paper = 255 - _FADED * (255 - gray)
    share = _HIGHEST * np.clip(heat / top, 0, 1)[..., None]
    return np.rint((1 - share) * paper + share * _WARM).astype(np.uint8)


def heat_top(heat: np.ndarray) -> float:
    """Return the 99.5th percentile of heat, or 1 where there is none."""
    top = float(np.percentile(heat, 99.5)) if heat.size else 0.0
    return top if top > 0 else max(float(heat.max(initial=0)), 0.0) or 1.0


def enlarge(pixels: np.ndarray) -> tuple[np.ndarray, int]:
    """Return a picture in whole multiples of its pixels, and the multiple."""
    factor = max(1, -(-_LEAST_SIDE // min(pixels.shape[:2])))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1), factor


def frame_window(pixels: np.ndarray, window: list[int]) -> np.ndarray:
    """Return a picture, enlarged, with a line around a window of its pixels.

    Args:
        pixels: Shape `(y, x, 3)`.
        window: Top, left, height and width.
    """
    large, factor = enlarge(pixels)
    top, left, height, width = (factor * each for each in window)
    bottom, right, line = top + height, left + width, 3
    large[top : top + line, left:right] = _FRAME
    large[bottom - line : bottom, left:right] = _FRAME
    large[top:bottom, left : left + line] = _FRAME
    large[top:bottom, right - line : right] = _FRAME
    return large
