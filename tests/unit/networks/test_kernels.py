"""Templates, components and composed kernels of networks worked out by hand."""

import numpy as np
import pytest

from happymaps.networks.kernels import (
    center_gradients,
    effective_kernels,
    kernel_components,
    singular_templates,
)

EDGE = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)


def chain(keras, *layers, shape=(12, 14, 1)):
    """Return a Functional network of layers, with kernels drawn from a seed."""
    inputs = values = keras.Input(shape)
    for layer in layers:
        values = layer(values)
    model = keras.Model(inputs, values)
    rng = np.random.default_rng(0)
    model.set_weights([rng.standard_normal(w.shape) for w in model.get_weights()])
    return model


def convolution(keras, filters, name, size=3, **options):
    return keras.layers.Conv2D(filters, size, use_bias=False, name=name, **options)


# ------------------------------------------------------------------ templates


def test_a_kernel_of_one_pattern_is_its_own_template():
    weights = np.array([0.5, -0.1, 2.0])
    kernels = (EDGE[:, :, None] * weights)[..., None]
    found = singular_templates(kernels)
    np.testing.assert_allclose(found.energy_shares, [1])
    np.testing.assert_allclose(found.templates[0], EDGE / np.sqrt(12), atol=1e-6)
    norm = np.linalg.norm(weights)
    np.testing.assert_allclose(found.input_weights[0], weights / norm, atol=1e-6)


def test_the_sign_of_a_template_is_what_the_inputs_add():
    found = singular_templates((EDGE[:, :, None] * [-1.0, -2.0])[..., None])
    np.testing.assert_allclose(found.templates[0], -EDGE / np.sqrt(12), atol=1e-6)
    assert found.input_weights[0].sum() > 0


def test_energy_is_shared_as_the_squared_singular_values():
    kernels = np.zeros((3, 3, 2, 1))
    kernels[0, 0, 0, 0], kernels[1, 1, 1, 0] = 3, 1
    found = singular_templates(kernels)
    np.testing.assert_allclose(found.energy_shares, [0.9])
    assert found.templates[0, 0, 0] == pytest.approx(1)


def test_template_times_weights_is_the_best_pattern_and_zeros_have_none():
    kernels = np.random.default_rng(2).standard_normal((3, 3, 4, 2))
    kernels[..., 1] = 0
    found = singular_templates(kernels)
    flat = kernels[..., 0].reshape(9, 4)
    projected = found.templates[0].ravel() @ flat
    assert projected @ projected / (flat**2).sum() == pytest.approx(
        found.energy_shares[0]
    )
    assert np.isnan(found.energy_shares[1])


@pytest.mark.parametrize("view", [singular_templates, kernel_components])
def test_kernels_have_four_axes(view):
    with pytest.raises(ValueError, match="height, width, inputs, outputs"):
        view(np.ones((3, 3)))


# ----------------------------------------------------------------- components


def test_kernels_of_two_patterns_have_two_components():
    rng = np.random.default_rng(1)
    patterns = np.stack([EDGE / np.sqrt(12), EDGE.T / np.sqrt(12)])
    amounts = rng.standard_normal((2, 5, 8)) * np.array([3, 1])[:, None, None]
    kernels = np.einsum("pyx,pio->yxio", patterns, amounts)
    found = kernel_components(kernels)
    assert found.variance_shares[:2].sum() == pytest.approx(1)
    assert found.variance_shares[2] == pytest.approx(0, abs=1e-9)
    flat = amounts.reshape(2, -1)
    expected = np.linalg.eigvalsh(np.cov(flat))[::-1]
    np.testing.assert_allclose(
        found.variance_shares[:2], expected / expected.sum(), rtol=1e-6
    )


def test_components_are_those_of_scikit_learn():
    from sklearn.decomposition import PCA

    kernels = np.random.default_rng(4).standard_normal((3, 3, 6, 7))
    reference = PCA(4).fit(kernels.reshape(9, -1).T)
    found = kernel_components(kernels, num_components=4)
    np.testing.assert_allclose(
        found.variance_shares, reference.explained_variance_ratio_
    )
    cosines = np.sum(found.components.reshape(4, 9) * reference.components_, axis=1)
    np.testing.assert_allclose(np.abs(cosines), 1, atol=1e-6)


@pytest.mark.parametrize("count", [0, 10])
def test_a_kernel_of_nine_weights_has_one_to_nine_components(count):
    with pytest.raises(ValueError, match="between 1 and 9"):
        kernel_components(np.ones((3, 3, 2, 2)), num_components=count)


# ---------------------------------------------------------- effective kernels


def test_first_layer_is_its_own_effective_kernel(keras):
    model = chain(keras, convolution(keras, 2, "a"))
    found = effective_kernels(model, "a")
    np.testing.assert_allclose(found.kernels, model.get_layer("a").kernel)
    assert found.stride == (1, 1)


def test_effective_kernel_is_the_gradient_of_a_linear_network(keras):
    model = chain(
        keras,
        convolution(keras, 2, "a"),
        keras.layers.AveragePooling2D(2),
        convolution(keras, 3, "b"),
    )
    found = effective_kernels(model, "b")
    assert found.kernels.shape == (8, 8, 1, 3)
    assert found.stride == (2, 2)
    # What an impulse at each pixel leaves in the neuron at the origin.
    impulses = np.eye(12 * 14, dtype=np.float32).reshape(-1, 12, 14, 1)
    answers = model(impulses).numpy()[:, 0, 0].reshape(12, 14, 3)
    np.testing.assert_allclose(found.kernels[:, :, 0], answers[:8, :8], atol=1e-5)
    assert np.abs(answers[8:]).max() == 0


@pytest.mark.parametrize("options", [{"strides": 2}, {"dilation_rate": 2}])
def test_strides_and_dilation_are_composed(keras, options):
    model = chain(
        keras,
        convolution(keras, 2, "a", size=(2, 3), **options),
        convolution(keras, 2, "b", size=2),
        shape=(12, 14, 2),
    )
    found = effective_kernels(model, "b").kernels
    impulses = np.eye(12 * 14 * 2, dtype=np.float32).reshape(-1, 12, 14, 2)
    answers = model(impulses).numpy()[:, 0, 0].reshape(12, 14, 2, 2)
    height, width = found.shape[:2]
    np.testing.assert_allclose(found, answers[:height, :width], atol=1e-5)


def test_maxima_are_taken_as_means_and_activations_as_wires(keras):
    linear = chain(
        keras,
        convolution(keras, 2, "a"),
        keras.layers.AveragePooling2D(2),
        convolution(keras, 3, "b"),
    )
    other = chain(
        keras,
        convolution(keras, 2, "a", activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.ReLU(),
        convolution(keras, 3, "b"),
    )
    np.testing.assert_allclose(
        effective_kernels(linear, "b").kernels, effective_kernels(other, "b").kernels
    )


def test_networks_that_are_no_chain_are_refused(keras):
    inputs = keras.Input((8, 8, 1))
    a = convolution(keras, 2, "a", padding="same")(inputs)
    b = convolution(keras, 2, "b", padding="same")(inputs)
    c = convolution(keras, 2, "c")(keras.layers.Add(name="sum")([a, b]))
    forked = keras.Model(inputs, c)
    with pytest.raises(ValueError, match="plain chain"):
        effective_kernels(forked, "c")
    normalized = chain(
        keras, keras.layers.BatchNormalization(name="n"), convolution(keras, 1, "a")
    )
    with pytest.raises(ValueError, match="'n' is a BatchNormalization"):
        effective_kernels(normalized, "a")
    pooled = chain(keras, keras.layers.AveragePooling2D(2, name="pool"))
    with pytest.raises(ValueError, match="'pool' is a AveragePooling2D"):
        effective_kernels(pooled, "pool")


# ------------------------------------------------------------------ gradients


def test_mean_gradient_of_a_linear_network_is_its_effective_kernel(keras):
    model = chain(
        keras,
        convolution(keras, 2, "a"),
        keras.layers.AveragePooling2D(2),
        convolution(keras, 3, "b", activation="relu"),
        shape=(14, 16, 1),
    )
    images = np.random.default_rng(0).random((70, 14, 16, 1)).astype(np.float32)
    effective = effective_kernels(model, "b").kernels
    found = center_gradients(model, "b", images, effective.shape[:2])
    np.testing.assert_allclose(found, effective, atol=1e-5)


def test_mean_gradient_counts_the_images_that_open_a_gate(keras):
    model = chain(
        keras,
        convolution(keras, 1, "a", size=1, activation="relu"),
        convolution(keras, 1, "b", size=1),
        shape=(3, 3, 1),
    )
    model.set_weights([np.full((1, 1, 1, 1), 2.0), np.full((1, 1, 1, 1), 5.0)])
    images = np.array([1, 1, 1, -1], np.float32)[:, None, None, None]
    images = np.tile(images, (1, 3, 3, 1))
    found = center_gradients(model, "b", images, (1, 1))
    assert found.item() == pytest.approx(0.75 * 10)


def test_windows_of_layers_that_pad_are_refused(keras):
    model = chain(keras, convolution(keras, 1, "a", padding="same"))
    with pytest.raises(ValueError, match="'a' pads its input"):
        center_gradients(model, "a", np.zeros((1, 12, 14, 1), np.float32), (3, 3))
