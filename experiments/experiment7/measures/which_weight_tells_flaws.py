"""At which weight of total variation do HappyMaps tell a flaw?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from experiments.experiment7.measures.observers import (
    CONTROLS,
    pool_of,
    strangest_window,
    unlikeness,
)
from experiments.experiment7.measures.specimens import OUTPUT, make_specimen
from happymaps.base.sweepable import sweepable
from happymaps.base.variable_labels import label_variables
from happymaps.evidence.agreement import auroc

WEIGHTS = tuple(10.0**power for power in np.arange(-1, 4.1, 0.5))
_STARTS, _STEPS = 4, 100
_MEANINGS = {
    "maps": ("HappyMap of class 1 over 0 less its SadMap", "1"),
    "rule": ("weight of the rule, N rms(da/dx) at the start", "1"),
}


@sweepable
def measure_weights(
    *, dataset: str = "synthetic_faces", plant: str = "clean", seed: int = 0
) -> xr.Dataset:
    """Draw the maps of the difference of the logits at each weight.

    Args:
        dataset: As in `draw_parts`.
        plant: Which flaw and dose: a name of `PLANTS`.
        seed: Of people, images, weights, and where the flaw is.

    Returns:
        `maps` `(tv_weight, y, x)`; `rule`.

    Raises:
        ValueError: As in `make_specimen`.
    """
    import happymaps as hm

    network = make_specimen(plant, dataset, seed).network
    found = hm.sweep(
        network,
        hm.unit(OUTPUT, 1) - hm.unit(OUTPUT, 0),
        tv_weight=list(WEIGHTS),
        sign=["happy", "sad"],
        seeds=_STARTS,
        num_steps=_STEPS,
    )
    means = found.image.mean("seed").squeeze(drop=True)
    maps = means.sel(sign="happy", drop=True) - means.sel(sign="sad", drop=True)
    size = np.prod(network.input_shape[1:])
    result = xr.Dataset(
        {
            "maps": (("tv_weight", "y", "x"),
                     maps.transpose("tv_weight", ...).values.squeeze()),
            "rule": float(size * found.gradient_rms.mean()),
        },
        {"tv_weight": list(WEIGHTS)},
    )  # fmt: skip
    return label_variables(result, _MEANINGS)


def score_weights(networks: Mapping[tuple[str, int], xr.Dataset]) -> pd.DataFrame:
    """Return a row for each network that is no reference, weight and observer.

    Args:
        networks: What `measure_weights` gave, by plant and seed.

    Returns:
        `plant`, `seed`, `tv_weight`, `observer` (`"O1"`, `"O2"`), `score`, `rule`.
    """
    references = np.stack([
        found.maps.values for key, found in networks.items()
        if pool_of(key[1]) == "reference"
    ])  # fmt: skip
    rows = []
    for (plant, seed), found in networks.items():
        if pool_of(seed) == "reference":
            continue
        for at, weight in enumerate(WEIGHTS):
            planes = found.maps.values[at], references[:, at]
            scores = {"O1": unlikeness(*planes), "O2": strangest_window(*planes)[0]}
            rows += [
                {"plant": plant, "seed": seed, "tv_weight": weight, "observer": name,
                 "score": score, "rule": float(found.rule)}
                for name, score in scores.items()
            ]  # fmt: skip
    return pd.DataFrame(rows)


def auroc_by_weight(scores: pd.DataFrame, plant: str, observer: str) -> pd.Series:
    """Return how well a flaw is told from clean and harmless networks, by weight."""
    mine = scores[(scores.observer == observer)]
    is_flawed = mine.plant == plant
    mine = mine[is_flawed | mine.plant.isin(CONTROLS)]
    return mine.groupby("tv_weight").apply(
        lambda part: auroc(part.score.to_numpy(), (part.plant == plant).to_numpy()),
        include_groups=False,
    )
