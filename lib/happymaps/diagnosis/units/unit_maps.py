"""The maps of a layer's units: happy, sad, and under a strong total variation."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from happymaps.backend import keras, tf
from happymaps.maps.engine.starts import make_starts
from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import Objective
from happymaps.maps.regularizers import TotalVariation
from happymaps.maps.scoring import SIGNS, BatchedObjectives
from happymaps.maps.settings import AscentSettings
from happymaps.networks.batches import BOTH_WAYS
from happymaps.networks.layers import input_shape

_STRONGER = 10.0  # times the weight of total variation, for its sensitivity
_UNITS_AT_ONCE = 32
_FEW = 2  # starts of the sad maps and of those under the stronger weight


class UnitMaps(NamedTuple):
    """Maps by unit and start; scores and gains are those of the unit itself.

    Attributes:
        happy: Shape (units, starts, height, width, colors), in the network's range.
        happy_scores: Shape (units, starts).
        happy_gains: Score less that of the start, shape (units, starts).
        sad: The first two starts, of minus the unit.
        sad_scores: Of minus the unit.
        sad_gains: The same less that of the start.
        strong_gains: Of happy maps under ten times the weight, the first two starts.
        slopes: Root mean square of the score's gradient at the start, shape (units,).
        tv_weights: Weight of total variation in the unit's own scale, shape (units,).
    """

    happy: np.ndarray
    happy_scores: np.ndarray
    happy_gains: np.ndarray
    sad: np.ndarray
    sad_scores: np.ndarray
    sad_gains: np.ndarray
    strong_gains: np.ndarray
    slopes: np.ndarray
    tv_weights: np.ndarray


def make_unit_maps(
    model: keras.Model,
    objectives: Sequence[Objective],
    *,
    seeds: Sequence[int],
    tv_weight: float,
    num_steps: int,
    input_range: tuple[float, float],
) -> UnitMaps:
    """Return the maps of units of one layer.

    Total variation balances a unit where its weight is about `N rms(gradient) / range`,
    with N the values of an image, so that is the unit of `tv_weight`: the same number
    smooths a filter, whose score is a mean over positions, as much as a dense unit.

    Args:
        model: The network; it is not changed.
        objectives: Units of one layer.
        seeds: Random starts.
        tv_weight: Weight of total variation, as a share of that which balances a unit.
        num_steps: Of each map, >= 1.
        input_range: Lowest and highest value that the network takes.
    """
    few = list(seeds)[:_FEW]
    slopes = _slopes(model, objectives, few, input_range)
    size = int(np.prod(model.input_shape[1:]))
    span = input_range[1] - input_range[0]
    balance = np.where(slopes > 0, slopes, 1.0) * size / span
    scaled = [
        (1 / factor * objective).named(objective.name)
        for objective, factor in zip(objectives, balance.tolist(), strict=True)
    ]

    def run(sign: str, weight: float, starts: Sequence[int]) -> tuple:
        maps = maximize(
            model,
            scaled,
            regularizers=(TotalVariation(weight),),
            seeds=list(starts),
            sign=sign,
            num_steps=num_steps,
            input_range=input_range,
        )
        scores = maps.score_end.values * balance[:, None]
        gains = scores - maps.score_start.values * balance[:, None]
        return maps.image.values, scores, gains

    happy = run("happy", tv_weight, seeds)
    sad = run("sad", tv_weight, few)
    *_, strong_gains = run("happy", _STRONGER * tv_weight, few)
    return UnitMaps(*happy, *sad, strong_gains, slopes, tv_weight * balance)


def _slopes(model, objectives, seeds, input_range) -> np.ndarray:
    """Return the root mean square of each score's gradient, the largest of all starts.

    A filter that is off at the start has a hundredth of its slope there; minus the
    filter is on, and has all of it. So both signs are looked at.
    """
    settings = AscentSettings(input_shape(model), input_range=input_range)
    starts = make_starts(model, settings, seeds=list(seeds), seed_input=None).images
    batched = BatchedObjectives(model, objectives, "leaky", plain=True)
    found = np.zeros(len(objectives))
    size = batched.images_at_once(_UNITS_AT_ONCE, copies=BOTH_WAYS)
    for first in range(0, len(objectives), size):
        part = np.arange(len(objectives))[first : first + size]
        for start, sign in itertools.product(np.asarray(starts), SIGNS.values()):
            images = tf.constant(np.repeat(start[None], len(part), axis=0))
            slopes = _gradients(batched, images, part, sign)
            found[part] = np.maximum(found[part], slopes)
    return found


def _gradients(batched, images, part: np.ndarray, sign: float) -> np.ndarray:
    with tf.GradientTape() as tape:
        tape.watch(images)
        signs = tf.fill([len(part)], sign)
        scores = batched.score(images, batched.rows(part), signs)
    gradients = tape.gradient(scores, images).numpy().astype(np.float64)
    return np.sqrt((gradients**2).mean(axis=tuple(range(1, gradients.ndim))))
