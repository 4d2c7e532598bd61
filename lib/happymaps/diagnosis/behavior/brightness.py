"""Whether decisions follow the light: predictions of brighter and darker images."""

from collections.abc import Callable, Sequence

import numpy as np

CHANGES = (-0.3, -0.2, -0.1, 0.1, 0.2, 0.3)  # of the range from black to white


def measure_brightness(
    predict: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    *,
    pixel_range: tuple[float, float] = (0.0, 1.0),
    seed: int = 0,
) -> list[dict]:
    """Return how predictions change as whole images get brighter or darker.

    Each pixel moves by the same part of the range and stays inside of it. Beside it
    stands noise of the same size: each value moves as far, up or down at random.

    Args:
        predict: Images as the network takes them to class indices, shape `(images,)`.
        images: In `pixel_range`, shape `(images, height, width, colors)`.
        labels: Class index of each image.
        class_names: One name per class.
        pixel_range: What black and white are for the network.
        seed: Of the noise.

    Returns:
        For each of `CHANGES`: `change`, `changed` (share of predictions that are not as
        before), `changed_by_noise`, `accuracy`, and the class that gains the most
        predictions, `toward`, with its share of predictions `share_before` and
        `share_after`.
    """
    low, high = pixel_range
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], images.shape)
    now = predict(images)
    before = np.bincount(now, minlength=len(class_names)) / len(now)
    found = []
    for change in CHANGES:
        moved = change * (high - low)
        lit, noisy = (
            predict(np.clip(images + moved * way, low, high).astype(np.float32))
            for way in (1.0, signs)
        )
        after = np.bincount(lit, minlength=len(class_names)) / len(now)
        gaining = int((after - before).argmax())
        found.append(
            {
                "change": change,
                "changed": float(np.mean(lit != now)),
                "changed_by_noise": float(np.mean(noisy != now)),
                "accuracy": float(np.mean(lit == labels)),
                "toward": class_names[gaining],
                "share_before": float(before[gaining]),
                "share_after": float(after[gaining]),
            }
        )
    return found
