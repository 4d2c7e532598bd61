"""Heat maps from attributions, and the class that is to be explained."""

import numpy as np
import pytest
import xarray as xr

from happymaps.attribution.heatmaps import heatmap
from happymaps.attribution.methods.gradients import gradient
from happymaps.attribution.predictions import predicted_objectives
from happymaps.maps.objectives import logit, unit

VALUES = np.array([[[[1.0, -3, 1]], [[-2, 0, -1]]]], np.float32)


@pytest.fixture
def attributions():
    return xr.DataArray(
        VALUES,
        {"score": ("image", [0.5])},
        ("image", "y", "x", "color"),
        "attributions",
        {"method": "gradient"},
    )


@pytest.mark.parametrize(
    ("reduce", "expected"),
    [("absolute", [5, 3]), ("signed", [-1, -3]), ("positive", [2, 0])],
)
def test_channels_are_summed(attributions, reduce, expected):
    found = heatmap(attributions, reduce=reduce)
    np.testing.assert_array_equal(found[0, :, 0], expected)
    assert found.dims == ("image", "y", "x")
    assert found.dtype == np.float32
    assert found.name == "heatmap"
    assert found.attrs == {"method": "gradient", "reduce": reduce}
    assert found.score.values.tolist() == [0.5]
    assert attributions.attrs == {"method": "gradient"}


def test_absolute_is_the_default(attributions):
    xr.testing.assert_identical(
        heatmap(attributions), heatmap(attributions, reduce="absolute")
    )


def test_a_table_has_no_channels_to_sum(keras):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1, name="out")(inputs))
    model.set_weights([np.array([[1.0], [-2], [0]]), np.zeros(1)])
    found = heatmap(gradient(model, unit("out", 0), np.zeros((2, 3))))
    np.testing.assert_array_equal(found, [[1, 2, 0]] * 2)
    assert found.dims == ("image", "feature")


def test_what_is_no_attribution_is_refused(attributions):
    with pytest.raises(ValueError, match="'absolute', 'signed', 'positive'"):
        heatmap(attributions, reduce="squared")
    with pytest.raises(TypeError, match="Received: ndarray"):
        heatmap(VALUES)


# -------------------------------------------------------------------- predicted classes


@pytest.mark.parametrize("activation", [None, "softmax", "sigmoid"])
def test_the_most_probable_class_is_explained(dense_network, activation):
    # The logits are the first three pixels.
    model = dense_network(np.eye(64, 3), activation=activation)
    images = np.zeros((3, 8, 8, 1), np.float32)
    images[:, 0, :3, 0] = [[1, 3, 2], [0, -1, -2], [40, 50, 60]]  # saturated: 1, 1, 1
    found = predicted_objectives(model, images)
    assert found == [logit(1), logit(0), logit(2)]


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_a_single_output_speaks_for_two_classes(dense_network, activation):
    model = dense_network(np.eye(64, 1), activation=activation)
    images = np.zeros((2, 8, 8, 1), np.float32)
    images[:, 0, 0, 0] = [0.5, -0.5]
    found = predicted_objectives(model, images)
    assert found == [logit(0), -logit(0)]
    explained = gradient(model, found, images)
    np.testing.assert_allclose(explained.score, [0.5, 0.5])
    np.testing.assert_allclose(explained[:, 0, 0, 0], [1, -1])


def test_another_output_than_classes_is_refused(keras, images):
    inputs = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(2, 3)(inputs)
    with pytest.raises(ValueError, match=r"output shape \(None, 6, 6, 2\)"):
        predicted_objectives(keras.Model(inputs, maps), images)
