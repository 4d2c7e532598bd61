"""What stands in place of an image that is not there."""

import dataclasses
import numbers

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Baseline:
    """The baseline of each image.

    Attributes:
        values: Broadcast to the shape of the images, float32.
        label: The number, `"array"` or `"lowest of each image"`.
        given: As it was given, as an array.
    """

    values: np.ndarray
    label: float | str
    given: np.ndarray | None


def baseline_for(baseline: float | np.ndarray | None, images: np.ndarray) -> Baseline:
    """Return the baseline of each image.

    Args:
        baseline: A number, an array of the shape of one image or of all images, or
            None for the lowest value of each image.
        images: Shape (images, *input shape).

    Raises:
        ValueError: Another shape, or values that are not finite.
    """
    if baseline is None:
        lowest = images.min(axis=tuple(range(1, images.ndim)), keepdims=True)
        values = np.broadcast_to(lowest, images.shape)
        return Baseline(values, "lowest of each image", None)
    given = np.asarray(baseline, np.float32)
    if given.shape not in ((), images.shape[1:], images.shape):
        raise ValueError(
            f"baseline must be a number, or an array of shape {images.shape[1:]} or "
            f"{images.shape}. Received: shape {given.shape}."
        )
    if not np.isfinite(given).all():
        raise ValueError("baseline must be finite. Received: NaN or infinity.")
    is_number = isinstance(baseline, numbers.Real) or not given.shape
    label = float(baseline) if is_number else "array"
    return Baseline(np.broadcast_to(given, images.shape), label, given)
