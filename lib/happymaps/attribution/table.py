"""All methods, in reading order."""

from collections.abc import Callable

from happymaps.attribution.methods.grad_cam import grad_cam
from happymaps.attribution.methods.grad_cam_plus_plus import grad_cam_plus_plus
from happymaps.attribution.methods.gradients import gradient, gradient_times_input
from happymaps.attribution.methods.guided_backpropagation import (
    deconvolution,
    guided_backpropagation,
)
from happymaps.attribution.methods.integrated_gradients import integrated_gradients
from happymaps.attribution.methods.layer_cam import layer_cam
from happymaps.attribution.methods.occlusion import occlusion
from happymaps.attribution.methods.region_permutation import region_permutation
from happymaps.attribution.methods.rise import rise
from happymaps.attribution.methods.score_cam import score_cam
from happymaps.attribution.methods.smooth_grad import smooth_grad, smooth_grad_squared


def all_methods() -> dict[str, Callable]:
    """Return all attribution methods by name: by gradients, by layers, by masks.

    Each is a function of `(model, objective, images)` with options, all but the first
    three optional. A new method is a line here, which tests its contract too.
    """
    methods = (
        gradient,
        gradient_times_input,
        smooth_grad,
        smooth_grad_squared,
        integrated_gradients,
        guided_backpropagation,
        deconvolution,
        grad_cam,
        grad_cam_plus_plus,
        layer_cam,
        score_cam,
        occlusion,
        rise,
        region_permutation,
    )
    return {method.__name__: method for method in methods}
