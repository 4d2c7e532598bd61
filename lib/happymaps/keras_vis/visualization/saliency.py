"""Where an image excites a filter, as keras-vis shows it."""

import matplotlib
import numpy as np
from PIL import Image
from scipy import ndimage

from happymaps.backend import keras
from happymaps.keras_vis import backprop_modifiers
from happymaps.keras_vis.losses import ActivationMaximization
from happymaps.keras_vis.optimizer import Optimizer
from happymaps.keras_vis.releases import added_later, is_legacy
from happymaps.keras_vis.tensors import input_of, output_of
from happymaps.keras_vis.traps import warn_once
from happymaps.keras_vis.utils import utils
from happymaps.networks.layers import find_layer

_SPATIAL_LAYERS = tuple(
    getattr(keras.layers, f"{kind}{n}D{suffix}")
    for kind, suffix, dims in (
        ("Conv", "", (1, 2, 3)),
        ("Conv", "Transpose", (1, 2, 3)),
        ("SeparableConv", "", (1, 2)),
        ("DepthwiseConv", "", (1, 2)),
        ("MaxPooling", "", (1, 2, 3)),
        ("AveragePooling", "", (1, 2, 3)),
    )
    for n in dims
)


@added_later("wrt_tensor", "keepdims")
def visualize_saliency_with_losses(
    input_tensor,
    losses,
    seed_input,
    wrt_tensor=None,
    grad_modifier="absolute",
    keepdims=False,
):
    """Return how much each place of an image changes weighted losses.

    Source: Simonyan et al. 2014, arXiv:1312.6034.

    Args:
        input_tensor: Input of the network, such as `model.inputs[0]`.
        losses: Pairs of a `Loss` and its weight; a weight below 0 asks what increases
            the loss.
        seed_input: The image, with or without the batch axis.
        wrt_tensor: What to differentiate by, instead of the input.
        grad_modifier: Name or function of `happymaps.keras_vis.grad_modifiers`.
        keepdims: Whether to keep the channels, instead of their largest value.

    Returns:
        The modified gradient, scaled to [0, 1] over the whole batch, of the first
        image: shape `(height, width)`, with channels if `keepdims`. Under 0.4.1 in the
        colors of jet, uint8.

    Raises:
        TypeError: The loss is not finite.
        ValueError: A tensor that does not belong to the network.
    """
    optimizer = Optimizer(input_tensor, losses, wrt_tensor=wrt_tensor, norm_grads=False)
    grads, _ = optimizer.evaluate_once(seed_input, grad_modifier)
    if not keepdims:
        grads = np.max(grads, axis=_channel_axis())
    heatmap = utils.normalize(grads)
    return _jet(heatmap)[0] if is_legacy() else heatmap[0]


@added_later("wrt_tensor", "keepdims")
def visualize_saliency(
    model,
    layer_idx,
    filter_indices,
    seed_input,
    wrt_tensor=None,
    backprop_modifier=None,
    grad_modifier="absolute",
    keepdims=False,
):
    """Return how much each place of an image excites filters of a layer.

    Args:
        model: A Functional or Sequential network with one input.
        layer_idx: Index into `model.layers`.
        filter_indices: As in `visualize_activation`.
        seed_input: The image, with or without the batch axis.
        wrt_tensor: As in `visualize_saliency_with_losses`.
        backprop_modifier: Name or function of `happymaps.keras_vis.backprop_modifiers`.
        grad_modifier: As in `visualize_saliency_with_losses`.
        keepdims: As in `visualize_saliency_with_losses`.

    Returns:
        As in `visualize_saliency_with_losses`.

    Raises:
        TypeError: As in `visualize_saliency_with_losses`.
        ValueError: No such layer or filter, or as in `visualize_saliency_with_losses`.
    """
    if backprop_modifier is not None:
        model = backprop_modifiers.get(backprop_modifier)(model)
    return visualize_saliency_with_losses(
        input_of(model),
        _activation(model, layer_idx, filter_indices),
        seed_input,
        wrt_tensor=wrt_tensor,
        grad_modifier=grad_modifier,
        keepdims=keepdims,
    )


def visualize_cam_with_losses(
    input_tensor, losses, seed_input, penultimate_layer, grad_modifier=None
):
    """Return the class activation map of an image by gradients (Grad-CAM).

    With A the output of the penultimate layer and G the gradient by it, divided by its
    largest value: relu(sum over channels of mean(G) A), enlarged by cubic splines
    (0.4.1: by Pillow's bicubic filter) and scaled to [0, 1]. The enlargement comes
    after the ReLU and swings below 0, so that what was 0 need not be 0 afterwards.

    Source: Selvaraju et al. 2017, arXiv:1610.02391.

    Args:
        input_tensor: Input of the network, such as `model.inputs[0]`.
        losses: Pairs of a `Loss` and its weight; a weight below 0 asks what increases
            the loss.
        seed_input: The image, with or without the batch axis.
        penultimate_layer: The layer whose output is weighted.
        grad_modifier: Name or function of `happymaps.keras_vis.grad_modifiers`.

    Returns:
        The map, in [0, 1], with the image axes of the input. Under 0.4.1 in the colors
        of jet, uint8.

    Raises:
        TypeError: The loss is not finite.
        ValueError: A layer that does not belong to the network or has no image axes.
    """
    output = output_of(penultimate_layer)
    optimizer = Optimizer(input_tensor, losses, wrt_tensor=output, norm_grads=False)
    grads, values = optimizer.evaluate_once(seed_input, grad_modifier)
    if np.max(grads) <= 0:
        warn_once(
            "CAM divides by a gradient below 0",
            "keras-vis divides by the largest gradient, which is not above 0 here: the "
            "map has the wrong sign or no scale. No place excites the filter through "
            "this layer; ask for what inhibits it with grad_modifier='negate'.",
        )
    axis = _channel_axis()
    grads = np.moveaxis(grads / (np.max(grads) + keras.config.epsilon()), axis, -1)
    weights = np.mean(grads, axis=tuple(range(grads.ndim - 1)))
    values = np.moveaxis(values, axis, -1)[0]
    heatmap = np.zeros(values.shape[:-1], keras.config.floatx())
    for channel, weight in enumerate(weights):
        heatmap += weight * values[..., channel]
    heatmap = _enlarge(
        np.maximum(heatmap, 0), utils.get_img_shape(optimizer.input_tensor)[2:]
    )
    heatmap = utils.normalize(heatmap)
    return _jet(heatmap) if is_legacy() else heatmap


def visualize_cam(
    model,
    layer_idx,
    filter_indices,
    seed_input,
    penultimate_layer_idx=None,
    backprop_modifier=None,
    grad_modifier=None,
):
    """Return the class activation map of an image for filters of a layer (Grad-CAM).

    Args:
        model: A Functional or Sequential network with one input.
        layer_idx: Index into `model.layers`.
        filter_indices: As in `visualize_activation`.
        seed_input: The image, with or without the batch axis.
        penultimate_layer_idx: Index of the layer whose output is weighted; None for the
            last convolution or pooling layer among `model.layers[:layer_idx - 1]`.
        backprop_modifier: Name or function of `happymaps.keras_vis.backprop_modifiers`.
        grad_modifier: As in `visualize_cam_with_losses`.

    Returns:
        As in `visualize_cam_with_losses`.

    Raises:
        TypeError: As in `visualize_cam_with_losses`.
        ValueError: No such layer or filter, or no penultimate layer.
    """
    if backprop_modifier is not None:
        model = backprop_modifiers.get(backprop_modifier)(model)
    losses = _activation(model, layer_idx, filter_indices)
    layer = _find_penultimate_layer(model, layer_idx, penultimate_layer_idx)
    return visualize_cam_with_losses(
        input_of(model), losses, seed_input, layer, grad_modifier
    )


def _activation(model, layer_idx, filter_indices) -> list:
    # The loss falls as the activation rises: minus one, to show what raises it.
    layer = find_layer(model, layer_idx)
    return [(ActivationMaximization(layer, filter_indices), -1)]


def _find_penultimate_layer(model, layer_idx, penultimate_layer_idx):
    if penultimate_layer_idx is None:
        penultimate_layer_idx = _last_spatial(model.layers[: layer_idx - 1])
        expected = _last_spatial(model.layers[:layer_idx])
        if penultimate_layer_idx is not None and expected != penultimate_layer_idx:
            warn_once(
                "the layer before is never penultimate",
                "keras-vis never takes the layer directly before layer_idx for the "
                f"penultimate one: here {model.layers[penultimate_layer_idx].name!r}, "
                f"not {model.layers[expected].name!r}. Give "
                f"penultimate_layer_idx={expected} for the latter.",
            )
    if penultimate_layer_idx is None:
        raise ValueError(
            "Expected a convolution or pooling layer (no global one) at least two "
            f"places before layer_idx. Received: layer_idx={layer_idx} and the layers "
            f"{[layer.name for layer in model.layers]}. Give penultimate_layer_idx."
        )
    layer = find_layer(model, penultimate_layer_idx)
    if penultimate_layer_idx > layer_idx % len(model.layers):
        raise ValueError(
            f"penultimate_layer_idx must be before layer_idx={layer_idx}. Received: "
            f"{penultimate_layer_idx}."
        )
    return layer


def _last_spatial(layers) -> int | None:
    for index, layer in utils.reverse_enumerate(layers):
        if isinstance(layer, keras.layers.Wrapper) and not is_legacy():
            layer = layer.layer
        if isinstance(layer, _SPATIAL_LAYERS):
            return index
    return None


def _enlarge(heatmap: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if heatmap.ndim != len(shape) or not shape:
        raise ValueError(
            "Expected a penultimate layer with the image axes of the input. Received: "
            f"an output with {heatmap.ndim} of them, where the input has {len(shape)}. "
            "Give the index of a convolution or pooling layer."
        )
    if is_legacy():
        picture = Image.fromarray(np.asarray(heatmap, np.float32))
        return np.asarray(picture.resize(shape[::-1], Image.Resampling.BICUBIC))
    factors = [new / old for new, old in zip(shape, heatmap.shape, strict=True)]
    return ndimage.zoom(heatmap, factors)


def _jet(heatmap: np.ndarray) -> np.ndarray:
    return np.uint8(matplotlib.colormaps["jet"](heatmap)[..., :3] * 255)


def _channel_axis() -> int:
    return 1 if keras.config.image_data_format() == "channels_first" else -1
