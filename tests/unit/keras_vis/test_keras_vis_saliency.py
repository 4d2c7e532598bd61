"""Saliency, class activation maps and backprop modifiers of keras-vis, by hand."""

import gc
import weakref

import numpy as np
import pytest
from scipy import ndimage

import happymaps.keras_vis as keras_vis
from happymaps.keras_vis import backprop_modifiers
from happymaps.keras_vis.losses import ActivationMaximization
from happymaps.keras_vis.optimizer import Optimizer
from happymaps.keras_vis.visualization import (
    saliency,
    visualize_cam,
    visualize_saliency,
)

pytestmark = pytest.mark.filterwarnings("ignore::happymaps.keras_vis.KerasVisTrap")


@pytest.fixture
def legacy():
    keras_vis.use("0.4.1")
    yield
    keras_vis.use("0.5.0")


# ---------------------------------------------------------------------------- saliency


@pytest.fixture(scope="module")
def two_channels(keras):
    """Return a linear unit of two places and two channels: weights 1, -4 and 2, 3."""
    inputs = keras.Input((2, 2))
    flat = keras.layers.Flatten()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(flat))
    model.layers[-1].set_weights([np.array([[1.0], [-4], [2], [3]]), np.zeros(1)])
    return model


def test_saliency_takes_the_largest_channel_and_scales(two_channels):
    image = np.zeros((2, 2))
    found = visualize_saliency(two_channels, -1, 0, image)
    np.testing.assert_allclose(found, [1, 0], atol=1e-6)  # of |.|: 4 and 3
    found = visualize_saliency(two_channels, -1, 0, image, grad_modifier="negate")
    np.testing.assert_allclose(found, [1, 0], atol=1e-6)  # of -g: 4 and -2
    found = visualize_saliency(two_channels, -1, 0, image, grad_modifier=None)
    np.testing.assert_allclose(found, [0, 1], atol=1e-6)  # of g: 1 and 3


def test_saliency_keeps_channels_on_demand(two_channels):
    found = visualize_saliency(two_channels, -1, 0, np.zeros((2, 2)), keepdims=True)
    np.testing.assert_allclose(found, [[0, 1], [1 / 3, 2 / 3]], atol=1e-6)


def test_saliency_never_quite_reaches_one(two_channels):
    found = visualize_saliency(two_channels, -1, 0, np.zeros((2, 2)))
    assert 1 - 1e-6 < found.max() < 1


def test_saliency_of_a_row_collapses_without_keepdims(keras):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    assert visualize_saliency(model, -1, 0, np.zeros(3)).shape == ()
    assert visualize_saliency(model, -1, 0, np.zeros(3), keepdims=True).shape == (3,)


def test_saliency_of_an_inner_tensor(sobel_network):
    pooled = sobel_network.get_layer("pool").output
    image = np.ones((8, 8, 1))
    found = visualize_saliency(
        sobel_network, -1, 1, image, wrt_tensor=pooled, keepdims=True
    )
    np.testing.assert_allclose(found, [0, 1], atol=1e-6)  # of 2 and 4


def test_saliency_of_a_loss_that_is_not_finite_is_a_type_error(two_channels):
    with pytest.raises(TypeError, match="no image to return"):
        visualize_saliency(two_channels, -1, 0, np.full((2, 2), np.nan))


# ------------------------------------------------------------------------------- CAM


@pytest.fixture(scope="module")
def cam_network(keras):
    """Return a function: gradients of two channels -> x and -x, Flatten, a unit."""

    def build(first, second):
        inputs = keras.Input((2, 2, 1))
        maps = keras.layers.Conv2D(2, 1, name="maps")(inputs)
        flat = keras.layers.Flatten()(maps)
        model = keras.Model(inputs, keras.layers.Dense(1)(flat))
        kernel = np.array([1.0, -1.0]).reshape(1, 1, 1, 2)
        model.get_layer("maps").set_weights([kernel, np.zeros(2)])
        dense = np.tile([first, second], 4).reshape(8, 1)
        model.layers[-1].set_weights([dense, np.zeros(1)])
        return model

    return build


IMAGE = np.array([[0.0, 1], [2, 4]])[..., None]


def test_cam_weights_the_channels(cam_network):
    # 1 x + 0.5 (-x), and x / 2 scaled to [0, 1].
    found = visualize_cam(cam_network(1, 0.5), -1, 0, IMAGE)
    np.testing.assert_allclose(found, IMAGE[..., 0] / 4, atol=1e-6)


def test_cam_cuts_off_what_speaks_against(cam_network):
    # 0.5 x + 1 (-x) is below 0 everywhere.
    found = visualize_cam(cam_network(0.5, 1), -1, 0, IMAGE)
    np.testing.assert_array_equal(found, np.zeros((2, 2)))


def test_cam_of_gradients_below_zero_has_the_wrong_sign(cam_network):
    # Divided by the largest, -0.5: the weights are 2 and 1, and 2 x - x remains.
    found = visualize_cam(cam_network(-1, -0.5), -1, 0, IMAGE)
    np.testing.assert_allclose(found, IMAGE[..., 0] / 4, atol=1e-6)


def test_cam_is_enlarged_after_the_cut(keras):
    inputs = keras.Input((4, 4, 1))
    pooled = keras.layers.MaxPooling2D(2)(inputs)
    flat = keras.layers.Flatten()(pooled)
    model = keras.Model(inputs, keras.layers.Dense(1)(flat))
    model.layers[-1].set_weights([np.ones((4, 1)), np.zeros(1)])
    coarse = np.array([[0.0, 0, 8], [0, 1, 0], [0, 0, 3]])[:2, :2]
    image = np.kron(coarse, np.ones((2, 2)))[..., None]
    wide = ndimage.zoom(coarse, 2)
    expected = (wide - wide.min()) / (wide.max() - wide.min())
    found = visualize_cam(model, -1, 0, image)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_old_release_enlarges_a_flat_cam_to_a_flat_one(legacy, keras):
    inputs = keras.Input((4, 4, 1))
    pooled = keras.layers.MaxPooling2D(2)(inputs)
    flat = keras.layers.Flatten()(pooled)
    model = keras.Model(inputs, keras.layers.Dense(1)(flat))
    model.layers[-1].set_weights([np.ones((4, 1)), np.zeros(1)])
    found = visualize_cam(model, -1, 0, np.ones((4, 4, 1)))
    np.testing.assert_array_equal(found, np.full((4, 4, 3), [0, 0, 127]))


@pytest.fixture(scope="module")
def long_network(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((2, 8, 8, 1)),
            layers.TimeDistributed(layers.Conv2D(2, 3), name="wrapped"),
            layers.Conv3D(2, (1, 3, 3), name="conv"),
            layers.AveragePooling3D((1, 2, 2), name="pool"),
            layers.GlobalAveragePooling3D(name="global"),
            layers.Dense(2, name="hidden"),
            layers.Dense(2, name="out"),
        ]
    )


@pytest.mark.parametrize(
    ("layer_idx", "expected"),
    # The last two layers before -1, the last one before a positive index.
    [(-1, "pool"), (5, "pool"), (4, "pool"), (3, "conv"), (-3, "conv"), (2, "wrapped")],
)
def test_penultimate_layer_is_never_the_one_before(long_network, layer_idx, expected):
    found = saliency._find_penultimate_layer(long_network, layer_idx, None)
    assert found.name == expected


def test_old_release_does_not_look_into_wrappers(legacy, long_network):
    with pytest.raises(ValueError, match=r"Give penultimate_layer_idx\."):
        saliency._find_penultimate_layer(long_network, 2, None)


def test_penultimate_layer_has_to_come_before(long_network):
    with pytest.raises(ValueError, match="must be before layer_idx=-2"):
        saliency._find_penultimate_layer(long_network, -2, 5)
    with pytest.raises(ValueError, match=r"Give penultimate_layer_idx\."):
        saliency._find_penultimate_layer(long_network, 1, None)


def test_cam_needs_image_axes(long_network):
    image = np.ones((2, 8, 8, 1))
    with pytest.raises(ValueError, match="image axes of the input"):
        visualize_cam(long_network, -1, 0, image, penultimate_layer_idx=3)


# ------------------------------------------------------------------ backprop modifiers

FIRST = np.array([[1.0, -1.0], [1.0, 1.0]])  # pre-activations x0 + x1 and x1 - x0
ON, OFF = np.array([1.0, 2.0]), np.array([1.0, -2.0])  # both units on, both off


def relu_network(keras, kind):
    """Return x -> Dense FIRST -> ReLU of a kind -> first unit less the second."""
    layers = keras.layers
    inputs = keras.Input((2,))
    fused = {"fused", "nested", "leaky fused"} & {kind}
    activation = {"leaky fused": "leaky_relu"}.get(kind, "relu") if fused else None
    first = layers.Dense(2, activation=activation, name="first")
    after = {
        "layer": layers.ReLU(name="relu"),
        "activation layer": layers.Activation("relu"),
        "activation": keras.activations.relu,
        "operation": keras.ops.relu,
        "leaky": layers.LeakyReLU(),
        "capped": layers.ReLU(max_value=6.0),
    }.get(kind, lambda tensor: tensor)
    hidden = keras.Model(inputs, after(first(inputs)), name="hidden")
    last = layers.Dense(1, name="last")
    if kind == "nested":
        outer = keras.Input((2,))
        model = keras.Model(outer, last(hidden(outer)))
    else:
        model = keras.Model(inputs, last(hidden.outputs[0]))
    first.set_weights([FIRST, np.zeros(2)])
    last.set_weights([np.array([[1.0], [-1.0]]), np.zeros(1)])
    return model


def gradient(model, image):
    loss = ActivationMaximization(model.layers[-1], 0)
    optimizer = Optimizer(model.inputs[0], [(loss, -1)], norm_grads=False)
    return optimizer.evaluate_once(image)[0][0]


KINDS = ["fused", "nested", "layer", "activation layer", "activation", "operation"]


@pytest.mark.parametrize("kind", KINDS)
def test_modifiers_gate_the_gradient_of_relu(keras, network_state, kind):
    model = relu_network(keras, kind)
    before = network_state(model)
    guided = backprop_modifiers.guided(model)
    rectified = backprop_modifiers.get("deconv")(model)
    # The gradient 1, -1 of the units goes through FIRST; modified, 1 and 0 of it.
    np.testing.assert_array_equal(gradient(model, ON), [2, 0])
    np.testing.assert_array_equal(gradient(guided, ON), [1, 1])
    np.testing.assert_array_equal(gradient(rectified, ON), [1, 1])
    np.testing.assert_array_equal(gradient(model, OFF), [0, 0])
    np.testing.assert_array_equal(gradient(guided, OFF), [0, 0])
    np.testing.assert_array_equal(gradient(rectified, OFF), [1, 1])
    assert network_state(model) == before
    np.testing.assert_array_equal(guided(ON[None]), model(ON[None]))


@pytest.mark.parametrize("kind", ["leaky", "leaky fused", "capped"])
def test_other_activations_keep_their_gradient(keras, kind):
    model = relu_network(keras, kind)
    guided = backprop_modifiers.guided(model)
    np.testing.assert_array_equal(gradient(guided, ON), [2, 0])
    np.testing.assert_array_equal(gradient(model, ON), [2, 0])


def test_layers_in_wrappers_are_modified(keras):
    inputs = keras.Input((1, 2))
    dense = keras.layers.Dense(2, activation="relu")
    hidden = keras.layers.TimeDistributed(dense)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    model.set_weights([FIRST, np.zeros(2), np.array([[1.0], [-1.0]]), np.zeros(1)])
    guided = backprop_modifiers.guided(model)
    np.testing.assert_array_equal(gradient(guided, ON[None]), [[1, 1]])


def test_old_release_turns_every_activation_into_relu(legacy, keras):
    # At (2, 1) the units are 3 and -1, the output is 3 with or without ReLU. At
    # (-1, 2) they are 1 and 3: the output is -2, which a ReLU shuts off.
    model = relu_network(keras, "fused")
    old = backprop_modifiers.guided(model)
    np.testing.assert_array_equal(gradient(old, [2.0, 1.0]), [1, 1])
    np.testing.assert_array_equal(gradient(old, [-1.0, 2.0]), [0, 0])
    keras_vis.use("0.5.0")
    new = backprop_modifiers.guided(model)
    np.testing.assert_array_equal(gradient(new, [-1.0, 2.0]), [1, 1])


def test_copy_is_made_once_and_let_go_with_its_network(keras):
    model = relu_network(keras, "layer")
    copy = backprop_modifiers.guided(model)
    assert backprop_modifiers.guided(model) is copy
    gone = weakref.ref(copy)
    del model, copy
    gc.collect()  # the network, and with it the entry that holds the copy
    gc.collect()
    assert gone() is None


def test_modifier_that_does_not_exist_is_explained(keras):
    with pytest.raises(ValueError, match="'guided', 'rectified'"):
        keras_vis.backend.modify_model_backprop(relu_network(keras, "layer"), "guide")


def test_network_without_one_input_is_explained(keras):
    with pytest.raises(ValueError, match="with 0 inputs"):
        visualize_saliency(keras.Sequential(), -1, 0, np.zeros(2))
