"""Penalties, the activation loss and the gradient modifiers of keras-vis."""

import numpy as np
import pytest

import happymaps as hm
from happymaps.keras_vis import grad_modifiers
from happymaps.keras_vis.losses import ActivationMaximization, Loss
from happymaps.keras_vis.regularizers import LPNorm, TotalVariation, normalize

pytestmark = pytest.mark.filterwarnings("ignore::happymaps.keras_vis.KerasVisTrap")

CORNERS = np.array([[0, 0, 0], [0, 2, 0], [0, 0, 1]], np.float32)[None, :, :, None]


@pytest.fixture(scope="module")
def value_of(keras):
    """Return a function: loss class, images, options -> value of the loss."""

    def evaluate(kind, images, **options):
        images = np.asarray(images, np.float32)
        inputs = keras.Input(images.shape[1:])
        model = keras.Model(inputs, kind(inputs, **options).build_loss())
        return float(model(images))

    return evaluate


def test_total_variation_of_a_known_image(value_of):
    # Of the 2x2 crop: squares 4 + 4 at (0, 1) and (1, 0) down and right, 4 + 4 at
    # (1, 1). All in all 16, by 9 pixels; tf.image.total_variation has 10.
    assert value_of(TotalVariation, CORNERS) == pytest.approx(16 / 9)
    # beta = 4: 4^2 + 4^2 + 8^2, by 9.
    assert value_of(TotalVariation, CORNERS, beta=4.0) == pytest.approx(96 / 9)


def test_total_variation_sums_over_the_batch_and_not_its_divisor(value_of):
    twice = np.concatenate([CORNERS, CORNERS])
    assert value_of(TotalVariation, twice) == pytest.approx(32 / 9)


def test_total_variation_takes_any_number_of_image_axes(value_of):
    line = np.array([0, 1, 3], np.float32)[None, :, None]
    assert value_of(TotalVariation, line) == pytest.approx((1 + 4) / 3)
    cube = np.zeros((1, 2, 2, 2, 1))
    cube[0, 0, 0, 0] = 2  # three differences of 2 from the one corner of the crop
    assert value_of(TotalVariation, cube) == pytest.approx(12 / 8)


def test_norm_of_a_gray_image_falls_with_its_size(value_of):
    for size, channels, expected in ((28, 1, 4.94), (224, 3, 0.062)):
        gray = np.full((1, size, size, channels), 127.5)
        penalty = 10 * value_of(LPNorm, gray)
        assert penalty == pytest.approx(expected, rel=1e-2)


def test_norm_of_known_values(value_of):
    values = np.array([[3.0, -4.0]])
    assert value_of(LPNorm, values, p=2.0) == pytest.approx(5 / 2)
    assert value_of(LPNorm, values, p=1.0) == pytest.approx(7 / 2)
    # The original forgets the absolute value here.
    assert value_of(LPNorm, values, p=np.inf) == pytest.approx(3 / 2)
    # One norm over the batch: sqrt(2) times that of one image.
    twice = np.concatenate([values, values])
    assert value_of(LPNorm, twice, p=2.0) == pytest.approx(5 / np.sqrt(2))


def test_norm_of_an_order_below_one_is_refused(keras):
    with pytest.raises(ValueError, match=r"p in \[1, inf\]"):
        LPNorm(keras.Input((2,)), p=0.5)


def test_penalties_of_one_image_are_those_of_happymaps(value_of, rgb_images):
    one = rgb_images[:1]
    assert value_of(TotalVariation, one) == pytest.approx(
        float(hm.TotalVariation()(one)[0]), rel=1e-5
    )
    assert value_of(LPNorm, one) == pytest.approx(float(hm.LpNorm()(one)[0]), rel=1e-5)


def test_names_tell_the_options(keras):
    inputs = keras.Input((4, 4, 1))
    names = [loss.name for loss in (TotalVariation(inputs), LPNorm(inputs, p=2))]
    assert names == ["TV(2.0) Loss", "L-2 Norm Loss"]


def test_input_of_open_size_has_no_penalty(keras):
    inputs = keras.Input((None, 4, 1))
    with pytest.raises(ValueError, match="input of fixed size"):
        normalize(inputs, inputs)


def test_array_is_no_input_tensor():
    with pytest.raises(ValueError, match=r"one symbolic tensor .* ndarray \(2, 2\)"):
        LPNorm(np.zeros((2, 2)))


# --------------------------------------------------------------------- activation loss


def test_activation_is_the_sum_of_means_below_zero(keras, sobel_network, images):
    edges = sobel_network.get_layer("edges")
    both = ActivationMaximization(edges, [0, -1]).build_loss()
    whole = ActivationMaximization(edges, None).build_loss()
    model = keras.Model(sobel_network.inputs[0], [both, whole, edges.output])
    both, whole, outputs = (np.asarray(value) for value in model(images))
    means = outputs.mean(axis=(0, 1, 2))
    assert both == pytest.approx(-means.sum(), rel=1e-5)
    assert whole == pytest.approx(-means.mean(), rel=1e-5)


def test_channels_first_take_the_channels_from_axis_one(keras):
    keras.config.set_image_data_format("channels_first")
    try:
        inputs = keras.Input((2, 3, 4))
        layer = keras.layers.Activation("linear")
        model = keras.Model(inputs, layer(inputs))
        loss = ActivationMaximization(layer, 1).build_loss()
        images = np.arange(24.0).reshape(1, 2, 3, 4)
        value = keras.Model(model.inputs[0], loss)(images)
        variation = TotalVariation(inputs).build_loss()
        along = keras.Model(inputs, variation)(images)
    finally:
        keras.config.set_image_data_format("channels_last")
    assert float(value) == pytest.approx(-images[0, 1].mean())
    # Each of 2 x 2 x 3 crops: 1^2 to the right and 4^2 down, by 24.
    assert float(along) == pytest.approx(12 * 17 / 24)


def test_loss_is_to_be_implemented():
    with pytest.raises(NotImplementedError):
        Loss().build_loss()


def test_layer_without_an_output_is_explained(keras):
    with pytest.raises(ValueError, match=r"'lonely', which has no output"):
        ActivationMaximization(keras.layers.Dense(1, name="lonely"), 0).build_loss()


# ------------------------------------------------------------------ gradient modifiers


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("negate", [2, 0, -4]),
        ("absolute", [2, 0, 4]),
        ("relu", [0, 0, 4]),
        ("invert", [-0.5, 1e7, 0.25]),
        ("small_values", [0.5, 1e7, 0.25]),
    ],
)
def test_gradient_modifier(name, expected):
    grads = np.array([-2.0, 0, 4])
    np.testing.assert_allclose(grad_modifiers.get(name)(grads), expected, rtol=1e-6)


def test_relu_works_in_the_array_itself():
    grads = np.array([-2.0, 4])
    assert grad_modifiers.relu(grads) is grads
    np.testing.assert_array_equal(grads, [0, 4])


def test_gradient_modifier_may_be_a_function():
    assert grad_modifiers.get(np.sign) is np.sign
    with pytest.raises(
        ValueError, match=r"one in happymaps\.keras_vis\.grad_modifiers"
    ):
        grad_modifiers.get("absolut")
