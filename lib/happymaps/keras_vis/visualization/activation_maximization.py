"""Images that excite filters most, as keras-vis makes them."""

import numpy as np

from happymaps.backend import keras
from happymaps.keras_vis import backprop_modifiers
from happymaps.keras_vis.losses import ActivationMaximization
from happymaps.keras_vis.optimizer import Optimizer
from happymaps.keras_vis.regularizers import LPNorm, TotalVariation
from happymaps.keras_vis.releases import added_later
from happymaps.keras_vis.tensors import input_of
from happymaps.keras_vis.utils import utils
from happymaps.networks.layers import find_layer


@added_later("wrt_tensor")
def visualize_activation_with_losses(
    input_tensor,
    losses,
    wrt_tensor=None,
    seed_input=None,
    input_range=(0, 255),
    **optimizer_params,
):
    """Return the input that minimizes weighted losses.

    Args:
        input_tensor: Input of the network, such as `model.inputs[0]`.
        losses: Pairs of a `Loss` and its weight.
        wrt_tensor: What to differentiate by. Where it is not the input, the start is
            returned.
        seed_input: Image to start from; None for noise from NumPy's global generator.
        input_range: (lowest, highest) of the start and of the returned image.
        optimizer_params: Of `Optimizer.minimize`; `max_iter=200`, `verbose=False`.

    Returns:
        The image, recentered to the middle of the range and rescaled to a tenth of it,
        channels last; uint8 if both ends of the range are `int`.

    Raises:
        TypeError: There is no image: no iteration, or no finite loss.
        ValueError: A tensor that does not belong to the network.
    """
    options = utils.add_defaults_to_kwargs(
        {"seed_input": seed_input, "max_iter": 200, "verbose": False},
        **optimizer_params,
    )
    optimizer = Optimizer(input_tensor, losses, input_range, wrt_tensor=wrt_tensor)
    image = optimizer.minimize(**options)[0]
    low, high = input_range
    if isinstance(low, int) and isinstance(high, int):
        image = np.clip(image, low, high).astype(np.uint8)
    if keras.config.image_data_format() == "channels_first":
        image = np.moveaxis(image, 0, -1)
    return image


@added_later("wrt_tensor")
def visualize_activation(
    model,
    layer_idx,
    filter_indices=None,
    wrt_tensor=None,
    seed_input=None,
    input_range=(0, 255),
    backprop_modifier=None,
    grad_modifier=None,
    act_max_weight=1,
    lp_norm_weight=10,
    tv_weight=10,
    **optimizer_params,
):
    """Return the input that maximizes the mean output of filters of a layer.

    The loss is `-act_max_weight mean(output) + lp_norm_weight LPNorm + tv_weight
    TotalVariation`, summed over the filters.

    Source: Simonyan et al. 2014, arXiv:1312.6034; Mahendran & Vedaldi 2016.

    Args:
        model: A Functional or Sequential network with one input.
        layer_idx: Index into `model.layers`.
        filter_indices: A channel or unit, a list of them to excite together, or None
            for the mean of the whole layer.
        wrt_tensor: As in `visualize_activation_with_losses`.
        seed_input: As in `visualize_activation_with_losses`.
        input_range: As in `visualize_activation_with_losses`.
        backprop_modifier: Name or function of `happymaps.keras_vis.backprop_modifiers`.
        grad_modifier: Name or function of `happymaps.keras_vis.grad_modifiers`.
        act_max_weight: Of the activation; below 0 it is minimized.
        lp_norm_weight: Of `LPNorm`, 0 for none.
        tv_weight: Of `TotalVariation`, 0 for none.
        optimizer_params: As in `visualize_activation_with_losses`.

    Returns:
        As in `visualize_activation_with_losses`.

    Raises:
        TypeError: As in `visualize_activation_with_losses`.
        ValueError: No such layer or filter, or a tensor of another network.
    """
    if backprop_modifier is not None:
        model = backprop_modifiers.get(backprop_modifier)(model)
    images = input_of(model)
    activation = ActivationMaximization(find_layer(model, layer_idx), filter_indices)
    losses = [
        (activation, act_max_weight),
        (LPNorm(images), lp_norm_weight),
        (TotalVariation(images), tv_weight),
    ]
    options = utils.add_defaults_to_kwargs(
        {"grad_modifier": grad_modifier}, **optimizer_params
    )
    return visualize_activation_with_losses(
        images,
        losses,
        wrt_tensor=wrt_tensor,
        seed_input=seed_input,
        input_range=input_range,
        **options,
    )
