"""Experiment 1-1: one network of some width, its answers, and its decision maps."""

import numpy as np
import xarray as xr

from experiments.shared.decisions import (
    MEANINGS,
    map_decisions,
    map_variable,
    measure_accuracies,
)
from happymaps.base.sweepable import TrainedSource, sweepable
from happymaps.base.variable_labels import label_variables


@sweepable
def measure_width(
    *,
    source: TrainedSource,
    num_filters: int = 32,
    split: str = "person",
    num_folds: int = 5,
    fold: int = -1,
    num_starts: int = 0,
    num_steps: int = 100,
    tv_weight: float = 10.0,
) -> xr.Dataset:
    """Train a network of some width, and note what it answers and looks for.

    Args:
        source: The images, and the seed of the network.
        num_filters: Of the first and of the second convolution, >= 1; the third has
            twice as many.
        split: `"person"` holds out whole people, `"image"` single images.
        num_folds: How many folds, >= 2.
        fold: Which is held out; -1 for seed modulo `num_folds`.
        num_starts: Random starts of the maps of the decision neurons; 0 for no maps.
        num_steps: Steps of a map.
        tv_weight: Weight of total variation of a map.

    Returns:
        Without dimensions the numbers of `measure_accuracies`; by `layer` (those with
        weights) the number of its `parameters`; by `held_out` image the true `label`
        and the `predicted` class; and, unless `num_starts` is 0, `image`, the maps by
        `output`, `start`, `y`, `x` and `color`.

    Raises:
        ValueError: An option out of its range, or no people to hold out.
    """
    from happymaps.networks.study import open_study
    from happymaps.networks.training import predict

    if num_filters < 1 or num_starts < 0:
        raise ValueError(
            "num_filters must be >= 1 and num_starts >= 0. Received: "
            f"{num_filters} and {num_starts}. Use 0 starts for no maps."
        )
    study = open_study(
        **source.arguments(),
        split=split,
        num_folds=num_folds,
        fold=None if fold == -1 else fold,
        filters=(num_filters, num_filters, 2 * num_filters),
    )
    names, counts = count_parameters(study.model)
    variables = {
        **measure_accuracies(study),
        "parameters": ("layer", counts),
        "label": ("held_out", study.held_out.labels),
        "predicted": ("held_out", predict(study.model, study.held_out)),
    }
    if num_starts:
        maps = map_decisions(
            study, num_starts=num_starts, num_steps=num_steps, tv_weight=tv_weight
        )
        variables["image"] = map_variable(maps)
    result = xr.Dataset(variables, {"layer": names})
    return label_variables(result, MEANINGS | {"parameters": ("parameters", "1")})


def count_parameters(model) -> tuple[list[str], np.ndarray]:
    """Return the names of the layers that have weights, and how many numbers each."""
    counts = {layer.name: layer.count_params() for layer in model.layers}
    counts = {name: count for name, count in counts.items() if count}
    return list(counts), np.array(list(counts.values()))
