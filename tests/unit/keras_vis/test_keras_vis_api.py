"""Names and signatures of keras-vis 0.5.0, and the choice of the release."""

import importlib
import inspect
import warnings

import numpy as np
import pytest

import happymaps.keras_vis as keras_vis
from happymaps.keras_vis import traps
from happymaps.keras_vis.optimizer import Optimizer
from happymaps.keras_vis.traps import warn_once
from happymaps.keras_vis.visualization import (
    visualize_activation,
    visualize_cam,
    visualize_saliency,
    visualize_saliency_with_losses,
)

pytestmark = pytest.mark.filterwarnings("ignore::happymaps.keras_vis.KerasVisTrap")

# As the documentation of 0.5.0 has them; Python's repr of each default.
SIGNATURES = {
    "visualization.visualize_activation_with_losses": (
        "input_tensor, losses, wrt_tensor=None, seed_input=None, input_range=(0, 255), "
        "**optimizer_params"
    ),
    "visualization.visualize_activation": (
        "model, layer_idx, filter_indices=None, wrt_tensor=None, seed_input=None, "
        "input_range=(0, 255), backprop_modifier=None, grad_modifier=None, "
        "act_max_weight=1, lp_norm_weight=10, tv_weight=10, **optimizer_params"
    ),
    "visualization.visualize_saliency_with_losses": (
        "input_tensor, losses, seed_input, wrt_tensor=None, grad_modifier='absolute', "
        "keepdims=False"
    ),
    "visualization.visualize_saliency": (
        "model, layer_idx, filter_indices, seed_input, wrt_tensor=None, "
        "backprop_modifier=None, grad_modifier='absolute', keepdims=False"
    ),
    "visualization.visualize_cam_with_losses": (
        "input_tensor, losses, seed_input, penultimate_layer, grad_modifier=None"
    ),
    "visualization.visualize_cam": (
        "model, layer_idx, filter_indices, seed_input, penultimate_layer_idx=None, "
        "backprop_modifier=None, grad_modifier=None"
    ),
    "visualization.get_num_filters": "layer",
    "visualization.overlay": "array1, array2, alpha=0.5",
    "optimizer.Optimizer": (
        "input_tensor, losses, input_range=(0, 255), wrt_tensor=None, norm_grads=True"
    ),
    "optimizer.Optimizer.minimize": (
        "self, seed_input=None, max_iter=200, input_modifiers=None, "
        "grad_modifier=None, callbacks=None, verbose=True"
    ),
    "losses.Loss": "",
    "losses.Loss.build_loss": "self",
    "losses.ActivationMaximization": "layer, filter_indices",
    "regularizers.normalize": "input_tensor, output_tensor",
    "regularizers.TotalVariation": "img_input, beta=2.0",
    "regularizers.LPNorm": "img_input, p=6.0",
    "input_modifiers.InputModifier.pre": "self, inp",
    "input_modifiers.InputModifier.post": "self, inp",
    "input_modifiers.Jitter": "jitter=0.05",
    "grad_modifiers.negate": "grads",
    "grad_modifiers.absolute": "grads",
    "grad_modifiers.invert": "grads",
    "grad_modifiers.relu": "grads",
    "grad_modifiers.small_values": "grads",
    "grad_modifiers.get": "identifier",
    "backprop_modifiers.guided": "model",
    "backprop_modifiers.rectified": "model",
    "backprop_modifiers.relu": "model",
    "backprop_modifiers.deconv": "model",
    "backprop_modifiers.get": "identifier",
    "callbacks.OptimizerCallback.callback": (
        "self, i, named_losses, overall_loss, grads, wrt_value"
    ),
    "callbacks.OptimizerCallback.on_end": "self",
    "callbacks.Print": "",
    "callbacks.GifGenerator": "path, input_range=(0, 255)",
    "backend.modify_model_backprop": "model, backprop_modifier",
    "backend.set_random_seed": "seed_value=1337",
    "utils.utils.reverse_enumerate": "iterable",
    "utils.utils.listify": "value",
    "utils.utils.add_defaults_to_kwargs": "defaults, **kwargs",
    "utils.utils.get_identifier": "identifier, module_globals, module_name",
    "utils.utils.apply_modifications": "model, custom_objects=None",
    "utils.utils.random_array": "shape, mean=128.0, std=20.0",
    "utils.utils.find_layer_idx": "model, layer_name",
    "utils.utils.deprocess_input": "input_array, input_range=(0, 255)",
    "utils.utils.stitch_images": "images, margin=5, cols=5",
    "utils.utils.get_img_shape": "img",
    "utils.utils.load_img": "path, grayscale=False, target_size=None",
    "utils.utils.lookup_imagenet_labels": "indices",
    "utils.utils.draw_text": (
        "img, text, position=(10, 10), font='FreeSans.ttf', font_size=14, "
        "color=(0, 0, 0)"
    ),
    "utils.utils.bgr2rgb": "img",
    "utils.utils.normalize": "array, min_value=0.0, max_value=1.0",
    "utils.test_utils.across_data_formats": "func",
    "utils.test_utils.skip_backends": "backends",
}


@pytest.fixture
def legacy():
    keras_vis.use("0.4.1")
    yield
    keras_vis.use("0.5.0")


def look_up(name):
    parts = name.split(".")
    size = 2 if parts[0] == "utils" else 1
    module = ".".join(parts[:size])
    found = importlib.import_module(f"happymaps.keras_vis.{module}")
    for part in parts[size:]:
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature_is_that_of_keras_vis(name):
    assert str(inspect.signature(look_up(name))) == f"({SIGNATURES[name]})"


def test_slicer_moves_the_channels_to_the_end():
    slicer = look_up("utils.utils.slicer")
    assert slicer[:, 3, ...] == (slice(None), ..., 3)


def test_aliases_of_the_rectified_modifier_are_the_modifier():
    modifiers = look_up("backprop_modifiers.get")
    assert modifiers("relu") is modifiers("deconv") is modifiers("rectified")


# ------------------------------------------------------------------ arguments of 0.4.1


def test_array_in_the_place_of_wrt_tensor_is_explained(linear_network):
    with pytest.raises(ValueError, match=r"wrt_tensor must be .* seed_input and all"):
        visualize_activation(linear_network, -1, 0, np.zeros((8, 8, 1)))


def test_modifier_in_the_place_of_wrt_tensor_is_explained(linear_network):
    with pytest.raises(ValueError, match=r"wrt_tensor must be .* Received: str"):
        visualize_saliency(linear_network, -1, 0, np.zeros((8, 8, 1)), "guided")


def test_range_in_the_place_of_the_seed_is_explained(linear_network):
    with pytest.raises(ValueError, match="give seed_input by keyword"):
        visualize_activation(linear_network, -1, 0, None, (0.0, 1.0))


def test_old_release_takes_the_seed_after_the_filter(legacy, linear_network):
    seed = np.ones((8, 8, 1))
    options = {"max_iter": 1, "tv_weight": 0, "lp_norm_weight": 0}
    old = visualize_activation(linear_network, -1, 1, seed, (0.0, 1.0), **options)
    keras_vis.use("0.5.0")
    new = visualize_activation(linear_network, -1, 1, None, seed, (0.0, 1.0), **options)
    # On a chessboard both ways to scale a gradient give the same step.
    np.testing.assert_allclose(old, new, atol=1e-6)


def test_old_release_has_no_keepdims(legacy, linear_network):
    with pytest.raises(TypeError, match=r"0\.4\.1 has no argument 'keepdims'"):
        visualize_saliency(linear_network, -1, 0, np.zeros((8, 8, 1)), keepdims=True)


def test_old_release_refuses_too_many_arguments(legacy, linear_network):
    with pytest.raises(TypeError, match="too many positional arguments"):
        visualize_saliency_with_losses(None, [], None, "absolute", False)


def test_old_release_colors_its_heat_maps(legacy, linear_network):
    # |gradient| of the chessboard is the same everywhere: all zero after scaling, and
    # jet begins at (0, 0, 0.5).
    image = visualize_saliency(linear_network, -1, 1, np.zeros((8, 8, 1)))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, np.full((8, 8, 3), [0, 0, 127]))


def test_old_release_divides_gradients_by_their_root_mean_square(
    legacy, linear_network
):
    optimizer = Optimizer(linear_network.inputs[0], _one_loss(linear_network))
    grads = optimizer.evaluate_once(np.zeros((8, 8, 1)))[0]
    assert np.sqrt(np.mean(grads**2)) == pytest.approx(1, abs=1e-5)
    keras_vis.use("0.5.0")
    optimizer = Optimizer(linear_network.inputs[0], _one_loss(linear_network))
    grads = optimizer.evaluate_once(np.zeros((8, 8, 1)))[0]
    assert np.sqrt(np.sum(grads**2)) == pytest.approx(1, abs=1e-6)


def test_old_release_lists_whatever_can_be_iterated(legacy):
    listify = look_up("utils.utils.listify")
    assert listify((1, 2)) == (1, 2)
    keras_vis.use("0.5.0")
    assert listify((1, 2)) == [(1, 2)]
    assert listify([1]) == [1]


def test_unknown_release_names_the_known_ones():
    with pytest.raises(ValueError, match=r"0\.4\.1, 0\.5\.0"):
        keras_vis.use("0.4.2")


def _one_loss(model):
    activation = look_up("losses.ActivationMaximization")
    return [(activation(model.layers[-1], 0), 1)]


# ------------------------------------------------------------------------------- traps


@pytest.fixture
def fresh_traps(monkeypatch):
    monkeypatch.setattr(traps, "_warned", set())


@pytest.fixture
def small_network(keras):
    """Return Conv2D with tanh, MaxPooling2D, Flatten, Dense."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(2, 3, activation="tanh", name="conv"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(2, name="out"),
        ]
    )


def _train_after_a_copy(model):
    visualize_saliency(model, 3, 0, np.ones((6, 6, 1)), backprop_modifier="guided")
    model.set_weights([weight + 1 for weight in model.get_weights()])
    visualize_saliency(model, 3, 0, np.ones((6, 6, 1)), backprop_modifier="guided")


def _all_gradients_below_zero(model):
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([-np.ones_like(kernel), bias])
    visualize_cam(model, 3, 0, np.ones((6, 6, 1)), penultimate_layer_idx=1)


def _activation(model, **options):
    return visualize_activation(
        model, 3, options.pop("filter_indices", 0), max_iter=1, **options
    )


@pytest.mark.parametrize(
    ("remedy", "action"),
    [
        ("happymaps.layer_objectives", lambda m: _activation(m, filter_indices=None)),
        ("happymaps.maximize returns the image that was scored", _activation),
        ("sign='sad'", lambda m: _activation(m, grad_modifier="negate")),
        ("grad_modifier='negate'", _all_gradients_below_zero),
        (
            "penultimate_layer_idx=1",
            lambda m: visualize_cam(m, 2, 0, np.ones((6, 6, 1))),
        ),
        ("of conv keep their own gradient", _train_after_a_copy),
        (r"apply_modifications\(model\)", _train_after_a_copy),
    ],
    ids=["1", "8", "17", "12", "13", "14", "14-stale"],
)
def test_trap_is_told_once(fresh_traps, small_network, remedy, action):
    with pytest.warns(keras_vis.KerasVisTrap, match=remedy):
        action(small_network)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        action(small_network)


def test_trap_is_a_user_warning(fresh_traps):
    with pytest.warns(UserWarning, match="what to do"):
        warn_once("name", "what to do")
