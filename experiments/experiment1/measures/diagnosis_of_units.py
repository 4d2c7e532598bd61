"""One network's filters, diagnosed and silenced: a point of a sweep.

Nothing here needs TensorFlow before a network is looked into: who reads kept results
imports this module for its parameters only.
"""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from happymaps.base.sweepable import Source, sweepable
from happymaps.base.variable_labels import label_variables

if TYPE_CHECKING:
    from happymaps.networks.study import Study

_UNUSED = 0.01  # share of the loss below which a change is none
_BRIGHT = 0.15  # how far above the middle the mean of a bright map lies
_POINTS = 21  # shares of filters that are left, from all to none
_KEPT = (
    "kind", "on_rate", "happy_gain", "happy_relative", "brightness_response",
    "brightness_direction", "brightness_on_data", "tv_sensitivity",
    "repeatability_raw", "null_raw", "repeatability_spectral", "null_spectral",
    "noise_score", "high_frequency_share", "mean_shift", "kernel_class", "map_class",
    "ablation_loss_change", "happy_image",
)  # fmt: skip
# Name in the result -> what it is, and its unit.
_MEANINGS = {
    "held_out_loss_change": ("increase of the loss on held-out images", "nat"),
    "is_unused": ("whether the held-out loss changes by less than 1 %", "1"),
    "is_bright": ("whether the happy map is bright", "1"),
    "is_light_detector": ("whether gray alone gives most of the gain", "1"),
    "accuracy_diagnosed": ("held-out accuracy, in the diagnosed order", "1"),
    "accuracy_least_use": ("held-out accuracy, least use first, any kind", "1"),
    "accuracy_random": ("held-out accuracy, in random orders", "1"),
    "loss": ("held-out cross-entropy", "nat"),
    "accuracy": ("held-out accuracy", "1"),
    "majority_guess": ("accuracy of always guessing the same", "1"),
    "noise_auroc": ("AUROC of the noise score for unused filters", "1"),
    "noise_auroc_with_dead": ("the same with dead filters", "1"),
    "static_auroc": ("the same of the share of high frequencies", "1"),
    "smallest_share": ("share of filters that suffices, diagnosed order", "1"),
    "smallest_share_least_use": ("the same, least use first, any kind", "1"),
    "smallest_share_random": ("the same in random orders, mean", "1"),
    "kernel_map_kappa": ("kappa of kernel class and map class", "1"),
    "num_filters_diagnosed": ("filters of the network", "1"),
}


@sweepable
def diagnose_network(
    *,
    source: Source,
    num_filters: int = 32,
    num_starts: int = 8,
    num_steps: int = 100,
    num_orders: int = 20,
) -> xr.Dataset:
    """Diagnose all filters of a network, and silence more and more of them.

    The diagnosis looks at the images that the network learned from, use and pruning are
    measured on images of people that it has not seen.

    Args:
        source: The network, and people that it has not seen.
        num_filters: Of the first and second convolution of the study's network; the
            third has twice as many.
        num_starts: Random starts of each map, >= 2.
        num_steps: Steps of each map, >= 1.
        num_orders: Random orders that pruning is compared with, >= 1.

    Returns:
        A data set with the dimensions `unit` (filters), `y`, `x`, `color`, `order` and
        `kept_share` (from 1 to 0). By unit the variables of `diagnose_units` that are
        needed, and `held_out_loss_change`, `is_unused` (that change is less than 1 %
        of the loss), `is_bright` (the mean of the raw maps lies above 0.65 of the
        range) and `is_light_detector` (gray alone gives more than half of the gain, and
        light excites). By what is left, `accuracy_diagnosed`, `accuracy_least_use` and
        `accuracy_random`. Without dimensions: `noise_auroc` (filters that are not
        dead), `noise_auroc_with_dead` and `static_auroc`; `smallest_share` of the
        diagnosed order, `smallest_share_least_use` and `smallest_share_random`;
        `kernel_map_kappa` of the first layer; `loss`, `accuracy` and `majority_guess`.
        NaN where a number does not exist.

    Raises:
        ValueError: As in `open_study` and `diagnose_units`; or a network without an
            output for each class.
    """
    from happymaps.diagnosis.units.diagnosing import diagnose_units
    from happymaps.networks.inspection import convolution_layers
    from happymaps.networks.study import open_study

    filters = (num_filters, num_filters, 2 * num_filters)
    study = open_study(**source.arguments(), split="person", filters=filters)
    diagnosis = diagnose_units(
        study.model,
        study.learned,
        layers=convolution_layers(study.model),
        seeds=num_starts,
        num_steps=num_steps,
        input_range=source.pixel_range,
    )
    result = diagnosis[list(_KEPT)].assign(
        **_measure_use(study, diagnosis),
        **_measure_light(diagnosis),
        **_measure_pruning(study, diagnosis, num_orders, source.seed),
    )
    return _label(result.assign(_summarize(result)))


def _measure_use(study: "Study", diagnosis: xr.Dataset) -> dict:
    from happymaps.diagnosis.units.ablation import ablate_sets

    held_out = study.held_out
    units = zip(diagnosis.layer.values, diagnosis.channel.values, strict=True)
    sets = [{str(layer): [int(channel)]} for layer, channel in units]
    found = ablate_sets(study.model, held_out, sets)
    return {
        "held_out_loss_change": ("unit", found.loss_change),
        "is_unused": ("unit", np.abs(found.loss_change) < _UNUSED * found.loss),
        "loss": found.loss,
        "accuracy": found.accuracy,
        "majority_guess": held_out.class_counts().max() / len(held_out),
    }


def _measure_light(diagnosis: xr.Dataset) -> dict:
    limit = diagnosis.attrs["threshold_brightness"]
    backed = (diagnosis.brightness_response > limit) & (
        diagnosis.brightness_direction > 0
    )
    return {"is_bright": diagnosis.mean_shift > _BRIGHT, "is_light_detector": backed}


def _measure_pruning(
    study: "Study", diagnosis: xr.Dataset, num_orders: int, seed: int
) -> dict:
    from happymaps.diagnosis.units.pruning import prune, pruning_order

    size = diagnosis.sizes["unit"]
    rng = np.random.default_rng(seed)
    orders = [
        pruning_order(diagnosis),
        pruning_order(diagnosis, by_kind=False),
        *(rng.permutation(size) for _ in range(num_orders)),
    ]
    counts = np.unique(np.round(np.linspace(0, size, _POINTS)).astype(int))
    accuracies = prune(study.model, study.held_out, diagnosis, orders, counts)
    return {
        "kept_share": ("kept_share", 1 - counts / size),
        "accuracy_diagnosed": ("kept_share", accuracies[0]),
        "accuracy_least_use": ("kept_share", accuracies[1]),
        "accuracy_random": (("order", "kept_share"), accuracies[2:]),
    }


def _summarize(result: xr.Dataset) -> dict:
    from happymaps.diagnosis.units.pruning import smallest_share
    from happymaps.evidence.agreement import auroc, kappa

    alive = result.isel(unit=np.flatnonzero(result.kind.values != "dead"))
    first = result.isel(unit=np.flatnonzero(result.kernel_class.values != ""))
    kept = result.kept_share.values
    in_order = smallest_share(kept, result.accuracy_diagnosed.values)
    least_use = smallest_share(kept, result.accuracy_least_use.values)
    shares = [smallest_share(kept, curve) for curve in result.accuracy_random.values]
    return {
        "noise_auroc": auroc(alive.noise_score.values, alive.is_unused.values),
        "noise_auroc_with_dead": auroc(
            result.noise_score.values, result.is_unused.values
        ),
        "static_auroc": auroc(
            alive.high_frequency_share.values, alive.is_unused.values
        ),
        "smallest_share": in_order,
        "smallest_share_least_use": least_use,
        "smallest_share_random": float(np.mean(shares)),
        "kernel_map_kappa": kappa(
            first.kernel_class.values.tolist(), first.map_class.values.tolist()
        ),
        "num_filters_diagnosed": result.sizes["unit"],
    }


def _label(result: xr.Dataset) -> xr.Dataset:
    result = label_variables(result, _MEANINGS)
    result["kept_share"].attrs = {"long_name": "share of filters left", "units": "1"}
    return result
