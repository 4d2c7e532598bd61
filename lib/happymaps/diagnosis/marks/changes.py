"""Whole images changed: which change turns images into which class.

Brightness is measured beside noise of its size in `happymaps.diagnosis.behavior`; here
stands what else a camera, a scanner or a page can add to all images of a class.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from happymaps.diagnosis.marks.reading import Reader
from happymaps.diagnosis.marks.stamps import COLORS
from happymaps.evidence.claims import proportion_interval

_BLURS = (0.02, 0.05)  # deviation, as a share of the shorter side
_CONTRASTS = (0.5, 1.5)
_CAST = 0.2  # of the range, in one channel
_FRAME = 0.04  # thickness, as a share of the shorter side

Change = tuple[str, Callable[[np.ndarray], np.ndarray]]


def list_changes(
    shape: tuple[int, int, int], pixel_range: tuple[float, float]
) -> list[Change]:
    """Return the changes by name, each a function of images in [0, 1].

    Args:
        shape: Of an image.
        pixel_range: What black and white are; results are back in it.
    """
    low, high = pixel_range
    side = min(shape[:2])

    def make(change):
        def changed(images):
            pixels = (images - low) / (high - low)
            pixels = np.clip(change(pixels), 0, 1)
            return (low + (high - low) * pixels).astype(np.float32)

        return changed

    def framed(value):
        thick = max(1, round(_FRAME * side))
        inside = (slice(None), slice(thick, -thick), slice(thick, -thick))

        def change(pixels):
            found = np.full_like(pixels, value)
            found[inside] = pixels[inside]
            return found

        return change

    def cast(color):
        shift = _CAST * np.asarray(color, np.float32)
        return lambda pixels: pixels + shift

    def blur(share):
        widths = (0, share * side, share * side, 0)
        return lambda pixels: ndimage.gaussian_filter(pixels, widths)

    found = [
        *((f"contrast times {v:g}", lambda pixels, v=v: _around_mean(pixels, v))
          for v in _CONTRASTS),
        *((f"blurred by {v:.0%} of the side", blur(v)) for v in _BLURS),
        ("a white frame", framed(1.0)),
        ("a black frame", framed(0.0)),
        *((f"a {name} cast", cast(color)) for name, color in COLORS.items()
          if shape[-1] == 3),
    ]  # fmt: skip
    return [(name.replace("%", " %"), make(change)) for name, change in found]


def measure_changes(
    reader: Reader,
    images: np.ndarray,
    class_names: Sequence[str],
    pixel_range: tuple[float, float],
) -> list[dict]:
    """Return for each change of whole images what it turns them into.

    Args:
        reader: The network.
        images: In `pixel_range`, shape `(images, y, x, color)`.
        class_names: One name per class.
        pixel_range: What black and white are for the network.

    Returns:
        By falling share: `change` (its name), `changed` (share of predictions that are
        not as before), and of the class that gains the most, `toward`, the `share` of
        images not named so before that are named so now, with its Wilson `interval`.
    """
    before = reader.ask(images).argmax(axis=1)
    found = []
    for name, change in list_changes(images.shape[1:], pixel_range):
        after = reader.ask(change(images)).argmax(axis=1)
        turned = after[after != before]
        label = int(np.bincount(turned, minlength=len(class_names)).argmax())
        count, total = int((turned == label).sum()), int((before != label).sum())
        found.append(
            {
                "change": name,
                "changed": len(turned) / len(before),
                "toward": class_names[label],
                "share": count / total if total else 0.0,
                "interval": list(proportion_interval(count, total))
                if total
                else [0.0, 1.0],
            }
        )
    return sorted(found, key=lambda each: -each["share"])


def _around_mean(pixels: np.ndarray, factor: float) -> np.ndarray:
    mean = pixels.mean(axis=(1, 2), keepdims=True)
    return mean + factor * (pixels - mean)
