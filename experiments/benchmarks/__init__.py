"""How fast the maps are made, and how true to keras-vis: measured beside the peers."""

from happymaps.base.namespaces import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    "experiments.benchmarks",
    {
        "Benchmark": "measures.benchmark",
        "OriginalKerasVis": "measures.original_keras_vis",
        "least_ratio": "measures.timing",
        "median_ratio": "measures.timing",
    },
)
