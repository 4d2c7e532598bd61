"""Which parts of an image speak for a score: the methods, and how good they are."""

from happymaps.base.namespaces import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    "happymaps.attribution",
    {
        "all_methods": "table",
        "deconvolution": "methods.guided_backpropagation",
        "evaluation": ".evaluation",
        "grad_cam": "methods.grad_cam",
        "grad_cam_plus_plus": "methods.grad_cam_plus_plus",
        "gradient": "methods.gradients",
        "gradient_times_input": "methods.gradients",
        "guided_backpropagation": "methods.guided_backpropagation",
        "heatmap": "heatmaps",
        "integrated_gradients": "methods.integrated_gradients",
        "layer_cam": "methods.layer_cam",
        "occlusion": "methods.occlusion",
        "predicted_objectives": "predictions",
        "region_permutation": "methods.region_permutation",
        "rise": "methods.rise",
        "score_cam": "methods.score_cam",
        "smooth_grad": "methods.smooth_grad",
        "smooth_grad_squared": "methods.smooth_grad",
    },
)
