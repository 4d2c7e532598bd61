"""Features of a layer: averages over positions, in one pass, kept by fingerprint."""

import numpy as np
import pytest

import happymaps as hm
from happymaps.backend import keras
from happymaps.base import paths
from happymaps.networks import features as module
from happymaps.networks.models import build_cnn, randomize_weights

IMAGES = np.random.default_rng(0).random((5, 24, 20, 1), np.float32)


@pytest.fixture(scope="module")
def network():
    return build_cnn((24, 20, 1), 2, filters=(3, 4), dense_units=(5,))


@pytest.fixture(autouse=True)
def data_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "data_root", lambda: tmp_path)


def test_maps_are_averaged_over_their_positions(network):
    maps = keras.Model(network.input, network.get_layer("conv2_2").output)(IMAGES)
    found = hm.deep_features(network, IMAGES, "conv2_2")
    assert found.shape == (5, 4)
    np.testing.assert_allclose(found, maps.numpy().mean(axis=(1, 2)), atol=1e-6)


def test_units_are_taken_as_they_are(network):
    units = keras.Model(network.input, network.get_layer("dense_1").output)(IMAGES)
    found = hm.deep_features(network, IMAGES, "dense_1")
    np.testing.assert_allclose(found, units.numpy(), atol=1e-6)


def test_several_layers_are_those_that_each_is_alone(network):
    layers = ["conv2d_1", "conv2_2", "dense_1", "conv2d_1"]
    found = hm.deep_features(network, IMAGES, layers)
    assert [each.shape[1] for each in found] == [3, 4, 5, 3]
    for layer, each in zip(layers, found, strict=True):
        alone = hm.deep_features(network, IMAGES, layer)
        np.testing.assert_allclose(each, alone, atol=1e-6)


def test_features_of_an_image_do_not_hang_on_those_beside_it(network):
    together = hm.deep_features(network, IMAGES, "dense_1")
    alone = [hm.deep_features(network, image[None], "dense_1") for image in IMAGES]
    np.testing.assert_allclose(np.concatenate(alone), together, atol=1e-5)


def test_kept_features_are_found_again_for_the_same_network_and_images_only(
    network, monkeypatch, tmp_path
):
    layers = ["conv2_2", "dense_1"]
    first = hm.deep_features(network, IMAGES, layers, keep=True)
    (file,) = (tmp_path / "processed" / "features").iterdir()
    assert not file.name.startswith(".")
    computed = []
    real = module._compute
    monkeypatch.setattr(
        module, "_compute", lambda *given: computed.append(given) or real(*given)
    )
    again = hm.deep_features(network, IMAGES, layers, keep=True)
    assert not computed
    for old, new in zip(first, again, strict=True):
        np.testing.assert_array_equal(old, new)
    others = [
        (network, IMAGES[::-1], layers),
        (network, IMAGES, layers[::-1]),
        (randomize_weights(network), IMAGES, layers),
    ]
    for given in others:
        hm.deep_features(*given, keep=True)
    assert len(computed) == len(others)


@pytest.mark.parametrize(
    ("images", "layer", "message"),
    [
        (IMAGES, "conv9", "conv2_2"),
        (IMAGES[:, :5], "conv2_2", "The network takes images of shape"),
    ],
)
def test_what_does_not_fit_is_said(network, images, layer, message):
    with pytest.raises(ValueError, match=message):
        hm.deep_features(network, images, layer)
