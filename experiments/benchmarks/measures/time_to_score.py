"""How long until our default settings reach the score of keras-vis's image."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from experiments.benchmarks.measures.contenders import (
    INPUT_RANGE,
    KERAS_VIS,
    keras_vis_map,
    noise,
    only_term,
)
from experiments.benchmarks.measures.original_keras_vis import OriginalKerasVis
from experiments.benchmarks.measures.settings import BenchmarkSettings
from experiments.benchmarks.measures.timing import OURS, Timing, measure, take_turns
from happymaps.backend import keras
from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import Objective
from happymaps.maps.scoring import layer_objectives, score_images

SINGLE = f"{OURS}, one map"
_STEPS_TRIED = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 200)


@dataclasses.dataclass(frozen=True)
class _Race:
    """One objective, what keras-vis reached for it, and the steps that we need."""

    objective: Objective
    start: np.ndarray
    keras_vis_score: float
    our_score: float
    steps: int


def time_to_score(
    model: keras.Model,
    original: OriginalKerasVis,
    layer: str,
    settings: BenchmarkSettings,
) -> pd.DataFrame:
    """Return the times that keras-vis and `maximize` take to the same score.

    keras-vis runs its 200 iterations; its raw optimum, which no range confines, is
    clipped to the range and scored. `maximize` runs with its default settings, which
    climb another function, for the fewest of a list of steps after which its image
    scores as much. Both are scored by `score_images` with the objective of keras-vis,
    `activation="post"`. Channels that are off at the start, which keras-vis cannot
    move, are left out; a layer of which nothing is left has no row.

    Args:
        model: The network; keras-vis has loaded it.
        original: keras-vis, running.
        layer: Name of a convolution or dense layer.
        settings: Channels, steps and rounds.

    Returns:
        Runs as of `take_turns`: keras-vis, `maximize` of one map, and as `happymaps`
        `maximize` of the whole layer, with as many steps as the slowest of the
        objectives needs; besides `objective`, `keras_vis_score`, `our_score` and
        `steps_needed` (-1 where 200 are too few; such an objective has no runs of
        ours).
    """
    alive = _alive(model, layer, settings)
    races = [_run_race(model, original, objective, settings) for objective in alive]
    needed = max((race.steps for race in races), default=-1)
    tables = [_time_race(model, original, race, needed, settings) for race in races]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def first_sufficient(
    steps_tried: Sequence[int], reach: Callable[[int], float], score: float
) -> tuple[int, float]:
    """Return the first number of steps that reaches a score, and what it reaches.

    Args:
        steps_tried: In rising order.
        reach: Number of steps to the score after them.
        score: To be reached.

    Returns:
        `(-1, last score)` when none is enough.
    """
    reached = np.nan
    for steps in steps_tried:
        reached = reach(steps)
        if reached >= score:
            return steps, reached
    return -1, reached


def _alive(
    model: keras.Model, layer: str, settings: BenchmarkSettings
) -> list[Objective]:
    objectives = layer_objectives(model, layer)
    scores = score_images(model, objectives, noise(model, 1), activation="post")
    alive = [o for o, s in zip(objectives, scores.values[:, 0], strict=True) if s]
    count = min(len(alive), settings.score_channels)
    return [alive[index * len(alive) // count] for index in range(count)]


def _run_race(model, original, objective, settings) -> _Race:
    start = noise(model, 1)[0]
    found = keras_vis_map(original, objective, start, settings.num_steps)
    score = _score(model, objective, np.clip(found.optimum, *INPUT_RANGE))

    def reach(steps: int) -> float:
        found = maximize(
            model, objective, seed_input=start[None], num_steps=steps
        ).image.values[0, 0]
        return _score(model, objective, found)

    steps, reached = first_sufficient(_STEPS_TRIED, reach, score)
    return _Race(objective, start, score, reached, steps)


def _time_race(model, original, race, needed, settings) -> pd.DataFrame:
    steps, layer = settings.num_steps, only_term(race.objective).layer
    start = race.start[None]

    def keras_vis() -> Timing:
        found = keras_vis_map(original, race.objective, race.start, steps)
        return Timing(1, steps, found.seconds)

    def ours(objectives: Sequence[Objective], count: int) -> Timing:
        def work() -> None:
            maximize(model, objectives, seed_input=start, num_steps=count)

        return measure(work, len(objectives), count)

    contenders = {KERAS_VIS: keras_vis}
    if race.steps > 0:
        every = layer_objectives(model, layer)
        contenders[OURS] = lambda: ours(every, needed)
        contenders[SINGLE] = lambda: ours([race.objective], race.steps)
    return take_turns(contenders, settings.rounds).assign(
        layer=layer,
        objective=race.objective.name,
        keras_vis_score=race.keras_vis_score,
        our_score=race.our_score,
        steps_needed=race.steps,
    )


def _score(model, objective: Objective, image: np.ndarray) -> float:
    return float(score_images(model, [objective], image[None], activation="post")[0, 0])
