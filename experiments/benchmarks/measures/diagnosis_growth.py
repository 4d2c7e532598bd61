"""How the time of a whole diagnosis grows with units, images and pixels."""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from experiments.benchmarks.measures.settings import BenchmarkSettings
from happymaps.datasets import Dataset
from happymaps.diagnosis.diagnose import diagnose
from happymaps.networks.models import build_cnn

_UNITS, _IMAGES, _SIZE = 8, 128, (30, 32)  # while another quantity grows
_OPTIONS = {"seeds": 2, "num_steps": 20, "maps_per_layer": None}


def measure_diagnosis_growth(
    settings: BenchmarkSettings, *, clock: Callable[[], float] = time.perf_counter
) -> pd.DataFrame:
    """Return the time of `diagnose` on a network of one convolution, by what grows.

    Weights and images are noise, of which the time does not depend.

    Args:
        settings: By which factors each quantity grows.
        clock: In seconds.

    Returns:
        A row per point: `quantity` ("units", "images" or "pixels"), `size`, `seconds`.
    """
    _run(_UNITS, _IMAGES, _SIZE)  # what is done once is not what grows
    rows = []
    for factor in settings.diagnosis_factors:
        side = round(factor**0.5 * _SIZE[0]), round(factor**0.5 * _SIZE[1])
        for quantity, size, point in (
            ("units", factor * _UNITS, (factor * _UNITS, _IMAGES, _SIZE)),
            ("images", factor * _IMAGES, (_UNITS, factor * _IMAGES, _SIZE)),
            ("pixels", side[0] * side[1], (_UNITS, _IMAGES, side)),
        ):
            start = clock()
            _run(*point)
            rows.append((quantity, size, clock() - start))
    found = pd.DataFrame(rows, columns=["quantity", "size", "seconds"])
    return found.sort_values(["quantity", "size"], ignore_index=True)


def _run(units: int, count: int, size: tuple[int, int]) -> None:
    model = build_cnn((*size, 1), 2, filters=(units,), dense_units=())
    images = np.random.default_rng(0).random((count, *size, 1), dtype=np.float32)
    labels = np.arange(count) % 2
    files = pd.DataFrame({"file": labels})
    diagnose(model, Dataset("noise", images, labels, ("a", "b"), files), **_OPTIONS)
