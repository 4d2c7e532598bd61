"""The kernel machine against values known by hand, and back from its file."""

import numpy as np
import pytest

import happymaps as hm


def build(supports, log_widths, mixing, bias=(0, 0)):
    layer = hm.KernelMachine(2, len(supports))
    layer.build((None, np.shape(supports)[1]))
    layer.set_weights([np.array(each, np.float32) for each in
                       (supports, log_widths, mixing, bias)])  # fmt: skip
    return layer


def test_kernel_at_distance_one_is_the_root_of_one_over_e():
    layer = build([[0, 0], [3, 0]], [0, np.log(2)], np.eye(2), (0.5, 0))
    features = np.array([[0, 1], [0, 0]], np.float32)
    kernels = np.asarray(layer.kernels(features))
    expected = [[np.exp(-0.5), np.exp(-10)], [1, np.exp(-9)]]
    np.testing.assert_allclose(kernels, expected, rtol=1e-5)
    assert abs(kernels[0, 0] - 0.606531) < 1e-6
    scores = np.asarray(layer(features))
    np.testing.assert_allclose(scores, np.add(expected, [0.5, 0]), rtol=1e-5)


def test_smooth_hinge_is_zero_beyond_the_margin_and_one_a_class_at_zero():
    loss = hm.networks.smooth_hinge
    assert float(loss(np.array([0]), np.array([[2.0, -2.0]], np.float32))[0]) == 0
    assert float(loss(np.array([[7]]), np.zeros((1, 10), np.float32))[0]) == 10
    half = np.array([[0.5, -0.5]], np.float32)
    assert float(loss(np.array([0]), half)[0]) == pytest.approx(0.5)
    assert float(loss(np.array([1]), half)[0]) == pytest.approx(4.5)


def test_gradients_are_those_of_finite_differences():
    from happymaps.backend import keras, tf

    keras.utils.set_random_seed(0)
    layer = hm.KernelMachine(3, 6, dtype="float64")
    features = np.random.default_rng(0).normal(size=(5, 4))
    labels = np.array([0, 1, 2, 0, 1])
    layer.build(features.shape)
    values = [v + 0.1 * np.random.default_rng(1).normal(size=v.shape)
              for v in layer.get_weights()]  # fmt: skip

    def total(weights) -> float:
        layer.set_weights(weights)
        return float(np.sum(hm.networks.smooth_hinge(labels, layer(features))))

    layer.set_weights(values)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(hm.networks.smooth_hinge(labels, layer(features)))
    gradients = tape.gradient(loss, layer.trainable_variables)
    for which, gradient in enumerate(gradients):
        place = tuple(size // 2 for size in values[which].shape)
        ends = []
        for change in (1e-5, -1e-5):
            moved = [value.copy() for value in values]
            moved[which][place] += change
            ends.append(total(moved))
        slope = (ends[0] - ends[1]) / 2e-5
        assert np.asarray(gradient)[place] == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_network_with_it_is_saved_and_loaded_with_the_same_scores(tmp_path):
    from happymaps.backend import keras

    inputs = keras.Input((4,))
    model = keras.Model(inputs, hm.KernelMachine(3)(keras.layers.Dense(5)(inputs)))
    model.compile("adam", hm.networks.smooth_hinge)
    images = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    model.train_on_batch(images, np.arange(7) % 3)
    path = hm.networks.save_model(model, tmp_path / "machine.keras")
    loaded = hm.load_model(path)
    np.testing.assert_array_equal(loaded(images), model(images))
    assert loaded.layers[-1].num_supports == 30
    # The loss, too, is known by its name.
    trained = keras.models.load_model(path)
    assert trained.loss is hm.networks.smooth_hinge


def test_it_learns_rings_that_no_line_parts_from_supports_on_the_images():
    from happymaps.backend import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    angles, labels = rng.uniform(0, 2 * np.pi, 200), np.arange(200) % 2
    radii = 0.5 + 1.2 * labels + 0.1 * rng.normal(size=200)
    points = np.stack([radii * np.cos(angles), radii * np.sin(angles)], 1)
    layer = hm.KernelMachine(2)
    layer.place_supports(points, labels)
    np.testing.assert_allclose(layer.supports[3], points[3], rtol=1e-6)
    model = keras.Sequential([keras.Input((2,)), layer])
    model.compile(keras.optimizers.Adam(0.05), hm.networks.smooth_hinge)
    model.fit(points, labels, epochs=30, verbose=0)
    assert (np.asarray(model(points)).argmax(1) == labels).mean() > 0.97


@pytest.mark.parametrize(("classes", "supports"), [(1, None), (3, 2)])
def test_too_few_classes_or_supports_are_refused(classes, supports):
    with pytest.raises(ValueError, match="a support for each"):
        hm.KernelMachine(classes, supports)


def test_too_few_images_and_maps_as_features_are_refused():
    with pytest.raises(ValueError, match="class 1 for each of its supports"):
        hm.KernelMachine(2, 4).place_supports(np.zeros((4, 3)), np.array([0, 0, 0, 1]))
    with pytest.raises(ValueError, match="Put a Flatten"):
        hm.KernelMachine(2).build((None, 4, 4, 3))
