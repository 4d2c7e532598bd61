"""Headless runs of notebooks and functions: strict, isolated, kept under a key.

Nothing here imports keras or tensorflow; only what it starts does.
"""

from happymaps.base.namespaces import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    "happymaps_runs",
    {
        "load_or_run": "store.recalling",
        "open_sweep": "store.opening",
        "record_answer": "recording",
        "record_maps": "recording",
        "record_metrics": "recording",
    },
)
