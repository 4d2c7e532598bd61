"""Images that do not fit a network: the advice, followed, makes them fit."""

import re

import numpy as np
import pytest

from happymaps.backend import keras
from happymaps.networks.checks import check_images


def network(*shape: int) -> keras.Model:
    return keras.Sequential([keras.Input(shape), keras.layers.Flatten()])


@pytest.mark.parametrize(
    ("expected", "received"),
    [
        ((8, 9, 1), (8, 9, 1)),
        ((8, 9, 3), (8, 9, 3)),
        ((8, 9, 3), (1, 4, 8, 9, 3)),
        ((8, 9, 1), (4, 8, 9)),
        ((8, 9, 1), (8, 9)),
        ((8, 9, 3), (4, 3, 8, 9)),
        ((8, 9, 3), (4, 8, 9, 1)),
        ((8, 9, 1), (4, 8, 9, 3)),
        ((8, 9, 3), (4, 8, 9, 4)),
        ((7,), (7,)),
        ((7, 1), (4, 7)),
        ((7, 1), (7,)),
        ((7, 1), (7, 1)),
    ],
)
def test_advice_makes_the_array_fit(expected, received):
    array, model = np.zeros(received), network(*expected)
    with pytest.raises(ValueError, match=re.escape(f"Received: {received}")) as caught:
        check_images(model, array)
    code = re.search(r"(?:: |take )([a-z].*?[\])])(?:\.$|,)", str(caught.value))[1]
    names = dict.fromkeys(("image", "images", "input", "inputs"), array)
    check_images(model, eval(code, {"np": np, **names}))


def test_gray_images_without_channels_are_advised_for_three_channels():
    with pytest.raises(ValueError, match=r"images\[\.\.\., None\], and np\.repeat"):
        check_images(network(8, 9, 3), np.zeros((4, 8, 9)))


@pytest.mark.parametrize("received", [(4, 9, 8, 1), (4, 16, 18, 1), (4,)])
def test_images_of_another_size_are_to_be_loaded_so(received):
    with pytest.raises(ValueError, match=r"image_size=\(8, 9\), channels=1"):
        check_images(network(8, 9, 1), np.zeros(received))
