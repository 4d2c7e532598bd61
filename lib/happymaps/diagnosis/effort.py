"""What a diagnosis of a large network looks at, so that it ends in minutes.

The work is counted in numbers that layers compute, which is the same on every machine.
Small networks are looked at whole. Of large ones, all images are for the accuracy, some
for what decisions rest on and for units, and of their layers a few, spread over the
depth: the first, those between, and the last.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.diagnosis.behavior.brightness import CHANGES
from happymaps.diagnosis.behavior.preprocessing import READINGS
from happymaps.diagnosis.units.layer_choice import choose_layers
from happymaps.networks.batches import BOTH_WAYS, values_per_image
from happymaps.networks.layers import cut

_IMAGE_VALUES = 1_500_000_000  # of the images that most is measured on
_FEWEST_IMAGES = 64
_RELEVANCE_VALUES = 300_000_000
_RELEVANCE_IMAGES = (8, 64)  # fewest and most
_RELEVANCE_PASSES = 16 * 3  # steps of the integral, in this network and in two shuffled
_MAP_VALUES = 1e12  # of all maps of all layers
_FEWEST_LAYERS = 3
_OTHER_STARTS = 4  # of sad maps and those under a stronger weight
_TOLD_FROM = 60  # seconds


class Effort(NamedTuple):
    """How much is looked at.

    Attributes:
        num_images: On which most is measured.
        num_relevance: Whose pixels' relevance is measured.
        layers: Whose units are diagnosed.
        left_out: Paths of the layers that would take too long.
        num_images_in_all: Of the data set.
        passes: How often an image goes through the network in all, after the accuracy.
    """

    num_images: int
    num_relevance: int
    layers: list[str]
    left_out: list[str]
    num_images_in_all: int
    passes: float

    def estimate(self, seconds: float) -> str:
        """Return how long it will take, for a person; empty where that is short.

        Args:
            seconds: That all images took once.
        """
        expected = seconds / self.num_images_in_all * self.passes
        if expected < _TOLD_FROM:
            return ""
        return f" (all that follows: about {round(expected / 60) or 1} min)"


def plan_effort(
    model: keras.Model,
    dataset: Dataset,
    layers: Sequence[str] | None,
    *,
    maps_per_layer: int | None,
    seeds: int,
    num_steps: int,
) -> Effort:
    """Return what a diagnosis looks at.

    Args:
        model: The network.
        dataset: All images.
        layers: Those asked for, which are all looked at; None for a choice.
        maps_per_layer: As in `diagnose`.
        seeds: As in `diagnose`.
        num_steps: As in `diagnose`.
    """
    every = choose_layers(model, layers)
    ends = {path: cut(model, [path], pre_activation=False) for path in every}
    values = {path: values_per_image(each) for path, each in ends.items()}
    largest = max(values.values())
    num_images = int(np.clip(_IMAGE_VALUES // largest, _FEWEST_IMAGES, len(dataset)))
    num_images = min(num_images, len(dataset))
    num_relevance = int(np.clip(_RELEVANCE_VALUES // largest, *_RELEVANCE_IMAGES))
    rounds = BOTH_WAYS * num_steps * (seeds + _OTHER_STARTS)
    sizes = {path: each.outputs[0].shape[-1] for path, each in ends.items()}
    work = {
        path: values[path] * rounds * min(maps_per_layer or size, size)
        for path, size in sizes.items()
    }
    chosen = every if layers is not None else _spread(every, work)
    tried = len(READINGS) + 1 + 2 * len(CHANGES)
    passes = (
        num_images * tried
        + num_relevance * _RELEVANCE_PASSES * BOTH_WAYS
        + sum(work[path] for path in chosen) / largest
    )
    left = [path for path in every if path not in chosen]
    return Effort(num_images, num_relevance, chosen, left, len(dataset), passes)


def _spread(paths: list[str], work: dict[str, float]) -> list[str]:
    """Return as many layers as the work allows, evenly spread over the depth."""
    for count in range(len(paths), _FEWEST_LAYERS, -1):
        places = np.linspace(0, len(paths) - 1, count).round().astype(int)
        chosen = [paths[place] for place in places]
        if sum(work[path] for path in chosen) <= _MAP_VALUES:
            return chosen
    count = min(len(paths), _FEWEST_LAYERS)
    places = np.linspace(0, len(paths) - 1, count).round().astype(int)
    return [paths[place] for place in places]
