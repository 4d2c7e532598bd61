"""The helpers of keras-vis: arrays, pictures, animations."""

import numpy as np
import pytest
from PIL import Image

from happymaps.keras_vis.backend import set_random_seed
from happymaps.keras_vis.callbacks import GifGenerator, OptimizerCallback
from happymaps.keras_vis.losses import ActivationMaximization
from happymaps.keras_vis.optimizer import Optimizer
from happymaps.keras_vis.utils import utils
from happymaps.keras_vis.utils.test_utils import across_data_formats, skip_backends
from happymaps.keras_vis.visualization import get_num_filters, overlay

pytestmark = pytest.mark.filterwarnings("ignore::happymaps.keras_vis.KerasVisTrap")


def test_deprocessing_centers_rescales_and_clips():
    array = np.array([0.0, 0, 2, 2])
    found = utils.deprocess_input(array, (-1, 1))
    np.testing.assert_allclose(found, [-0.2, -0.2, 0.2, 0.2], atol=1e-6)
    np.testing.assert_array_equal(array, [0, 0, 2, 2])
    spike = np.zeros(101)
    spike[0] = 1  # 10 deviations above the mean: 0.5 + 1, cut off at 1
    assert utils.deprocess_input(spike).max() == 255


def test_normalizing_reaches_the_lower_bound_and_just_misses_the_upper():
    found = utils.normalize(np.array([1.0, 2, 3]), 10, 20)
    np.testing.assert_allclose(found, [10, 15, 20], atol=1e-5)
    assert found[0] == 10
    assert found[-1] < 20


def test_random_array_has_exact_moments():
    found = utils.random_array((5, 7), mean=3.0, std=0.5)
    assert found.mean() == pytest.approx(3)
    assert found.std() == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("seed", [set_random_seed, utils.set_random_seed])
def test_seed_makes_noise_repeatable(seed):
    seed(7)
    first = utils.random_array((3,))
    seed(7)
    np.testing.assert_array_equal(utils.random_array((3,)), first)


def test_stitched_images_stand_in_rows_on_black():
    images = [np.full((1, 2, 1), value) for value in (1, 2, 3)]
    expected = [[1, 1, 0, 2, 2], [0, 0, 0, 0, 0], [3, 3, 0, 0, 0]]
    found = utils.stitch_images(images, margin=1, cols=2)
    np.testing.assert_array_equal(found[..., 0], expected)
    assert utils.stitch_images([]) is None


def test_overlay_blends_in_the_type_of_the_first():
    first, second = np.array([10, 20], np.uint8), np.array([0.0, 100])
    found = overlay(first, second, alpha=0.75)
    np.testing.assert_array_equal(found, [7, 40])
    assert found.dtype == np.uint8
    with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\]"):
        overlay(first, second, alpha=1.1)
    with pytest.raises(ValueError, match="arrays of one shape"):
        overlay(first, np.zeros(3))


def test_small_helpers():
    assert list(utils.reverse_enumerate("abc")) == [(2, "c"), (1, "b"), (0, "a")]
    assert utils.add_defaults_to_kwargs({"a": 1, "b": 2}, b=3) == {"a": 1, "b": 3}
    np.testing.assert_array_equal(utils.bgr2rgb(np.array([[1, 2, 3]])), [[3, 2, 1]])


def test_layer_is_found_by_name(sobel_network):
    assert utils.find_layer_idx(sobel_network, "pool") == 2
    with pytest.raises(ValueError, match="Did you mean 'edges'"):
        utils.find_layer_idx(sobel_network, "edge")


def test_number_of_filters(sobel_network, linear_network):
    assert get_num_filters(sobel_network.get_layer("edges")) == 2
    assert get_num_filters(linear_network.layers[-1]) == 3


def test_image_shape_and_slices_follow_the_data_format(keras):
    seen = []

    @across_data_formats
    def look():
        shape = utils.get_img_shape(np.zeros((1, 2, 3, 4)))
        seen.append((shape, utils.slicer[0, 1, 2, 3]))

    look()
    assert seen == [((1, 2, 3, 4), (0, 1, 2, 3)), ((1, 4, 2, 3), (0, 2, 3, 1))]
    assert keras.config.image_data_format() == "channels_last"


def test_backends_are_skipped():
    ran = []
    skip_backends({"tensorflow"})(ran.append)("skipped")
    skip_backends({"jax"})(ran.append)("ran")
    assert ran == ["ran"]


def test_changed_activation_takes_effect_in_a_copy(keras, softmax_network):
    model = softmax_network(steepness=2.0)
    layer = model.layers[-1]
    image = np.random.default_rng(3).random((1, 8, 8, 1))
    logits = image.ravel() @ layer.get_weights()[0]
    before = layer.activation
    layer.activation = keras.activations.linear
    try:
        copy = utils.apply_modifications(model)
    finally:
        layer.activation = before
    np.testing.assert_allclose(copy(image)[0], logits, rtol=1e-4)
    np.testing.assert_allclose(np.sum(model(image)), 1, rtol=1e-5)


def test_copy_knows_functions_of_the_user(keras):
    def twice(tensor):
        return 2 * tensor

    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Activation(twice)(inputs))
    copy = utils.apply_modifications(model, custom_objects={"twice": twice})
    np.testing.assert_array_equal(copy(np.ones((1, 2))), [[2, 2]])


# ---------------------------------------------------------------------------- pictures


def save(path, array):
    Image.fromarray(np.asarray(array, np.uint8)).save(path)
    return path


def test_image_file_is_read_as_it_is_gray_or_resized(tmp_path):
    color = np.tile(np.array([255, 0, 0], np.uint8), (4, 6, 1))
    path = save(tmp_path / "red.png", color)
    np.testing.assert_array_equal(utils.load_img(path), color)
    gray = utils.load_img(path, grayscale=True)
    np.testing.assert_allclose(gray, np.full((4, 6), 0.2125))
    small = utils.load_img(path, target_size=(2, 3))
    np.testing.assert_array_equal(small, color[:2, :3])
    # The original returns black here.
    both = utils.load_img(path, grayscale=True, target_size=(2, 3))
    np.testing.assert_array_equal(both, np.full((2, 3), 54, np.uint8))


def test_text_is_drawn_on_a_copy():
    image = np.full((40, 80, 3), 255, np.uint8)
    found = utils.draw_text(image, "III", font="no such font")
    assert image.min() == 255
    assert found[10:30].min() < 100
    assert found[:8].min() == 255


def test_labels_come_from_keras(keras, monkeypatch):
    def decode(predictions, top):
        return [[("n0", f"class {row.argmax()}", 1.0)] for row in predictions]

    module = keras.applications.imagenet_utils
    monkeypatch.setattr(module, "decode_predictions", decode)
    assert utils.lookup_imagenet_labels([3, 5]) == ["class 3", "class 5"]
    assert utils.lookup_imagenet_labels(7) == ["class 7"]
    assert utils.get_imagenet_label([3, 5]) == "class 3, class 5"
    with pytest.raises(ValueError, match="1000 classes"):
        utils.lookup_imagenet_labels(1000)


def test_labels_that_cannot_be_had_are_explained(keras, monkeypatch):
    def fail(predictions, top):
        raise OSError("no route")

    module = keras.applications.imagenet_utils
    monkeypatch.setattr(module, "decode_predictions", fail)
    with pytest.raises(ValueError, match="which failed: no route"):
        utils.lookup_imagenet_labels(0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_animation_has_a_frame_per_iteration(keras, tmp_path, channels, scale):
    inputs = keras.Input((30, 60, channels))
    layer = keras.layers.GlobalAveragePooling2D()
    layer(inputs)
    path = tmp_path / "film"
    optimizer = Optimizer(
        inputs, [(ActivationMaximization(layer, 0), 1)], input_range=(0.0, scale)
    )
    start = np.zeros((30, 60, channels))
    start[:, 30:] = scale
    optimizer.minimize(
        start, max_iter=3, callbacks=[GifGenerator(str(path))], verbose=False
    )
    with Image.open(path.with_suffix(".gif")) as film:
        assert (film.n_frames, film.size) == (3, (60, 30))
        first = np.asarray(film.convert("RGB"), int)
    # Half the image is one deviation below the mean and half above: 0.4 and 0.6.
    np.testing.assert_allclose(first[28, [0, 59]], [[102] * 3, [153] * 3], atol=1)


def test_animation_needs_one_or_three_channels(tmp_path):
    film = GifGenerator(str(tmp_path / "film.gif"))
    with pytest.raises(ValueError, match=r"1 or 3 channels.*\(4, 4, 2\)"):
        film.callback(0, [], 0.0, None, np.zeros((1, 4, 4, 2)))


def test_callback_is_to_be_implemented():
    with pytest.raises(NotImplementedError):
        OptimizerCallback().callback(0, [], 0.0, None, None)
    assert OptimizerCallback().on_end() is None
