"""How good an attribution is: what it finds, what it depends on, how stable it is.

`perturbation` removes what a heat map ranks first and watches the score; `masks` holds
a heat map against regions that are known; `map_comparison` and `randomization` ask
whether it depends on what was learned; `stability` whether it depends on noise;
`retraining` trains anew without the pixels; `controls` are heat maps that know nothing
of the network.
"""

from happymaps.base.namespaces import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    "happymaps.attribution.evaluation",
    {
        "cascading_randomization": "randomization",
        "curve_area": "perturbation",
        "deletion_curve": "perturbation",
        "edge_heatmap": "controls",
        "insertion_curve": "perturbation",
        "map_similarity": "map_comparison",
        "mask_area": "masks",
        "mask_shares": "masks",
        "max_sensitivity": "stability",
        "pointing_game": "masks",
        "random_heatmap": "controls",
        "relevance_mass": "masks",
        "relevance_rank": "masks",
        "remove_pixels": "perturbation",
        "retrain_without": "retraining",
        "shuffle_labels": "randomization",
        "structural_similarity": "map_comparison",
    },
)
