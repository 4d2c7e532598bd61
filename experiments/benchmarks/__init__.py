"""How fast the maps are made, and how true to keras-vis: measured beside the peers."""

from happymaps.base.namespaces import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    "experiments.benchmarks.measures",
    {
        "Benchmark": "benchmark",
        "OriginalKerasVis": "original_keras_vis",
        "least_ratio": "timing",
        "median_ratio": "timing",
    },
)
