"""What a layer makes of images: features that another classifier can learn from.

Source: Donahue et al. 2014, arXiv:1310.1531; Yosinski et al. 2014, arXiv:1411.1792.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from happymaps.backend import keras
from happymaps.base import paths
from happymaps.networks.batches import run
from happymaps.networks.checks import check_images
from happymaps.networks.layers import cut, layer_path
from happymaps.networks.models import fingerprint


def deep_features(
    model: keras.Model,
    images: np.ndarray,
    layer: str | int | Sequence[str | int],
    *,
    keep: bool = False,
) -> np.ndarray | list[np.ndarray]:
    """Return what a layer makes of images, averaged over the positions of its maps.

    `f_k = mean over y, x of a(y, x, k)`, a the layer's output, as outside of training.

    Args:
        model: A Functional or Sequential network with one input.
        images: As the network takes them, shape `(images, *input shape)`.
        layer: Name, path or index, as in `happymaps.layer_paths`; or several, which are
            read in one pass and returned as a list.
        keep: Whether to keep the features in `data/processed/features`, by the
            fingerprints of network and images, and to take them from there.

    Returns:
        float32, shape `(images, channels)`, or `(images, units)` of a dense layer; for
        several layers a list of these.

    Raises:
        ValueError: No such layer, or images that do not fit the network.
    """
    images = np.asarray(images, np.float32)
    check_images(model, images)
    is_one = isinstance(layer, str | int | np.integer)
    layers = [layer_path(model, each) for each in ([layer] if is_one else layer)]
    path = _kept_path(model, images, layers)
    if keep and path.is_file():
        with np.load(path) as kept:
            found = [kept[f"arr_{place}"] for place in range(len(layers))]
    else:
        found = _compute(model, images, layers)
        if keep:
            _write(path, found)
    return found[0] if is_one else found


def _compute(model: keras.Model, images: np.ndarray, layers: list[str]):
    part = cut(model, layers, pre_activation=False)
    values = [_average(output) for output in part.outputs]
    # One output, for which `run` minds what memory bears.
    joined = values[0] if len(values) == 1 else keras.layers.Concatenate()(values)
    features = run(keras.Model(part.inputs, joined), images).astype(np.float32)
    ends = np.cumsum([value.shape[-1] for value in values])[:-1]
    return np.split(features, ends, axis=1)


def _average(values):
    positions = tuple(range(1, len(values.shape) - 1))
    values = keras.ops.cast(values, "float32")
    return keras.ops.mean(values, axis=positions) if positions else values


def _kept_path(model: keras.Model, images: np.ndarray, layers: list[str]) -> Path:
    digest = hashlib.sha256(repr((images.shape, layers)).encode())
    digest.update(np.ascontiguousarray(images).tobytes())
    name = f"{fingerprint(model)}-{digest.hexdigest()[:16]}.npz"
    return paths.data_root() / "processed" / "features" / name


def _write(path: Path, features: list[np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    try:
        np.savez(partial, *features)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
