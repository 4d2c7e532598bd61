"""Intervals, claims, similarity, agreement, many networks compared: NumPy and SciPy."""

from happymaps.base.namespaces import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    "happymaps.evidence",
    {
        "agreement_table": "populations",
        "claims_table": "claims",
        "correlate_pairs": "populations",
        "judge": "claims",
        "likeness_table": "similarity",
        "local_contrast": "populations",
        "mean_difference_interval": "claims",
        "mean_interval": "claims",
        "mean_similarity": "similarity",
        "order_by_similarity": "seriation",
        "paired_effects": "populations",
        "pairwise_similarity": "similarity",
        "proportion_interval": "claims",
        "random_seriation_losses": "seriation",
        "resampled_interval": "resampling",
        "seriation_loss": "seriation",
        "share_claim": "claims",
        "value_claim": "claims",
    },
)
