"""What a diagnosis of a large network looks at, so that it ends in minutes.

The work is counted in numbers that layers make and in multiplications, which are the
same on every machine. Small networks are looked at whole. Of large ones, all images are
for the accuracy, some for what decisions rest on and for units. Of their layers a few
are looked at, spread over the depth: the first, those between, and the last; of very
large ones fewer units with fewer starts and steps, too.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.diagnosis.behavior.brightness import CHANGES
from happymaps.diagnosis.behavior.leveling import PASSES
from happymaps.diagnosis.behavior.occlusion import num_covered
from happymaps.diagnosis.behavior.portraits import most_passes as portrait_passes
from happymaps.diagnosis.behavior.preprocessing import READINGS
from happymaps.diagnosis.marks.finding import most_passes as mark_passes
from happymaps.diagnosis.units.layer_choice import choose_layers
from happymaps.networks.batches import WAY_BACK, values_per_image, work_per_image
from happymaps.networks.graph import graph_nodes
from happymaps.networks.layers import read

_IMAGE_WORK = 2.5e9  # of a pass of the images that most is measured on
_FEWEST_IMAGES = 64
_RELEVANCE_WORK = 5e8  # of a pass of the images whose pixels' relevance is measured
_RELEVANCE_IMAGES = (8, 64)  # fewest and most
_RELEVANCE_PASSES = 16 * 3  # steps of the integral, in this network and in two shuffled
_MAP_WORK = 4e11  # of all maps of all layers
_FEWEST_LAYERS = 3
# Units, starts and steps at most, until the maps of three layers are not too much.
_LEVELS = ((8, None, None), (4, None, None), (4, 2, None), (4, 2, 50), (2, 2, 50))
_OTHER_STARTS = 4  # of sad maps and those under a stronger weight
_ABLATED = 0.5  # of a pass, on average, that is run again without a unit
_TOLD_FROM = 60  # seconds
_FARTHEST = 10_000  # times the first stage, which nobody can foresee from it


class Maps(NamedTuple):
    """How many maps: `maps_per_layer`, `seeds` and `num_steps`, as in `diagnose`."""

    maps_per_layer: int | None
    seeds: int
    num_steps: int


class Effort(NamedTuple):
    """How much is looked at.

    Attributes:
        num_images: On which most is measured.
        num_relevance: Whose pixels' relevance is measured.
        layers: Whose units are diagnosed.
        left_out: Paths of the layers that would take too long.
        maps: What each of these gets.
        asked: What each was to get.
        accuracy: Work of a pass of all images.
        stages: Work of what follows: readings and light, what decisions rest on, marks
            and portraits, units.
    """

    num_images: int
    num_relevance: int
    layers: list[str]
    left_out: list[str]
    maps: Maps
    asked: Maps
    accuracy: float
    stages: tuple[float, float, float, float]

    def estimate(self, seconds: float) -> str:
        """Return how long it will take, for a person; empty where that is short.

        And where there are so few images that to begin took longer than to pass them.

        Args:
            seconds: That all images took once.
        """
        expected = seconds / self.accuracy * sum(self.stages)
        is_guess = sum(self.stages) > _FARTHEST * self.accuracy
        if expected < _TOLD_FROM or is_guess:
            return ""
        return f" (all that follows: about {round(expected / 60) or 1} min)"

    def options(self) -> dict:
        """Return what a page says of it."""
        return {
            **self.maps._asdict(),
            "asked": self.asked._asdict(),
            "num_looked_at": self.num_images,
            "left_out": self.left_out,
        }


def plan_effort(
    model: keras.Model, dataset: Dataset, layers: Sequence[str] | None, asked: Maps
) -> Effort:
    """Return what a diagnosis looks at.

    Args:
        model: The network.
        dataset: All images.
        layers: Those asked for, which are all looked at, and as asked; None for a
            choice.
        asked: What each layer gets, at most.
    """
    every = choose_layers(model, layers)
    work, sizes, whole, values = _weigh(model, every)
    num_images = int(np.clip(_IMAGE_WORK // whole, _FEWEST_IMAGES, len(dataset)))
    num_images = min(num_images, len(dataset))
    num_relevance = int(np.clip(_RELEVANCE_WORK // whole, *_RELEVANCE_IMAGES))
    chosen, maps = (every, asked) if layers else _choose(every, work, sizes, asked)
    mapped = sum(min(maps.maps_per_layer or sizes[p], sizes[p]) for p in chosen)
    tried = len(READINGS) + 2 + 2 * len(CHANGES) + PASSES
    stages = (
        num_images * tried * whole,
        num_covered(dataset.images.shape) * whole
        + num_relevance * _RELEVANCE_PASSES * WAY_BACK * whole,
        mark_passes(values) * whole
        + portrait_passes(values, len(dataset.class_names)) * WAY_BACK * whole,
        sum(_map_work(work[p], sizes[p], maps) for p in chosen)
        + num_images * (sum(map(work.get, chosen)) + mapped * _ABLATED * whole),
    )
    left = [path for path in every if path not in chosen]
    return Effort(
        num_images, num_relevance, chosen, left, maps, asked, len(dataset) * whole,
        stages,
    )  # fmt: skip


def _weigh(model: keras.Model, paths: list[str]) -> tuple[dict, dict, float, int]:
    """Return work up to each layer, their channels, work and values of the network."""
    unrolled, symbols = read(model, paths, pre_activation=False)
    graph = keras.Model(unrolled.inputs, unrolled.outputs)
    nodes = graph_nodes(graph)
    work = {}
    for path, symbol in zip(paths, symbols, strict=True):
        before = unrolled.before([symbol])
        work[path] = work_per_image(n for n in nodes if id(n.outputs[0]) in before)
    sizes = {p: int(s.shape[-1]) for p, s in zip(paths, symbols, strict=True)}
    return work, sizes, work_per_image(nodes), values_per_image(graph)


def _map_work(work: float, size: int, maps: Maps) -> float:
    units = min(maps.maps_per_layer or size, size)
    starts = maps.seeds + min(maps.seeds * 2, _OTHER_STARTS)
    return WAY_BACK * work * units * starts * maps.num_steps


def _choose(paths: list[str], work: dict, sizes: dict, asked: Maps) -> tuple:
    """Return layers and maps for each, as many as the work allows."""
    levels = [asked, *(Maps(*map(_lower, asked, level)) for level in _LEVELS)]
    fewest = min(len(paths), _FEWEST_LAYERS)
    for maps in levels:
        for count in range(len(paths), fewest - 1, -1):
            chosen = _spread(paths, count)
            total = sum(_map_work(work[path], sizes[path], maps) for path in chosen)
            if total <= _MAP_WORK:
                return chosen, maps
    return _spread(paths, fewest), levels[-1]


def _lower(asked: int | None, most: int | None) -> int | None:
    known = [each for each in (asked, most) if each is not None]
    return min(known, default=None)


def _spread(paths: list[str], count: int) -> list[str]:
    """Return so many layers, evenly spread over the depth."""
    places = np.linspace(0, len(paths) - 1, count).round().astype(int)
    return [paths[place] for place in places]
