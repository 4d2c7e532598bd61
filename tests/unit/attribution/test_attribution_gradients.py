"""Gradients, smoothed and integrated, on networks whose gradient is known by hand."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from happymaps.attribution.methods.gradients import gradient, gradient_times_input
from happymaps.attribution.methods.integrated_gradients import integrated_gradients
from happymaps.attribution.methods.smooth_grad import smooth_grad, smooth_grad_squared
from happymaps.keras_vis.visualization import visualize_saliency
from happymaps.maps.objectives import layer, unit
from happymaps.maps.scoring import score_images

MEAN_SQUARE = layer("flat")  # S = mean of x^2, so that dS/dx = 2 x / 64
quick = settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def weights(linear_network):
    return linear_network.get_layer("out").get_weights()[0][:, 0].reshape(8, 8, 1)


@pytest.fixture(scope="module")
def threshold(keras):
    """Return a network of one feature, relu(x - 1/2)."""
    inputs = keras.Input((1,))
    hidden = keras.layers.Dense(1, activation="relu", name="hidden")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, name="out")(hidden))
    model.set_weights(
        [np.array([[1.0]]), np.array([-0.5]), np.array([[1.0]]), np.zeros(1)]
    )
    return model


@pytest.fixture(scope="module")
def smooth_network(keras):
    keras.utils.set_random_seed(3)
    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(4, activation="tanh", name="hidden")(inputs)
    return keras.Model(inputs, keras.layers.Dense(2, name="out")(hidden))


# ---------------------------------------------------------------------------- gradient


def test_the_gradient_of_a_linear_model_is_its_weights(linear_network, images, weights):
    found = gradient(linear_network, unit("out", 0), images)
    np.testing.assert_array_equal(found, np.broadcast_to(weights, images.shape))


def test_gradient_times_input_of_a_linear_model_is_weight_times_input(
    linear_network, images, weights
):
    found = gradient_times_input(linear_network, unit("out", 0), images)
    np.testing.assert_array_equal(found, weights * images)


def test_the_gradient_is_that_of_numerical_differentiation(smooth_network):
    rows = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    objective, step = unit("out", 1), 1e-2
    expected = np.empty((3, 5))
    for feature, move in enumerate(step * np.eye(5)):
        up, down = (
            score_images(smooth_network, objective, rows + sign * move).values[0]
            for sign in (1, -1)
        )
        expected[:, feature] = (up - down) / (2 * step)
    found = gradient(smooth_network, objective, rows)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert found.dims == ("image", "feature")


@pytest.mark.parametrize(
    ("shape", "dims"),
    [((6, 2), ("x", "color")), ((2, 3, 4, 2), ("z", "y", "x", "color"))],
)
def test_inputs_of_other_ranks_have_their_dimensions(keras, shape, dims):
    inputs = keras.Input(shape)
    flat = keras.layers.Flatten()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, name="out")(flat))
    kernel = model.get_layer("out").get_weights()[0].reshape(shape)
    data = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    found = integrated_gradients(model, unit("out", 0), data, num_steps=2)
    assert found.dims == ("image", *dims)
    np.testing.assert_allclose(found, kernel * data, rtol=1e-5)


def test_the_gradient_is_that_of_keras_vis(nested_network, rgb_images):
    # keras-vis scales it to [0, 1].
    expected = visualize_saliency(
        nested_network, 4, 1, rgb_images[0], grad_modifier=None, keepdims=True
    )
    found = gradient(nested_network, unit("logits", 1), rgb_images)[0].values
    found = (found - found.min()) / (found.max() - found.min())
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_gradient_is_that_of_tf_keras_vis(nested_network, rgb_images):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tf_keras_vis.saliency import Saliency

        saliency = Saliency(nested_network, clone=False)
        expected = saliency(
            lambda outputs: outputs[:, 1],
            rgb_images,
            keepdims=True,
            normalize_map=False,
            gradient_modifier=None,
        )
    found = gradient(
        nested_network, unit("probabilities", 1), rgb_images, activation="post"
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


@quick
@given(factors=st.tuples(st.floats(-2, 2), st.floats(-2, 2)))
def test_the_gradient_is_linear_in_the_objective(sobel_network, images, factors):
    a, b = (gradient(sobel_network, unit("head", k), images) for k in range(2))
    both = factors[0] * unit("head", 0) + factors[1] * unit("head", 1)
    found = gradient(sobel_network, both, images)
    expected = factors[0] * a.values + factors[1] * b.values
    np.testing.assert_allclose(found, expected, atol=1e-5)


# -------------------------------------------------------------------------- SmoothGrad


def test_smoothing_changes_nothing_in_a_linear_model(linear_network, images, weights):
    expected = np.broadcast_to(weights, images.shape)
    found = smooth_grad(linear_network, unit("out", 0), images, num_samples=3)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    found = smooth_grad_squared(linear_network, unit("out", 0), images, num_samples=3)
    np.testing.assert_allclose(found, expected**2, rtol=1e-6)


def test_without_noise_smoothing_is_the_gradient(sobel_network, images):
    objective, options = unit("head", 0), {"noise_level": 0, "num_samples": 2}
    plain = gradient(sobel_network, objective, images)
    found = smooth_grad(sobel_network, objective, images, **options)
    np.testing.assert_allclose(found, plain, rtol=1e-6)
    found = smooth_grad_squared(sobel_network, objective, images, **options)
    np.testing.assert_allclose(found, plain**2, rtol=1e-6)


def test_the_noise_is_a_share_of_the_range_of_each_image(linear_network):
    # Of a mean square, the squared gradient is (2/64)^2 (x^2 + noise^2) on average.
    image = np.linspace(0, 1, 64).reshape(1, 8, 8, 1)
    images = np.concatenate([image, 3 * image - 1]).astype(np.float32)
    options = {"noise_level": 0.5, "num_samples": 400}
    found = smooth_grad_squared(linear_network, MEAN_SQUARE, images, **options)
    extra = found.values * 32**2 - images**2
    np.testing.assert_allclose(extra.mean(axis=(1, 2, 3)), [0.25, 2.25], rtol=0.05)
    found = smooth_grad(linear_network, MEAN_SQUARE, images, **options)
    error = (found.values * 32 - images).std(axis=(1, 2, 3))
    np.testing.assert_allclose(error, np.array([0.5, 1.5]) / 20, rtol=0.3)


def test_the_noise_depends_on_the_seed_alone(linear_network, images):
    def smoothed(chosen, **options):
        return smooth_grad(
            linear_network, MEAN_SQUARE, chosen, num_samples=5, **options
        ).values

    first = smoothed(images, seed=1)
    np.testing.assert_array_equal(smoothed(images, seed=1), first)
    np.testing.assert_allclose(smoothed(images, seed=1, batch_size=3), first, rtol=1e-6)
    np.testing.assert_allclose(smoothed(images[2:], seed=1), first[2:], rtol=1e-6)
    assert not np.allclose(smoothed(images, seed=2), first)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_samples": 0}, r"num_samples must be a whole number >= 1\. Received: 0"),
        ({"num_samples": 2.0}, "num_samples must be a whole number"),
        ({"noise_level": -0.1}, r"noise_level must be a number >= 0\. Received: -0\.1"),
        ({"noise_level": np.nan}, "noise_level must be a number >= 0"),
        ({"seed": -1}, "seed must be a whole number >= 0"),
    ],
)
@pytest.mark.parametrize("method", [smooth_grad, smooth_grad_squared])
def test_options_of_smoothing_are_checked(
    linear_network, images, method, options, message
):
    with pytest.raises(ValueError, match=message):
        method(linear_network, MEAN_SQUARE, images, **options)


# ---------------------------------------------------------------- integrated gradients


@pytest.mark.parametrize("baseline", [0.0, 0.75, "one", "each", None])
def test_integrated_gradients_of_a_linear_model(
    linear_network, images, weights, baseline
):
    given = {"one": images[3], "each": images[::-1]}.get(baseline, baseline)
    lowest = images.min(axis=(1, 2, 3), keepdims=True)
    found = integrated_gradients(
        linear_network, unit("out", 0), images, baseline=given, num_steps=4
    )
    expected = weights * (images - (lowest if given is None else given))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found.completeness_gap, 0, atol=1e-5)
    label = {None: "lowest of each image", "one": "array", "each": "array"}
    assert found.attrs["baseline"] == label.get(baseline, baseline)
    if isinstance(baseline, str):
        np.testing.assert_array_equal(found.baseline, given)


def test_without_a_baseline_but_black_it_is_gradient_times_input(
    linear_network, images
):
    objective = unit("out", 0)
    np.testing.assert_allclose(
        integrated_gradients(linear_network, objective, images, num_steps=3),
        gradient_times_input(linear_network, objective, images),
        rtol=1e-5,
    )


@pytest.mark.filterwarnings("ignore:The gradient of out")  # none at 0.25
@pytest.mark.parametrize(
    ("num_steps", "share"),
    # Of the points (k + 1/2) / K, those above 1/2 have the slope 1.
    [(1, 0), (2, 1 / 2), (3, 1 / 3), (4, 1 / 2), (5, 2 / 5)],
)
def test_the_path_is_walked_by_the_midpoint_rule(threshold, num_steps, share):
    found = integrated_gradients(
        threshold, unit("out", 0), [[1.0], [0.25]], num_steps=num_steps
    )
    np.testing.assert_allclose(found[:, 0], [share, 0], atol=1e-6)
    np.testing.assert_allclose(found.score, [0.5, 0])
    np.testing.assert_allclose(found.completeness_gap, [share - 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(
        found.relative_completeness_gap, [2 * share - 1, np.nan], atol=1e-6
    )


def test_a_relu_network_is_complete_with_many_steps(sobel_network, images):
    objective = unit("head", 0)
    found = integrated_gradients(
        sobel_network, objective, images, baseline=0.5, num_steps=1500, batch_size=500
    )
    scores = score_images(sobel_network, objective, images).values[0]
    base = score_images(sobel_network, objective, np.full_like(images, 0.5)).values[0]
    total = found.sum(("y", "x", "color"))
    np.testing.assert_allclose(total, scores - base, atol=1e-4)
    np.testing.assert_allclose(
        found.completeness_gap, total - (scores - base), atol=1e-5
    )


@quick
@given(seed=st.integers(0, 99), baseline=st.floats(-1, 2), num_steps=st.integers(1, 6))
def test_a_quadratic_score_is_complete_with_any_steps(
    sobel_network, seed, baseline, num_steps
):
    # The midpoint rule is exact for gradients that are linear along the path.
    images = np.random.default_rng(seed).normal(size=(2, 8, 8, 1))
    found = integrated_gradients(
        sobel_network, layer("edges"), images, baseline=baseline, num_steps=num_steps
    )
    np.testing.assert_allclose(found.completeness_gap, 0, atol=1e-3)
    assert (abs(found.score) > 1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"baseline": np.zeros((8, 8))}, r"of shape \(8, 8, 1\) or \(4, 8, 8, 1\)\. "),
        ({"baseline": np.zeros((3, 8, 8, 1))}, r"Received: shape \(3, 8, 8, 1\)"),
        ({"baseline": np.inf}, "baseline must be finite"),
        ({"num_steps": 0}, "num_steps must be a whole number >= 1"),
    ],
)
def test_options_of_integrated_gradients_are_checked(
    linear_network, images, options, message
):
    with pytest.raises(ValueError, match=message):
        integrated_gradients(linear_network, unit("out", 0), images, **options)
