"""How much of the relevance lies where: in regions, in the frame, in a window."""

from collections.abc import Mapping, Sequence

import numpy as np

_FRAME = 0.1  # of the shorter side


def describe_places(
    heat: np.ndarray,
    shuffled: np.ndarray,
    masks: Mapping[str, np.ndarray],
    window: Sequence[int] | None,
) -> dict:
    """Return how much of the relevance lies where.

    Args:
        heat: Relevance of images, shape `(images, y, x)`.
        shuffled: Mean relevance of networks with shuffled weights, `(y, x)`.
        masks: Region to where it lies, bool, `(images, y, x)`.
        window: Top, left, height and width of a window, in pixels; None for none.

    Returns:
        `places`: a list of `name`, `kind` (`"region"`, `"frame"` or `"window"`),
        `share` of the relevance, `area` (share of the pixels) and `shuffled` (share in
        networks with shuffled weights); `num_images` and `num_blank` (images in which
        nothing is relevant).
    """
    height, width = shuffled.shape
    regions = {("region", name): mask for name, mask in masks.items()}
    regions["frame", "outer tenth"] = _frame(height, width)
    if window is not None:
        top, left, tall, wide = window
        inside = np.zeros((height, width), bool)
        inside[top : top + tall, left : left + wide] = True
        regions["window", "the window that decides most"] = inside
    seen = heat.sum(axis=(1, 2)) > 0
    return {
        "places": [
            {
                "name": name,
                "kind": kind,
                "share": _share(heat[seen], _of_seen(mask, seen)),
                "area": float(np.mean(mask)),
                "shuffled": _share(shuffled[None], np.mean(_stack(mask), axis=0)),
            }
            for (kind, name), mask in regions.items()
        ],
        "num_images": len(heat),
        "num_blank": int(np.sum(~seen)),
    }


def _frame(height: int, width: int) -> np.ndarray:
    size = max(1, round(_FRAME * min(height, width)))
    frame = np.ones((height, width), bool)
    frame[size:-size, size:-size] = False
    return frame


def _stack(mask: np.ndarray) -> np.ndarray:
    return mask if mask.ndim == 3 else mask[None]


def _of_seen(mask: np.ndarray, seen: np.ndarray) -> np.ndarray:
    return mask[seen] if mask.ndim == 3 else mask


def _share(heat: np.ndarray, inside: np.ndarray) -> float | None:
    total = float(heat.sum())
    return float((heat * inside).sum() / total) if total > 0 else None
