"""How many units a network needs: silence them in an order, and see when it suffers."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.diagnosis.units.ablation import ablate_sets

_FIRST = ("dead", "duplicate", "noise")  # whose turn comes before all others


def pruning_order(diagnosis: xr.Dataset, *, by_kind: bool = True) -> np.ndarray:
    """Return the positions of units, those to take out first at the front.

    Dead ones, then duplicates, then noise, then all others; among equals, those first
    whose ablation raises the loss least.

    Args:
        diagnosis: As `diagnose_units` returns it, with `ablation_loss_change`.
        by_kind: Whether kinds come first; else all units count as equals.
    """
    kinds = diagnosis.kind.values
    ranks = np.select([kinds == kind for kind in _FIRST], range(3), len(_FIRST))
    ranks = ranks if by_kind else np.zeros(len(kinds))
    return np.lexsort((diagnosis.ablation_loss_change.values, ranks))


def prune(
    model: keras.Model,
    dataset: Dataset,
    diagnosis: xr.Dataset,
    orders: Sequence[np.ndarray],
    counts: Sequence[int],
) -> np.ndarray:
    """Return the accuracy with the first units of an order silenced.

    Outputs are set to 0 together, and nothing is learned again.

    Args:
        model: A classifier for `dataset`; it is not changed.
        dataset: Images to measure on.
        diagnosis: Whose coordinates `layer` and `channel` name the units.
        orders: Each a permutation of the positions of units.
        counts: How many are silenced, increasing.

    Returns:
        Shape (orders, counts), in [0, 1].
    """
    layers, channels = diagnosis.layer.values, diagnosis.channel.values
    sets = []
    for order in orders:
        for count in counts:
            silenced = order[:count]
            sets.append(
                {
                    str(layer): channels[silenced][layers[silenced] == layer].tolist()
                    for layer in np.unique(layers[silenced])
                }
            )
    found = ablate_sets(model, dataset, sets)
    changes = found.accuracy_change.reshape(len(orders), len(counts))
    return found.accuracy + changes


def smallest_share(
    kept: np.ndarray, accuracies: np.ndarray, *, tolerance: float = 0.01
) -> float:
    """Return the smallest share of units that is as good as all of them, nearly.

    The accuracy there, and with any larger share, is at most `tolerance` below that
    with all.

    Args:
        kept: Shares of units that are left, falling from 1, shape (points,).
        accuracies: Shape (points,).
        tolerance: In [0, 1].
    """
    suffers = accuracies < accuracies[0] - tolerance - 1e-9
    good = np.argmax(suffers) if suffers.any() else len(kept)
    return float(kept[good - 1])
