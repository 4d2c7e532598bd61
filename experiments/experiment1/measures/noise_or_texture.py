"""Noise, or the same texture at another phase: the repeats of one network's maps.

Its twins that know nothing are looked at in the same way: what they do too is no sign
of training.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr

from happymaps.base.sweepable import Source, sweepable
from happymaps.base.variable_labels import label_variables
from happymaps.evidence.known_values import known_quantile
from happymaps.networks.random_controls import make_twin

if TYPE_CHECKING:
    from happymaps.backend import keras

KINDS = ("stable", "texture", "noise", "flat")
LEAST_LIKENESS = 0.3  # of pixels that may be called repeated, as in `repeatability`
_CHANCE = 0.95  # quantile of a null model beyond which likeness is not called chance
_NUM_SURROGATES = 40
# Name in the result -> what it is.
_MEANINGS = {
    "raw": "correlation of pixels, mean over pairs of starts",
    "shift_tolerant": "correlation after the best shift, mean over pairs of starts",
    "spectral": "correlation of power spectra, mean over pairs of starts",
    "raw_limit": "95 % quantile over pairs of different units",
    "shift_tolerant_limit": "95 % quantile over pairs of different units",
    "spectral_limit": "95 % quantile over pairs of different units",
    "aligned_chance": "correlation after the best shift, random phases, mean",
    "aligned_limit": "correlation after the best shift, random phases, 95 % quantile",
    "followed": "correlation with the map of the moved start, moved back",
    "stayed": "correlation with the map of the moved start, as it is",
    "image": "map, 0 black and 1 white",
}


class _Setup(NamedTuple):
    """What is asked of each network; `layers` tells which are convolutions."""

    layers: dict[str, bool]
    weights: list[float]
    num_units: int
    num_starts: int
    num_steps: int
    pixels: tuple[float, float]
    shift: int


@sweepable
def measure_repeats(
    *,
    source: Source,
    layers: list[str] = [],  # noqa: B006 - never changed
    twins: list[str] = ["fresh", "shuffled"],  # noqa: B006
    num_units: int = 4,
    num_starts: int = 3,
    num_steps: int = 60,
    filter_tv_weight: float = 0.01,
    dense_tv_weight: float = 10.0,
    shift: int = 4,
) -> xr.Dataset:
    """Return how alike the maps of a network's units are from start to start.

    Args:
        source: The network.
        layers: Convolutions and dense layers; empty for the first three convolutions
            and the first hidden dense layer.
        twins: Which networks to compare with, of `random_controls.TWINS`.
        num_units: Channels or units of each layer, evenly spread, >= 2; of all layers
            as many as the smallest one has, if it has fewer.
        num_starts: Random starts of each map, >= 2.
        num_steps: Steps of each optimization.
        filter_tv_weight: Weight of `TotalVariation` for filters.
        dense_tv_weight: The same for dense units.
        shift: Pixels, down and to the right, by which a start is moved.

    Returns:
        By `network` (`"trained"` and the twins), `layer` and `unit`: `raw`,
        `shift_tolerant` and `spectral` (see `pairwise_similarity`; means over pairs of
        starts, NaN where maps are flat), `aligned_chance` and `aligned_limit` (mean
        and 95 % quantile of `shift_tolerant` for surrogates with the same power spectra
        and random phases), `followed` and `stayed` (correlation, in the middle half of
        the image, with the map of the moved start, moved back and as it is) and `kind`,
        one of `KINDS`; by `network` and `layer` a `_limit` of each likeness (95 %
        quantile over pairs of different units). `image`: the trained network's maps.
        The coordinate `is_filter` tells convolutions from dense layers. Without
        dimensions: `filter_stable_share` and `filter_texture_share` of the trained
        network, in [0, 1].

    Raises:
        ValueError: Fewer than two units or starts, or as in `open_study`.
    """
    from happymaps.networks.study import open_study

    if min(num_units, num_starts) < 2:
        raise ValueError(
            "num_units and num_starts must be >= 2, to have pairs. Received: "
            f"{num_units} and {num_starts}."
        )
    seed, pixels = source.seed, source.pixel_range
    trained = open_study(**source.arguments(), split="person").model
    chosen = _choose_layers(trained, layers)
    num_units = min(num_units, *(_num_channels(trained, layer) for layer in chosen))
    weights = [filter_tv_weight if is_filter else dense_tv_weight
               for is_filter in chosen.values()]  # fmt: skip
    setup = _Setup(chosen, weights, num_units, num_starts, num_steps, pixels, shift)
    networks = [trained, *(make_twin(trained, twin, seed=seed) for twin in twins)]
    found = [_compare(network, setup, seed) for network in networks]
    names = {"network": ["trained", *twins]}
    result = xr.concat([each.drop_vars("image") for each in found], "network")
    return _label(result.assign_coords(names).assign(image=found[0].image), pixels)


def random_phases(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return images with the same power spectra and means, and random phases.

    Source: surrogate data, Theiler et al. 1992, doi:10.1016/0167-2789(92)90102-S.

    Args:
        images: Shape (..., height, width).
        rng: Of the phases, which differ from image to image.
    """
    # The phases of real noise have the symmetry that makes an image real.
    noise = np.fft.fft2(rng.standard_normal(images.shape))
    noise /= np.abs(noise)
    noise[..., 0, 0] = 1
    return np.fft.ifft2(np.fft.fft2(images) * noise).real


def judge_kind(
    raw: np.ndarray,
    raw_limit: float,
    spectral: np.ndarray,
    spectral_limit: float,
    *,
    is_filter: bool,
) -> np.ndarray:
    """Return the kind of each unit, one of `KINDS`.

    Args:
        raw: Likeness of the pixels of its maps, NaN if flat, shape (units,).
        raw_limit: What chance gives; `LEAST_LIKENESS` is asked besides.
        spectral: Likeness of their power spectra, shape (units,).
        spectral_limit: What chance gives.
        is_filter: Whether a repeating spectrum counts: a dense unit is tied to places.
    """
    same = raw > np.fmax(raw_limit, LEAST_LIKENESS)
    texture = (spectral > spectral_limit) & is_filter
    return np.select([np.isnan(raw), same, texture], ["flat", *KINDS[:2]], "noise")


def _choose_layers(network: "keras.Model", layers: list[str]) -> dict[str, bool]:
    """Return the layers to look at, and whether each is a convolution."""
    from happymaps.networks.inspection import (
        convolution_layers,
        dense_layers,
        output_layer,
    )

    filters = convolution_layers(network)
    hidden = [n for n in dense_layers(network) if n != output_layer(network)]
    return {name: name in filters for name in layers or [*filters[:3], *hidden[:1]]}


def _num_channels(network: "keras.Model", layer: str) -> int:
    from happymaps.networks.layers import cut

    return cut(network, [layer]).outputs[0].shape[-1]


def _compare(network: "keras.Model", setup: _Setup, seed: int) -> xr.Dataset:
    """Return the likenesses of one network, by layer and unit."""
    rng = np.random.default_rng(seed)
    found = []
    for (layer, is_filter), weight in zip(
        setup.layers.items(), setup.weights, strict=True
    ):
        *maps, moved = _make_maps(network, layer, weight, setup).swapaxes(0, 1)
        measured = _measure(np.stack(maps, axis=1), rng)
        limits = {
            name: measured[f"{name}_limit"].item() for name in ("raw", "spectral")
        }
        kind = judge_kind(
            measured.raw.values,
            limits["raw"],
            measured.spectral.values,
            limits["spectral"],
            is_filter=is_filter,
        )
        back = np.roll(moved, -setup.shift, axis=(1, 2))
        by_unit = {"kind": kind, "followed": _middle_likeness(maps[0], back)}
        by_unit["stayed"] = _middle_likeness(maps[0], moved)
        image = (("unit", "start", "y", "x", "color"), np.stack(maps, axis=1))
        named = {name: ("unit", values) for name, values in by_unit.items()}
        found.append(measured.assign(named | {"image": image}))
    is_filter = ("layer", [*setup.layers.values()])
    coordinates = {"layer": [*setup.layers], "is_filter": is_filter}
    return xr.concat(found, "layer").assign_coords(coordinates)


def _make_maps(network, layer: str, weight: float, setup: _Setup) -> np.ndarray:
    """Return maps (units, starts + 1, ...); the last one is of the moved start."""
    from happymaps.maps.engine.starts import start_images
    from happymaps.maps.maximization import maximize
    from happymaps.maps.regularizers import TotalVariation
    from happymaps.maps.scoring import layer_objectives
    from happymaps.networks.layers import input_shape

    starts = start_images(range(setup.num_starts), input_shape(network), setup.pixels)
    moved = np.roll(starts[:1], setup.shift, axis=(1, 2))
    return maximize(
        network,
        layer_objectives(network, layer, count=setup.num_units),
        regularizers=(TotalVariation(weight),),
        seed_input=np.concatenate([starts, moved]),
        num_steps=setup.num_steps,
        input_range=setup.pixels,
    ).image.values


def _measure(maps: np.ndarray, rng: np.random.Generator) -> xr.Dataset:
    from happymaps.evidence.similarity import likeness_table

    found = {}
    for measure in ("raw", "shift_tolerant", "spectral"):
        table = likeness_table(maps, measure)
        between = table[np.triu_indices(len(maps), k=1)]
        found[measure] = ("unit", np.diagonal(table))
        found[f"{measure}_limit"] = known_quantile(between, _CHANCE)
    chance = np.array([_align_surrogates(unit.mean(axis=-1), rng) for unit in maps])
    found["aligned_chance"] = ("unit", chance.mean(axis=1))
    found["aligned_limit"] = ("unit", np.quantile(chance, _CHANCE, axis=1))
    return xr.Dataset(found)


def _align_surrogates(planes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return what aligning gives for maps of the same spectra and random phases."""
    from happymaps.evidence.similarity import mean_similarity

    return np.array(
        [
            mean_similarity(random_phases(planes, rng)[..., None], "shift_tolerant")
            for _ in range(_NUM_SURROGATES)
        ]
    )


def _middle_likeness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the correlation of pairs of images in their middle half."""
    from happymaps.evidence.similarity import pairwise_similarity

    height, width = first.shape[1:3]
    rows, columns = (slice(n // 4, n - n // 4) for n in (height, width))
    pairs = np.stack([first, second], axis=1)[:, :, rows, columns]
    return np.array([pairwise_similarity(pair, "raw")[0, 1] for pair in pairs])


def _label(result: xr.Dataset, pixels: tuple[float, float]) -> xr.Dataset:
    low, high = pixels
    shown = ((result.image - low) / (high - low)).astype(np.float32)
    result = result.assign(image=shown)
    meanings = {name: (meaning, "1") for name, meaning in _MEANINGS.items()}
    result = label_variables(result, meanings)
    kinds = result.kind.isel(network=0, layer=result.is_filter.values)
    judged = int((kinds != "flat").sum())
    for kind in KINDS[:2]:
        share = int((kinds == kind).sum()) / judged if judged else np.nan
        result[f"filter_{kind}_share"] = share
    return result
