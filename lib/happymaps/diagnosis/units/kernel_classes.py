"""What a 3x3 kernel looks for, by its shares in the basis of Frei and Chen.

Nine orthonormal masks: one mean, four edges (two gradients, two ripples) and four lines
(two lines, two Laplacians). The energy of a kernel, its sum of squares, is the sum of
the squares of its nine coefficients, so that shares sum to 1.

Source: W. Frei and C.-C. Chen 1977, Fast Boundary Detection: A Generalization and a New
Algorithm, doi:10.1109/TC.1977.1674733.
"""

import numpy as np

GROUPS = {"mean": slice(0, 1), "edge": slice(1, 5), "line": slice(5, 9)}
_ROOT = np.sqrt(2)
_MASKS = (
    (1 / 3, [[1, 1, 1], [1, 1, 1], [1, 1, 1]]),
    (1 / (2 * _ROOT), [[1, _ROOT, 1], [0, 0, 0], [-1, -_ROOT, -1]]),
    (1 / (2 * _ROOT), [[1, 0, -1], [_ROOT, 0, -_ROOT], [1, 0, -1]]),
    (1 / (2 * _ROOT), [[0, -1, _ROOT], [1, 0, -1], [-_ROOT, 1, 0]]),
    (1 / (2 * _ROOT), [[_ROOT, -1, 0], [-1, 0, 1], [0, 1, -_ROOT]]),
    (1 / 2, [[0, 1, 0], [-1, 0, -1], [0, 1, 0]]),
    (1 / 2, [[-1, 0, 1], [0, 0, 0], [1, 0, -1]]),
    (1 / 6, [[1, -2, 1], [-2, 4, -2], [1, -2, 1]]),
    (1 / 6, [[-2, 1, -2], [1, 4, 1], [-2, 1, -2]]),
)


def frei_chen_basis() -> np.ndarray:
    """Return the nine masks, shape (9, 3, 3): 1 mean, 4 edges, 4 lines.

    They are orthonormal: the sum of the products of two different ones is 0, that of
    one with itself 1.
    """
    return np.array([factor * np.array(mask, float) for factor, mask in _MASKS])


def basis_energies(patches: np.ndarray) -> np.ndarray:
    """Return the energy of each 3x3 patch along each mask, shape (..., 9).

    Args:
        patches: Shape (..., 3, 3).
    """
    return np.tensordot(patches, frei_chen_basis(), axes=([-2, -1], [1, 2])) ** 2


def kernel_shares(kernels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the shares of `mean`, `edge` and `line` in the energy of each filter.

    The energies of a filter's slices, one for each input channel, are added. The three
    shares sum to 1; those of a filter of zeros are NaN.

    Args:
        kernels: Shape (3, 3, inputs, filters).

    Raises:
        ValueError: Kernels of another size.
    """
    if np.ndim(kernels) != 4 or np.shape(kernels)[:2] != (3, 3):
        raise ValueError(
            "Expected kernels of shape (3, 3, inputs, filters). Received: "
            f"{np.shape(kernels)}. The basis of Frei and Chen knows 3x3 kernels only."
        )
    slices = np.moveaxis(np.asarray(kernels, np.float64), (0, 1), (-2, -1))
    return _shares(basis_energies(slices).sum(axis=0))


def patch_shares(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the shares of `edge` and `line` in the small patches of each image.

    The energies of all 3x3 patches of an image and of its colors are added, without
    that of their mean, which tells the brightness of the image and not its pattern. The
    two shares sum to 1; those of a flat image are NaN. A single patch of stripes is
    edge or line by where it was cut; over all patches, stripes of a period of 2 pixels
    are all line, and the longer the period the more they are edge.

    Args:
        images: Shape (images, height, width, colors), 3 pixels a side at least.
    """
    # One after the other: the patches of an image take 18 times its memory.
    energies = np.array([_patch_energies(image) for image in images]).reshape(-1, 9)
    energies[:, 0] = 0
    patches = np.prod(np.subtract(images.shape[1:3], 2)) * images.shape[3]
    flat = energies.sum(axis=-1) <= 1e-12 * 9 * patches
    shares = _shares(np.where(flat[:, None], 0, energies))
    return {name: shares[name] for name in ("edge", "line")}


def _patch_energies(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image, np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3), axis=(0, 1))
    return basis_energies(windows).sum(axis=(0, 1, 2))


def classify_kernels(kernels: np.ndarray, *, share: float = 0.5) -> np.ndarray:
    """Return the class of each filter.

    `"zero"` without any energy; `"mean"`, `"edge"` or `"line"` with more than `share`
    of it; else `"mixed"`.

    Args:
        kernels: Shape (3, 3, inputs, filters).
        share: In [0.5, 1], or two classes could have it.
    """
    shares = kernel_shares(kernels)
    conditions = [np.isnan(shares["mean"]), *(shares[name] > share for name in GROUPS)]
    return np.select(conditions, ["zero", *GROUPS], "mixed")


def _shares(energies: np.ndarray) -> dict[str, np.ndarray]:
    total = energies.sum(axis=-1)
    total = np.where(total > 0, total, np.nan)
    return {name: energies[..., g].sum(axis=-1) / total for name, g in GROUPS.items()}
