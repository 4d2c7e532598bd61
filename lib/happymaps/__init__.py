"""Open up Keras networks: what their neurons look for, and what is wrong with them.

The names of every day are here; the others are in namespaces: `attribution` and its
`evaluation`, `datasets`, `diagnosis`, `evidence`, `kernels`, `measures`, `networks`,
`plots`, `priors`.
"""

import importlib

from happymaps.base.namespaces import lazy_names

_HOMES = {
    "Adam": "maps.optimizers",
    "Blur": "maps.transforms",
    "Dataset": "datasets.dataset",
    "Fourier": "maps.parameterizations",
    "Jitter": "maps.transforms",
    "KernelMachine": "networks.kernel_machine",
    "LpNorm": "maps.regularizers",
    "NormalizedGradient": "maps.optimizers",
    "Pad": "maps.transforms",
    "Penalty": "maps.regularizers",
    "Pixels": "maps.parameterizations",
    "RmsProp": "maps.optimizers",
    "Rotate": "maps.transforms",
    "Scale": "maps.transforms",
    "Sharpness": "maps.regularizers",
    "Thresholds": "diagnosis.units.thresholds",
    "TotalVariation": "maps.regularizers",
    "Unlikely": "maps.regularizers",
    "channel": "maps.objectives",
    "contact_sheet": "plots.sheets",
    "convolution_layers": "networks.inspection",
    "curve_distances": "evidence.curves",
    "deep_features": "networks.features",
    "dense_layers": "networks.inspection",
    "describe_images": "plots.sheets",
    "diagnose": "diagnosis.diagnose",
    "diagnose_units": "diagnosis.units.diagnosing",
    "diffuse": "networks.diffusion",
    "direction": "maps.objectives",
    "diversity": "maps.objectives",
    "explore": "explorer.opening",
    "fit_prior": "maps.prior_fitting",
    "importance": "attribution.columns.importance",
    "interpolate": "maps.objectives",
    "layer": "maps.objectives",
    "layer_kernels": "networks.inspection",
    "layer_maps": "maps.layer_maps",
    "layer_objectives": "maps.scoring",
    "layer_paths": "networks.layers",
    "line_chart": "plots.sheets",
    "load_dataset": "datasets.loading",
    "load_model": "networks.reading",
    "logit": "maps.objectives",
    "map_sheet": "plots.sheets",
    "maximize": "maps.maximization",
    "neuron": "maps.objectives",
    "open_study": "networks.study",
    "output_layer": "networks.inspection",
    "print_provenance": "base.provenance",
    "read_loops": "datasets.sounds",
    "score_images": "maps.scoring",
    "sweep": "maps.maximization",
    "sweepable": "base.sweepable",
    "unit": "maps.objectives",
}
_NAMESPACES = {
    "attribution": ".attribution",
    "datasets": ".datasets",
    "diagnosis": ".diagnosis",
    "evidence": ".evidence",
    "kernels": ".networks.kernels",
    "measures": ".maps.measures",
    "networks": ".networks",
    "plots": ".plots",
    "priors": ".maps.looks",
}
_find, __dir__, __all__ = lazy_names("happymaps", _HOMES | _NAMESPACES)

# Names of the first release that have another one now.
_RENAMED = {
    "Benchmark": "experiments.benchmarks.Benchmark",
    "OriginalKerasVis": "experiments.benchmarks.OriginalKerasVis",
    "attribution_methods": "happymaps.attribution.all_methods",
    "examine": "happymaps.diagnose",
    "least_ratio": "experiments.benchmarks.least_ratio",
    "median_ratio": "experiments.benchmarks.median_ratio",
    "open_sweep": "happymaps_runs.open_sweep",
    "recall": "happymaps_runs.load_or_run",
    "record_answer": "happymaps_runs.record_answer",
    "record_maps": "happymaps_runs.record_maps",
    "record_metrics": "happymaps_runs.record_metrics",
}


def __getattr__(name: str):
    if name in _HOMES or name in _NAMESPACES:
        return _find(name)
    place = _RENAMED.get(name)
    spaces = (*_NAMESPACES.values(), ".attribution.evaluation") if not place else ()
    # Asked by tools such as inspect, and never a name of ours.
    for space in () if name.startswith("_") else spaces:
        if name in importlib.import_module(f"happymaps{space}").__all__:
            place = f"happymaps{space}.{name}"
    moved = f": it is {place} now" if place else ""
    raise AttributeError(f"module 'happymaps' has no attribute {name!r}{moved}")
