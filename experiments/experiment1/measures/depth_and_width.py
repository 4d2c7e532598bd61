"""Experiment 1-4: a network of some form, its maps in numbers, and its answers."""

import re

import numpy as np
import xarray as xr

from experiments.shared.decisions import (
    MEANINGS,
    map_decisions,
    map_variable,
    measure_accuracies,
)
from experiments.shared.networks import Network, open_network
from happymaps.base.sweepable import sweepable
from happymaps.base.variable_labels import label_variables

STANDARD_FORM = "32-32-64/64-64"  # the study's, as far as it is known
_NUMBERS = r"\d+(?:-\d+)*"
_FORM = re.compile(rf"({_NUMBERS})/({_NUMBERS})?", re.ASCII)
_MEASURED = {
    "gain": ("gain of the maps over the span of learned images, median", "1"),
    "repeatability": ("correlation of maps from other starts, median", "1"),
    "high_frequency_share": ("share of high frequencies, median", "1"),
    "concentration": ("contrast in the liveliest quarter, median", "1"),
}
_MEANINGS = {"dead_share": ("share of dead filters and hidden units", "1")} | {
    f"{kind}_{name}": (f"{kind} maps: {meaning}", unit)
    for kind in ("decision", "filter")
    for name, (meaning, unit) in _MEASURED.items()
}


@sweepable
def measure_form(
    *,
    dataset: str = "synthetic_faces",
    image_size: str = "",
    target: str = "facing_left",
    form: str = STANDARD_FORM,
    split: str = "person",
    num_folds: int = 5,
    num_starts: int = 4,
    num_units: int = 8,
    num_steps: int = 100,
    tv_weight: float = 10.0,
    filter_tv_weight: float = 0.01,
    seed: int = 0,
) -> xr.Dataset:
    """Train a network of some form, and measure its answers and its maps.

    Args:
        dataset: As in `load_dataset`.
        image_size: `"HEIGHTxWIDTH"`; empty for 30x32, or for the size that the images
            of a folder have.
        target: What the faces are labeled for.
        form: Filters of the convolutions, a slash, units of the hidden dense layers:
            `"32-32-64/64-64"`. Nothing after the slash: no hidden dense layer.
        split: `"person"` holds out whole people, `"image"` single images.
        num_folds: How many folds, >= 2; fold seed modulo `num_folds` is held out.
        num_starts: Random starts of each map, >= 2.
        num_units: Filters of the first convolution that are looked at, evenly spread.
        num_steps: Steps of a map.
        tv_weight: Weight of total variation for the decision neurons.
        filter_tv_weight: The same for filters.
        seed: Of initial weights and training.

    Returns:
        Without dimensions the numbers of `measure_accuracies`, `dead_share` (filters
        and hidden units that put out 0 on every learned image), and for the decision
        neurons (`decision_`) and the filters of the first convolution (`filter_`) the
        median over units of

        - `gain`: the score of a map less that of its start, over the span of scores of
          learned images, so that networks can be compared;
        - `repeatability`: the mean pixel correlation of maps from two starts;
        - `high_frequency_share` and `concentration`, as the functions of those names.

        `image` holds the decision maps by `output`, `start`, `y`, `x` and `color`. NaN
        where nothing can be said, as of flat maps.

    Raises:
        ValueError: A form of another kind, fewer than two starts, or as in
            `open_network`.
    """
    if num_starts < 2:
        raise ValueError(
            f"num_starts must be >= 2. Received: {num_starts}. One map cannot repeat."
        )
    filters, dense_units = parse_form(form)
    network = open_network(
        dataset,
        image_size=image_size,
        target=target,
        split=split,
        num_folds=num_folds,
        seed=seed,
        filters=filters,
        dense_units=dense_units,
    )
    decisions = map_decisions(
        network, num_starts=num_starts, num_steps=num_steps, tv_weight=tv_weight
    )
    filter_maps = _map_filters(
        network, num_units, filter_tv_weight, num_starts, num_steps
    )
    variables = {
        **measure_accuracies(network),
        "dead_share": _dead_share(network),
        **_describe(network, decisions, "decision"),
        **_describe(network, filter_maps, "filter"),
        "image": map_variable(decisions),
    }
    return label_variables(xr.Dataset(variables), MEANINGS | _MEANINGS)


def parse_form(form: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the filters and the hidden dense units of a form, as in `measure_form`.

    Raises:
        ValueError: Another way of writing, or a layer of nothing.
    """
    match = _FORM.fullmatch(form)
    parts = [
        tuple(int(number) for number in (part or "").split("-") if number)
        for part in (match.groups() if match else ())
    ]
    if not match or 0 in parts[0] + parts[1]:
        raise ValueError(
            "form must be filters, a slash and dense units, each >= 1, such as "
            f"{STANDARD_FORM!r} or '8-16/'. Received: {form!r}."
        )
    return parts[0], parts[1]


def _map_filters(
    network: Network, num_units: int, tv_weight: float, num_starts: int, num_steps: int
) -> xr.Dataset:
    from happymaps.maps.maximization import maximize
    from happymaps.maps.regularizers import LpNorm, TotalVariation

    return maximize(
        network.model,
        _objectives(network, "filter", num_units),
        regularizers=(LpNorm(), TotalVariation(tv_weight)),
        seeds=num_starts,
        num_steps=num_steps,
    )


def _objectives(network: Network, kind: str, count: int) -> list:
    from happymaps.maps.scoring import layer_objectives
    from happymaps.networks.inspection import convolution_layers, output_layer

    model = network.model
    is_filter = kind == "filter"
    layer = convolution_layers(model)[0] if is_filter else output_layer(model)
    return layer_objectives(model, layer, count=count)


def _describe(network: Network, maps: xr.Dataset, kind: str) -> dict[str, float]:
    from happymaps.evidence.similarity import mean_similarity
    from happymaps.maps.measures import concentration, high_frequency_share
    from happymaps.maps.scoring import score_images

    objectives = _objectives(network, kind, maps.sizes["objective"])
    real = score_images(network.model, objectives, network.learned.images).values
    span = np.ptp(real, axis=1)
    gain = (maps.score_end - maps.score_start).mean("seed").values
    images = maps.image.transpose("objective", "seed", "y", "x", "color").values
    flat = images.reshape(-1, *images.shape[2:])
    by_unit = {
        "gain": np.divide(gain, span, out=np.full(len(gain), np.nan), where=span > 0),
        "repeatability": [mean_similarity(each, "raw") for each in images],
        "high_frequency_share": high_frequency_share(flat),
        "concentration": concentration(flat),
    }
    return {f"{kind}_{name}": _median(values) for name, values in by_unit.items()}


def _median(values) -> float:
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    return float(np.median(known)) if len(known) else float("nan")


def _dead_share(network: Network) -> float:
    from experiments.experiment0.measures.train_one_network import dead_share
    from happymaps.networks.inspection import convolution_layers, dense_layers

    model = network.model
    layers = [*convolution_layers(model), *dense_layers(model)[:-1]]
    return dead_share(model, layers, network.learned.images)
