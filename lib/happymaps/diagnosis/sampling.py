"""Which images are looked at where all would take too long."""

import numpy as np


def choose_images(
    labels: np.ndarray, most: int, seed: int, *, alike: bool = False
) -> np.ndarray:
    """Return the places of at most `most` images, in any order.

    Args:
        labels: Class index of each image.
        most: How many.
        seed: Of the choice.
        alike: Whether to take as many of each class as there are.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    if alike:
        turns = np.empty(len(labels), int)
        for k in np.unique(labels):
            same = order[labels[order] == k]
            turns[same] = np.arange(len(same))
        order = order[np.argsort(turns[order], kind="stable")]
    return rng.permutation(order[:most])
