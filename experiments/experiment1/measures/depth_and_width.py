"""Experiment 1-4: a network of some form, its maps in numbers, and its answers."""

import re
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from happymaps.networks.study import Study

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
    source: TrainedSource,
    form: str = STANDARD_FORM,
    split: str = "person",
    num_folds: int = 5,
    num_starts: int = 4,
    num_units: int = 8,
    num_steps: int = 100,
    tv_weight: float = 10.0,
    filter_tv_weight: float = 0.01,
) -> xr.Dataset:
    """Train a network of some form, and measure its answers and its maps.

    Args:
        source: The images, and the seed of the network.
        form: Filters of the convolutions, a slash, units of the hidden dense layers:
            `"32-32-64/64-64"`. Nothing after the slash: no hidden dense layer.
        split: `"person"` holds out whole people, `"image"` single images.
        num_folds: How many folds, >= 2; fold seed modulo `num_folds` is held out.
        num_starts: Random starts of each map, >= 2.
        num_units: Filters of the first convolution that are looked at, evenly spread.
        num_steps: Steps of a map.
        tv_weight: Weight of total variation for the decision neurons.
        filter_tv_weight: The same for filters.

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
            `open_study`.
    """
    from happymaps.networks.study import open_study

    if num_starts < 2:
        raise ValueError(
            f"num_starts must be >= 2. Received: {num_starts}. One map cannot repeat."
        )
    filters, dense_units = parse_form(form)
    study = open_study(
        **source.arguments(),
        split=split,
        num_folds=num_folds,
        filters=filters,
        dense_units=dense_units,
    )
    decisions = map_decisions(
        study, num_starts=num_starts, num_steps=num_steps, tv_weight=tv_weight
    )
    filter_maps = _map_filters(
        study, num_units, filter_tv_weight, num_starts, num_steps
    )
    variables = {
        **measure_accuracies(study),
        "dead_share": _dead_share(study),
        **_describe(study, decisions, "decision"),
        **_describe(study, filter_maps, "filter"),
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
    study: "Study", num_units: int, tv_weight: float, num_starts: int, num_steps: int
) -> xr.Dataset:
    from happymaps.maps.maximization import maximize
    from happymaps.maps.regularizers import LpNorm, TotalVariation

    return maximize(
        study.model,
        _objectives(study, "filter", num_units),
        regularizers=(LpNorm(), TotalVariation(tv_weight)),
        seeds=num_starts,
        num_steps=num_steps,
    )


def _objectives(study: "Study", kind: str, count: int) -> list:
    from happymaps.maps.scoring import layer_objectives
    from happymaps.networks.inspection import convolution_layers, output_layer

    model = study.model
    is_filter = kind == "filter"
    layer = convolution_layers(model)[0] if is_filter else output_layer(model)
    return layer_objectives(model, layer, count=count)


def _describe(study: "Study", maps: xr.Dataset, kind: str) -> dict[str, float]:
    from happymaps.evidence.similarity import mean_similarity
    from happymaps.maps.measures import concentration, high_frequency_share
    from happymaps.maps.scoring import score_images

    objectives = _objectives(study, kind, maps.sizes["objective"])
    real = score_images(study.model, objectives, study.learned.images).values
    span = np.ptp(real, axis=1)
    gain = (maps.score_end - maps.score_start).mean("seed").values
    images = maps.image.transpose("objective", "seed", "y", "x", "color").values
    flat = images.reshape(-1, *images.shape[2:])
    by_unit = {
        "gain": np.divide(gain, span, out=np.full(len(gain), np.nan), where=span > 0),
        "repeatability": mean_similarity(images, "raw"),
        "high_frequency_share": high_frequency_share(flat),
        "concentration": concentration(flat),
    }
    return {f"{kind}_{name}": _median(values) for name, values in by_unit.items()}


def _median(values) -> float:
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    return float(np.median(known)) if len(known) else float("nan")


def _dead_share(study: "Study") -> float:
    from experiments.experiment0.measures.train_one_network import dead_share
    from happymaps.networks.inspection import convolution_layers, dense_layers

    model = study.model
    layers = [*convolution_layers(model), *dense_layers(model)[:-1]]
    return dead_share(model, layers, study.learned.images)
