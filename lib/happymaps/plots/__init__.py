"""Arrays in, figures and films out: NumPy and matplotlib."""

from happymaps.base.namespaces import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    "happymaps.plots",
    {
        "bar_chart": "bars",
        "correlation_colors": "correlation",
        "correlation_limit": "correlation",
        "correlation_plot": "correlation",
        "save_film": "film",
    },
)
