"""Networks in which every unit was put by hand, so that its kind is known.

`planted_filters` is one convolution layer and a head that reads brightness alone;
`planted_units` one dense layer. Both come with images of two classes, `dark` and
`bright`, that the head tells apart, and with the kind of each unit.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from happymaps.datasets import Dataset

SIDE = 24
MEAN = np.ones((3, 3)) / 9
SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
DIAGONAL_SOBEL = np.array([[0, 1, 2], [-1, 0, 1], [-2, -1, 0]]) / 4
LINE = np.array([[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]]) / 6
LAPLACIAN = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]]) / 4


class Planted(NamedTuple):
    """A network, its images, the planted layer and the kind of each of its units."""

    model: object
    dataset: Dataset
    layer: str
    kinds: tuple[str, ...]

    @property
    def head_reads(self) -> int:
        """Which unit alone decides."""
        return self.kinds.index("brightness")


def planted_images(count: int = 48, side: int = SIDE, seed: int = 0) -> Dataset:
    """Return noise of low contrast around 0.25 (`dark`) and 0.75 (`bright`)."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    level = np.where(labels, 0.75, 0.25) + rng.uniform(-0.08, 0.08, count)
    noise = rng.uniform(-0.15, 0.15, (count, side, side, 1))
    images = (level[:, None, None, None] + noise).astype(np.float32)
    return Dataset(
        "planted", images, labels, ("dark", "bright"), pd.DataFrame(index=range(count))
    )


def mixed_kernel(seed: int) -> np.ndarray:
    """Return a random kernel of no class: a trace of mean, else edges and lines alike.

    With 2 % of its energy in the mean, gray alone would excite it most.
    """
    from happymaps.diagnosis.units.kernel_classes import frei_chen_basis

    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(2, 4))
    weights *= np.sqrt(0.4999) / np.linalg.norm(weights, axis=1, keepdims=True)
    weights = np.concatenate([[np.sqrt(0.0002)], weights.ravel()])
    return np.tensordot(weights, frei_chen_basis(), 1)


# Kernel, bias, kind. A mean that is off for dark pixels is not always on.
FILTERS = (
    (SOBEL, 0.0, "edge"),
    (SOBEL.T, 0.0, "edge"),
    (DIAGONAL_SOBEL, 0.0, "edge"),
    (DIAGONAL_SOBEL[:, ::-1], 0.0, "edge"),
    (MEAN, -0.5, "brightness"),
    (LINE, 0.0, "line"),
    (LINE.T, 0.0, "line"),
    (LAPLACIAN, 0.0, "line"),
    (0 * MEAN, 0.0, "dead"),
    (SOBEL.T[::-1], -5.0, "dead"),
    (mixed_kernel(3), 0.0, "texture"),
    (mixed_kernel(4), 0.0, "texture"),
    (mixed_kernel(5), 4.0, "always-on"),
    (MEAN, 1.0, "always-on"),
    (2 * SOBEL, 0.0, "duplicate"),
    (0.5 * LAPLACIAN, 0.0, "duplicate"),
    (0.5 * MEAN, 2.0, "duplicate"),  # and always on, as the one that it doubles
)


def planted_filters(*, noise: float = 0.0, seed: int = 0) -> Planted:
    """Return a network whose layer `planted` has the filters of `FILTERS`.

    Args:
        noise: Deviation of what is added to edges, lines and means, as a share of the
            kernel's size; a duplicate follows its original.
        seed: Of the noise.
    """
    from happymaps.backend import keras

    rng = np.random.default_rng(seed)
    noisy = [
        kernel + noise * np.abs(kernel).mean() * rng.normal(size=(3, 3))
        if kind in ("edge", "line", "brightness")
        else kernel
        for kernel, _, kind in FILTERS
    ]
    noisy[-3:-1] = 2 * noisy[0], 0.5 * noisy[7]
    layers = keras.layers
    inputs = keras.Input((SIDE, SIDE, 1))
    planted = layers.Conv2D(len(FILTERS), 3, activation="relu", name="planted")
    pooled = layers.GlobalAveragePooling2D(name="pool")(planted(inputs))
    head = layers.Dense(2, activation="softmax", name="head")
    model = keras.Model(inputs, head(pooled))
    biases = np.array([bias for _, bias, _ in FILTERS])
    planted.set_weights([np.stack(noisy, axis=-1)[:, :, None], biases])
    kinds = tuple(kind for *_, kind in FILTERS)
    head.set_weights(_brightness_head(len(FILTERS), kinds.index("brightness")))
    return Planted(model, planted_images(), "planted", kinds)


def planted_units(side: int = 8) -> Planted:
    """Return a network whose dense layer `planted` has units of known kinds."""
    from happymaps.backend import keras

    size = side * side
    rows, columns = np.indices((side, side)) / (side - 1) - 0.5
    mean = np.full(size, 1 / size)
    units = (
        (np.sign(rows).ravel() / size, 0.0, "stable pattern"),
        (mean, -0.5, "brightness"),
        (mean, -50.0, "dead"),
        (np.sign(columns).ravel() / size, 0.0, "stable pattern"),
        (2 * np.sign(rows).ravel() / size, 0.0, "duplicate"),
        (np.sign(rows * columns).ravel() / size, 5.0, "always-on"),
        (0 * mean, 0.0, "dead"),
    )
    layers = keras.layers
    inputs = keras.Input((side, side, 1))
    planted = layers.Dense(len(units), activation="relu", name="planted")
    head = layers.Dense(2, activation="softmax", name="head")
    model = keras.Model(inputs, head(planted(layers.Flatten(name="flat")(inputs))))
    weights = np.stack([kernel for kernel, *_ in units], axis=1)
    planted.set_weights([weights, np.array([bias for _, bias, _ in units])])
    kinds = tuple(kind for *_, kind in units)
    head.set_weights(_brightness_head(len(units), kinds.index("brightness")))
    return Planted(model, planted_images(side=side), "planted", kinds)


def _brightness_head(count: int, position: int) -> list[np.ndarray]:
    """Return weights of two classes that read how far one unit lies above 0.1."""
    kernel = np.zeros((count, 2))
    kernel[position] = -20, 20
    return [kernel, np.array([2.0, -2.0])]
