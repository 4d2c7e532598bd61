"""Maps of brightness detectors, drawn raw and drawn stretched as keras-vis does."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from happymaps.base.sweepable import sweepable

if TYPE_CHECKING:
    from happymaps.backend import keras

# What a control network's first filters look for; each sums its squares to 1.
PLANTED = {
    "bright": np.full((3, 3), 1 / 3),
    "dark": np.full((3, 3), -1 / 3),
    "edge": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / np.sqrt(12),
    "line": np.array([[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]]) / np.sqrt(18),
}
_ROOM = 4  # ranges of pixels, on either side, that a map without bounds has


def mean_energy_share(kernels: np.ndarray) -> np.ndarray:
    """Return the share of each kernel's energy that its mean holds, in [0, 1].

    `(sum k)^2 / (n sum k^2)` over the n weights of a channel: 1 for a box, which sees
    brightness alone, 0 for an edge or a line. A kernel of zeros has none: NaN.

    Args:
        kernels: Shape (height, width, inputs, channels).

    Returns:
        Shape (channels,).
    """
    flat = np.asarray(kernels, np.float64).reshape(-1, kernels.shape[-1])
    energy = len(flat) * np.sum(flat**2, axis=0)
    share = np.full(len(energy), np.nan)
    return np.divide(flat.sum(axis=0) ** 2, energy, out=share, where=energy > 0)


@sweepable
def measure_control(
    *,
    height: int = 30,
    width: int = 32,
    num_steps: int = 60,
    tv_weight: float = 0.01,
    seed: int = 0,
) -> xr.Dataset:
    """Return how filters of known purpose, `PLANTED`, are drawn.

    Args:
        height: Of the images, >= 3.
        width: The same.
        num_steps: Steps of each optimization.
        tv_weight: Weight of `TotalVariation`.
        seed: Of the start.

    Returns:
        As `draw_filters`, with the names of `PLANTED` as the coordinate `channel`.
    """
    from happymaps.backend import keras

    planted = np.stack([*PLANTED.values()], axis=-1)[:, :, None]
    inputs = keras.Input((height, width, 1))
    layer = keras.layers.Conv2D(len(PLANTED), 3, activation="relu", name="planted")
    network = keras.Model(inputs, layer(inputs))
    layer.set_weights([planted, np.zeros(len(PLANTED))])
    drawn = draw_filters(
        network, "planted", tv_weight=tv_weight, num_steps=num_steps, seed=seed
    )
    return drawn.assign_coords(channel=list(PLANTED))


def draw_filters(
    network: "keras.Model",
    layer: str,
    *,
    count: int | None = None,
    pixels: tuple[float, float] = (0.0, 1.0),
    tv_weight: float,
    num_steps: int,
    seed: int,
) -> xr.Dataset:
    """Return a convolution's maps without bounds, and what they look like drawn.

    Raw, a map is clipped to the range of pixels; stretched, it is drawn as keras-vis
    does: `clip(0.1 (x - mean) / sd + 0.5, 0, 1)`.

    Args:
        network: It is not changed.
        layer: A convolution.
        count: Only so many channels, evenly spread; None for all.
        pixels: Black and white of the network.
        tv_weight: Weight of `TotalVariation`.
        num_steps: Steps of each optimization, each a sixtieth of the range of pixels.
        seed: Of the start.

    Returns:
        By `channel`: `mean_share` (see `mean_energy_share`), `moved` (mean of the map
        less that of the start, in ranges of pixels) and, for `raw` and `stretched`,
        `image_`, `pattern_` and `high_frequency_` of the picture.
    """
    from happymaps.keras_vis.utils.utils import deprocess_input
    from happymaps.maps.engine.starts import start_images
    from happymaps.maps.maximization import maximize
    from happymaps.maps.regularizers import TotalVariation
    from happymaps.maps.scoring import layer_objectives
    from happymaps.networks.inspection import layer_kernels
    from happymaps.networks.layers import image_shape

    low, high = pixels
    span = high - low
    objectives = layer_objectives(network, layer, count=count)
    index = [objective.terms[0][1].index for objective in objectives]
    maps = maximize(
        network,
        objectives,
        regularizers=(TotalVariation(tv_weight),),
        seed_input=start_images([seed], image_shape(network), pixels),
        input_range=(low - _ROOM * span, high + _ROOM * span),
        learning_rate=1 / 60 / (2 * _ROOM + 1),
        num_steps=num_steps,
    ).image.values[:, 0]
    raw = (maps - low) / span
    stretched = np.stack([deprocess_input(image, (0.0, 1.0)) for image in maps])
    found = {
        "mean_share": (
            "channel",
            mean_energy_share(layer_kernels(network, layer))[index],
        ),
        "moved": ("channel", raw.mean(axis=(1, 2, 3)) - 0.5),
        **_describe("raw", np.clip(raw, 0, 1)),
        **_describe("stretched", stretched),
    }
    return xr.Dataset(found, {"channel": index})


def _describe(name: str, pictures: np.ndarray) -> dict:
    from happymaps.maps.measures import classify_patterns, high_frequency_share

    dimensions = ("channel", "y", "x", "color")
    return {
        f"image_{name}": (dimensions, pictures.astype(np.float32)),
        f"pattern_{name}": ("channel", classify_patterns(pictures)),
        f"high_frequency_{name}": ("channel", high_frequency_share(pictures)),
    }
