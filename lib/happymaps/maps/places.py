"""The values that objectives read in a network."""

from collections.abc import Callable, Sequence

from happymaps.backend import keras
from happymaps.maps.objective_checks import check_output
from happymaps.maps.objectives import OUTPUT
from happymaps.networks.doubles import share
from happymaps.networks.layers import read
from happymaps.networks.logits import read_logits


def read_places(
    model: keras.Model, places: Sequence, activation: str, stand_in: Callable = share
) -> tuple:
    """Return a network unrolled, and the values that objectives read in it.

    Args:
        model: The network.
        places: As `Objective.places`.
        activation: `"leaky"`, `"pre"` or `"post"`, as in `maximize`.
        stand_in: As in `BatchedObjectives`.
    """
    check_output(model, places)
    layers = [(layer, pre) for layer, pre in places if layer != OUTPUT]
    unrolled, symbols = read(
        model,
        [layer for layer, _ in layers],
        pre_activation=[pre or activation != "post" for _, pre in layers],
        stand_in=stand_in,
    )
    found = dict(zip(layers, symbols, strict=True))
    for place in places:
        if place not in found:
            found[place] = read_logits(model, unrolled, stand_in)
    return unrolled, [found[place] for place in places]
