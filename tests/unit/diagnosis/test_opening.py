"""A few of many classes: folders whose names begin with the numbers of outputs."""

import numpy as np
import pytest
from PIL import Image

from happymaps.diagnosis.opening import open_classifier
from happymaps.networks.batches import run
from happymaps.networks.models import build_cnn, save_model


@pytest.fixture
def network(tmp_path):
    model = build_cnn((12, 12, 1), 6, filters=(3,), dense_units=(4,))
    return model, str(save_model(model, tmp_path / "network.keras"))


def folder_of(tmp_path, *names) -> str:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 12), np.uint8)
    for name in names:
        (tmp_path / "images" / name).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "images" / name / "a.png")
    return f"folder:{tmp_path / 'images'}"


def test_network_is_cut_to_the_classes_that_the_folders_name(tmp_path, network):
    model, path = network
    found, images = open_classifier(path, folder_of(tmp_path, "1 cat", "4_cup", "5"))
    assert images.class_names == ("1 cat", "4_cup", "5")
    expected = run(model, images.images)[:, [1, 4, 5]]
    expected = expected / expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(run(found, images.images), expected, rtol=1e-4)


@pytest.mark.parametrize("names", [("cat", "cup"), ("1 cat", "6 cup"), ("1", "cup")])
def test_folders_that_name_no_outputs_are_told_how(tmp_path, network, names):
    with pytest.raises(ValueError, match="begin with the number of its output"):
        open_classifier(network[1], folder_of(tmp_path, *names))


def test_folder_twice_of_a_class_is_refused(tmp_path, network):
    with pytest.raises(ValueError, match="each once"):
        open_classifier(network[1], folder_of(tmp_path, "1 cat", "1 dog"))
