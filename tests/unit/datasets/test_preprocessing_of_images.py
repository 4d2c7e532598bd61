"""Preprocessing as keras.applications has it, and as part of a network."""

import numpy as np
import pytest
from PIL import Image

from happymaps.attribution.methods.gradients import gradient
from happymaps.backend import keras
from happymaps.datasets import Preprocessing, load_dataset, make_preprocessing
from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import channel, logit
from happymaps.networks.fed import include_preprocessing
from happymaps.networks.layers import layer_paths
from happymaps.networks.study import open_study

RNG = np.random.default_rng(0)
IMAGES = RNG.random((5, 8, 8, 3), dtype=np.float32)
FAMILIES = {
    "caffe": ("vgg16", "vgg19", "resnet"),
    "torch": ("densenet",),
    "tf": ("mobilenet", "mobilenet_v2", "inception_v3", "inception_resnet_v2",
           "xception", "resnet_v2", "nasnet"),
    "raw": ("efficientnet", "efficientnet_v2", "convnext", "mobilenet_v3"),
}  # fmt: skip


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    values = keras.layers.GlobalAveragePooling2D()(maps)
    return keras.Model(inputs, keras.layers.Dense(2, name="head")(values))


@pytest.fixture
def folder(tmp_path):
    for name in ("cool", "warm"):
        (tmp_path / name).mkdir()
        for number in range(2):
            pixels = RNG.integers(0, 256, (8, 8, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    return tmp_path


@pytest.mark.parametrize("mode", FAMILIES)
def test_modes_are_those_of_every_family(mode):
    for name in FAMILIES[mode]:
        family = getattr(keras.applications, name)
        expected = family.preprocess_input(255 * IMAGES)
        found = make_preprocessing(mode).apply(IMAGES)
        np.testing.assert_allclose(found, expected, atol=2e-4, err_msg=name)
        undone = make_preprocessing(mode).undo(found)
        np.testing.assert_allclose(undone, IMAGES, atol=1e-5)


def test_parts_are_applied_in_the_order_that_is_told():
    fed = make_preprocessing(
        pixel_range=(0, 255), mean=(1, 2, 3), deviation=(2, 4, 8), channel_order="bgr"
    )
    expected = (255 * IMAGES[..., ::-1] - [1, 2, 3]) / [2, 4, 8]
    np.testing.assert_allclose(fed.apply(IMAGES), expected, rtol=1e-5)
    gray = make_preprocessing(mean=[0.5], deviation=[0.25])
    np.testing.assert_allclose(gray.apply(IMAGES[..., :1]), 4 * IMAGES[..., :1] - 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "cafe"}, "'cafe'"),
        ({"mode": "caffe", "mean": [1]}, "Leave out either"),
        ({"channel_order": "gbr"}, "'gbr'"),
        ({"mean": [1, 2]}, "three channels"),
        ({"deviation": [0]}, "divided"),
        ({"pixel_range": (1, 1)}, "below the highest"),
    ],
)
def test_preprocessing_that_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_preprocessing(**options)


def test_gray_images_have_no_mean_of_colors():
    with pytest.raises(ValueError, match="3 channels"):
        make_preprocessing("torch").apply(IMAGES[..., :1])


@pytest.mark.parametrize("mode", FAMILIES)
def test_a_folder_is_read_as_the_network_takes_it(folder, mode):
    plain = load_dataset(f"folder:{folder}", image_size=None)
    fed = load_dataset(f"folder:{folder}", image_size=None, preprocessing=mode)
    expected = make_preprocessing(mode).apply(plain.images)
    np.testing.assert_array_equal(fed.images, expected)
    assert fed.labels.tolist() == plain.labels.tolist()


@pytest.mark.parametrize("mode", FAMILIES)
def test_a_network_with_its_preprocessing_takes_pixels(mode):
    bare = network()
    model = include_preprocessing(bare, mode)
    if mode == "raw":
        fed = 255 * IMAGES
    else:
        fed = keras.applications.imagenet_utils.preprocess_input(
            255 * IMAGES, mode=mode
        )
    expected = bare.predict(fed, verbose=0)
    np.testing.assert_allclose(
        model.predict(IMAGES, verbose=0), expected, rtol=1e-3, atol=1e-3
    )


def test_attributions_are_of_pixels():
    bare, fed = network(), make_preprocessing("caffe")
    model = include_preprocessing(bare, fed)
    of_pixels = gradient(model, logit(0), IMAGES).values
    of_fed = gradient(bare, logit(0), fed.apply(IMAGES)).values
    np.testing.assert_allclose(of_pixels, 255 * of_fed[..., ::-1], rtol=1e-3, atol=1e-4)


def test_layers_keep_their_names_and_are_called_as_often():
    inputs = keras.Input((8, 8, 3))
    inner = keras.Sequential([keras.layers.Conv2D(3, 1, name="twice")], name="inner")
    scaled = keras.layers.Rescaling(0.5, name="preprocessing")(inputs)
    values = keras.layers.Flatten()(inner(inner(scaled)))
    bare = keras.Model(inputs, keras.layers.Dense(2, name="head")(values))
    model = include_preprocessing(bare, "tf")
    assert set(layer_paths(bare)) < set(layer_paths(model))
    fed = make_preprocessing("tf").apply(IMAGES)
    expected = bare.predict(fed, verbose=0)
    np.testing.assert_allclose(
        model.predict(IMAGES, verbose=0), expected, rtol=1e-4, atol=1e-5
    )
    assert len(model.weights) == len(bare.weights)


def test_maps_are_pictures():
    model = include_preprocessing(network(), "caffe")
    maps = maximize(model, channel("conv", 1), num_steps=3)
    assert maps.image.min() >= 0 and maps.image.max() <= 1


def test_a_study_has_the_preprocessing_in_its_network(folder):
    bare = network()
    study = open_study(f"folder:{folder}", model=bare, preprocessing="torch")
    images = study.dataset.images
    assert images.min() >= 0 and images.max() <= 1
    expected = bare.predict(make_preprocessing("torch").apply(images), verbose=0)
    found = study.model.predict(images, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(ValueError, match="brought along"):
        open_study("synthetic_faces", preprocessing="torch")


def test_a_range_alone_is_told_from_more():
    assert Preprocessing((0.0, 255.0)).is_range
    assert not make_preprocessing("torch").is_range
