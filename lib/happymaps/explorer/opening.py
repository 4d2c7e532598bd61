"""`explore`: the door to the panel, where what it is given is checked."""

from collections.abc import Mapping, Sequence

import numpy as np

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.explorer.forming import layer_size
from happymaps.explorer.panel import Panel, layer_choices
from happymaps.explorer.saving import check_source
from happymaps.explorer.settings import MapSettings, check_channels, first_channels
from happymaps.maps.looks import LOOKS
from happymaps.maps.scoring import SIGNS
from happymaps.networks.checks import check_choice, check_images
from happymaps.networks.layers import image_shape, layer_path
from happymaps.networks.study import Study


def explore(
    model: keras.Model | Study,
    dataset: Dataset | np.ndarray | None = None,
    *,
    layer: str | int | None = None,
    channels: Sequence[int] | None = None,
    sign: str = "happy",
    look: str = "study",
    tv_weight: float = 0.01,
    lp_weight: float = 10.0,
    num_seeds: int = 2,
    num_steps: int = 100,
    seed: int = 0,
    input_range: tuple[float, float] = (0.0, 1.0),
    source: Mapping[str, object] | None = None,
) -> Panel:
    """Return a panel that shows the maps of a layer, and makes them anew on change.

    The maps form in a thread of their own: other cells run meanwhile, and a new setting
    stops the maps before. In a batch run there is nobody to move a slider: the maps are
    made at once, and the panel is a still picture.

    Args:
        model: A network for pictures, (height, width, 1 or 3); or what `open_study`
            returns, a network with its images.
        dataset: Images to compare with, a `Dataset` or an array `(images, *input
            shape)` in the network's own range. None: those of the study, or none.
        layer: What is shown first, as in `maximize`; None for the first convolution.
        channels: Channels or units of it, at most 12; None for the first four.
        sign: `"happy"` or `"sad"`. All up to `num_steps` is what is shown first.
        look: As in `maximize`; `"natural"` by the images that are compared with.
        tv_weight: Weight of `TotalVariation`, >= 0, in the look `"study"`.
        lp_weight: Weight of `LpNorm`, >= 0.
        num_seeds: Random starts of each channel, >= 1.
        num_steps: Steps of the optimization, >= 1.
        seed: The first random start; the others follow it.
        input_range: Lowest and highest pixel of the network.
        source: What saved settings should say of network and images: values of
            `dataset`, `target`, `model`, `image_size` (str) and `network_seed` (int).
            The name of a `Dataset` and the range are known without it.

    Raises:
        ValueError: A network or images of another kind; no such layer; an option out of
            its range.
    """
    if isinstance(model, Study):
        model, dataset = model.model, model.dataset if dataset is None else dataset
    image_shape(model)
    images = dataset.images if isinstance(dataset, Dataset) else dataset
    if images is not None:
        check_images(model, images)
    low, high = (float(value) for value in input_range)
    known = {"dataset": dataset.name} if isinstance(dataset, Dataset) else {}
    if (low, high) != (0, 1):
        known |= {"lowest_pixel": low, "highest_pixel": high}
    source = check_source(known | dict(source or {}))
    path = layer_path(model, layer_choices(model)[0] if layer is None else layer)
    size = layer_size(model, path)
    channels = first_channels(size) if channels is None else map(_whole, channels)
    check_choice("sign", sign, SIGNS)
    check_choice("look", look, LOOKS)
    settings = MapSettings(
        path,
        check_channels(tuple(channels)),
        sign,
        _weight("tv_weight", tv_weight),
        _weight("lp_weight", lp_weight),
        _count("num_seeds", num_seeds),
        _count("num_steps", num_steps),
        int(seed),
        look,
    )
    return Panel(model, images, settings, input_range=(low, high), source=source)


def _weight(name: str, value: float) -> float:
    if not 0 <= value < np.inf:
        raise ValueError(f"{name} must be a number >= 0. Received: {value!r}.")
    return float(value)


def _count(name: str, value: int) -> int:
    if not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a whole number >= 1. Received: {value!r}.")
    return int(value)


def _whole(value: int) -> int:
    if not isinstance(value, int | np.integer) or value < 0:
        raise ValueError(
            f"A channel must be a whole number from 0. Received: {value!r}."
        )
    return int(value)
