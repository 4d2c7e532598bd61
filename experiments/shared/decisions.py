"""What a network decides, and the maps of the neurons that decide.

The pieces that the points of several follow-ups have in common.
"""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from happymaps.networks.study import Study

# Name in a result -> what it is, and its unit.
MEANINGS = {
    "accuracy": ("accuracy, held-out images", "1"),
    "balanced_accuracy": ("balanced accuracy, held-out images", "1"),
    "training_accuracy": ("accuracy, training images", "1"),
    "training_balanced_accuracy": ("balanced accuracy, training images", "1"),
    "num_parameters": ("parameters of the network", "1"),
    "predicted": ("class named by the network", "1"),
    "label": ("true class", "1"),
    "image": ("maps of the decision neurons", "pixel range"),
}


def measure_accuracies(study: "Study") -> dict[str, float]:
    """Return the numbers that every point reports.

    Returns:
        `accuracy` and `balanced_accuracy` on the images held out, the same with
        `training_` on those learned from, in [0, 1], and `num_parameters`.
    """
    from happymaps.networks.training import evaluate

    new, known = (
        evaluate(study.model, part) for part in (study.held_out, study.learned)
    )
    kinds = ("accuracy", "balanced_accuracy")
    return {
        **{kind: new[kind] for kind in kinds},
        **{f"training_{kind}": known[kind] for kind in kinds},
        "num_parameters": study.model.count_params(),
    }


def map_decisions(
    study: "Study", *, num_starts: int, num_steps: int, tv_weight: float
) -> xr.Dataset:
    """Return the maps of all decision neurons, before the softmax.

    Args:
        study: With the network; it is not changed.
        num_starts: Random starts of each map, the same for each network, >= 1.
        num_steps: Steps of the optimization.
        tv_weight: Weight of `TotalVariation`; the norm has that of `LpNorm()`.

    Returns:
        What `maximize` returns, with the dimensions `objective` (one for each class)
        and `seed`.
    """
    from happymaps.maps.maximization import maximize
    from happymaps.maps.regularizers import LpNorm, TotalVariation
    from happymaps.maps.scoring import layer_objectives
    from happymaps.networks.inspection import output_layer

    model = study.model
    return maximize(
        model,
        layer_objectives(model, output_layer(model)),
        regularizers=(LpNorm(), TotalVariation(tv_weight)),
        seeds=num_starts,
        num_steps=num_steps,
    )


def map_variable(maps: xr.Dataset) -> tuple[tuple[str, ...], np.ndarray]:
    """Return maps as a variable: dimensions `output`, `start`, `y`, `x`, `color`."""
    images = maps.image.transpose("objective", "seed", "y", "x", "color")
    return ("output", "start", "y", "x", "color"), images.values
