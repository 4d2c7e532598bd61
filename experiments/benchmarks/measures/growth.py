"""How time grows with the number of maps, of pixels, of steps."""

import dataclasses
import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from experiments.benchmarks.measures.settings import BenchmarkSettings
from experiments.benchmarks.measures.timing import measure
from happymaps.backend import keras
from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import Objective
from happymaps.maps.scoring import layer_objectives
from happymaps.networks.models import build_cnn

_LAYER = "conv2_3"


def fit_exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the exponent k of `seconds = c sizes^k`, by least squares of logarithms.

    Raises:
        ValueError: Fewer than two points, or one that is not positive.
    """
    x, y = np.asarray(sizes, float), np.asarray(seconds, float)
    if len(x) < 2 or x.shape != y.shape or min(x.min(), y.min()) <= 0:
        raise ValueError(
            "A power law needs two or more points, all positive. Received: sizes "
            f"{x.tolist()} and seconds {y.tolist()}."
        )
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


@dataclasses.dataclass(frozen=True)
class _Point:
    """One call of `maximize`: `maps` maps of `steps` steps, on one network."""

    quantity: str
    size: int
    model: keras.Model
    maps: int
    steps: int

    def run(self, activation: str) -> None:
        objectives, seeds = _spread(self.model, self.maps)
        maximize(
            self.model,
            objectives,
            seeds=seeds,
            num_steps=self.steps,
            activation=activation,
        )


def measure_growth(
    model: keras.Model,
    settings: BenchmarkSettings,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> pd.DataFrame:
    """Return the time of `maximize` at the third convolution, by what grows.

    Args:
        model: The study's network.
        settings: Which sizes, and how many rounds; all points take turns.
        clock: In seconds.

    Returns:
        A row per point: `quantity` ("maps", "pixels" or "steps"), `size`, and
        `seconds`, `low`, `high`: median, lowest and highest of the rounds.
    """
    points = _points(model, settings)
    for point in points:  # what is done once for each network is not what grows
        dataclasses.replace(point, maps=min(point.maps, 64)).run(settings.activation)
    rows = [
        {
            "quantity": point.quantity,
            "size": point.size,
            "seconds": measure(
                lambda point=point: point.run(settings.activation),
                point.maps,
                point.steps,
                clock=clock,
            ).seconds,
        }
        for _ in range(settings.slow_rounds)
        for point in points
    ]
    groups = pd.DataFrame(rows).groupby(["quantity", "size"], sort=False)["seconds"]
    found = {"seconds": groups.median(), "low": groups.min(), "high": groups.max()}
    return pd.DataFrame(found).reset_index()


def growth_exponents(growth: pd.DataFrame) -> pd.Series:
    """Return the fitted exponent of each quantity of `measure_growth`.

    The fit takes the upper half of the sizes, three or more: below, what every call
    costs hides how time grows.
    """
    return pd.Series(
        {
            quantity: fit_exponent(upper["size"], upper["seconds"])
            for quantity, points in growth.groupby("quantity", sort=False)
            for upper in [points.nlargest(max(3, len(points) // 2 + 1), "size")]
        },
        name="exponent",
    )


def _points(model: keras.Model, settings: BenchmarkSettings) -> list[_Point]:
    steps = settings.growth_steps
    networks = [
        build_cnn((*size, 1), 2, final_activation="linear") for size in settings.sizes
    ]
    return [
        *(_Point("maps", n, model, n, steps) for n in settings.map_counts),
        *(
            _Point("pixels", height * width, network, 16, steps)
            for (height, width), network in zip(settings.sizes, networks, strict=True)
        ),
        *(_Point("steps", n, model, 16, n) for n in settings.step_counts),
    ]


def _spread(model: keras.Model, maps: int) -> tuple[list[Objective], int]:
    """Return objectives and starts that make so many maps, or the next more."""
    objectives = layer_objectives(model, _LAYER, count=maps)
    return objectives, -(-maps // len(objectives))
