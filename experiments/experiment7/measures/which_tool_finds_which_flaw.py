"""One network with a planted flaw, or none, and what every tool says of it."""

import numpy as np
import xarray as xr

from experiments.experiment7.measures.specimens import (
    log_losses,
    make_specimen,
    measure_behavior,
)
from experiments.experiment7.measures.tool_maps import (
    MAPS,
    draw_maps,
    draw_own_copies,
    find_trigger,
)
from experiments.experiment7.measures.tools import (
    read_clusters,
    read_numbers,
    read_units,
)
from happymaps.base.sweepable import sweepable
from happymaps.base.variable_labels import label_variables
from happymaps.evidence.agreement import auroc

_MEANINGS = {
    "accuracy": ("accuracy on outside images without the flaw", "1"),
    "turned": ("share of the other class that mark or light turns", "1"),
    "pruned": ("accuracy lost without the less used half of the last filters", "1"),
    "row": ("row of the mark, -1 without", "pixel"),
    "column": ("column of the mark, -1 without", "pixel"),
    "labels_found": ("AUROC of the loss for labels that were dealt anew", "1"),
}


@sweepable
def measure_flawed_network(
    *, dataset: str = "synthetic_faces", plant: str = "clean", seed: int = 0
) -> xr.Dataset:
    """Make a network with a flaw, and let every tool look at it.

    Args:
        dataset: As in `draw_parts`.
        plant: Which flaw and dose: a name of `PLANTS`.
        seed: Of people, images, weights, and where the flaw is.

    Returns:
        Whether the flaw took (see `measure_behavior`) and where; each tool's numbers
        by its name; `maps` `(tool, y, x)`, `copies` `(copy, y, x)`; of each filter how
        dead and how copied it seems, `(filter,)`; `seconds` `(tool,)` of CPU time.

    Raises:
        ValueError: As in `make_specimen`.
    """
    specimen = make_specimen(plant, dataset, seed)
    numbers = read_numbers(specimen)
    numbers["clusters"] = read_clusters(specimen)
    maps, seconds = draw_maps(specimen, seed)
    sizes = [maps["trigger"].sum(), find_trigger(specimen, 0).sum()]
    numbers["trigger_size"] = np.log(np.add(sizes, 1e-3))
    marked = specimen.plant.flaw in ("mark", "backdoor") and not specimen.plant.moves
    row, column = specimen.place if marked else (-1, -1)
    variables = {
        **measure_behavior(specimen, seed),
        "row": row,
        "column": column,
        "labels_found": _find_labels(specimen),
        **{name: (f"of_{name}", np.float32(v)) for name, v in numbers.items()},
        **{name: ("filter", v) for name, v in read_units(specimen).items()},
        "is_planted": ("filter", specimen.units),
        "maps": (("tool", "y", "x"), np.stack([maps[name] for name in MAPS])),
        "copies": (("copy", "y", "x"), draw_own_copies(specimen, seed)),
        "seconds": ("tool", [seconds[name] for name in MAPS]),
    }
    found = xr.Dataset(variables, {"tool": list(MAPS)})
    return label_variables(found, _MEANINGS)


def _find_labels(specimen) -> float:
    if specimen.plant.flaw != "wrong_labels":
        return float("nan")
    losses = log_losses(specimen.network, specimen.learned)
    return auroc(losses, specimen.touched)
