"""Networks of several inputs, all but one held."""

import numpy as np
import pytest

from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import unit
from happymaps.maps.scoring import score_images
from happymaps.networks.held_inputs import hold_inputs


@pytest.fixture(params=["list", "dict"])
def three_inputs(request, keras):
    """Return 2 x picture + 3 age - code, summed up by a unit `out`."""
    picture = keras.Input((2, 2, 1), name="picture")
    age = keras.Input((3,), name="age")
    code = keras.Input((1,), dtype="int32", name="code")
    number = keras.layers.Embedding(4, 1, name="table")(code)
    parts = [keras.layers.Flatten()(part) for part in (picture, age, number)]
    out = keras.layers.Dense(1, name="out")
    inputs = {"picture": picture, "age": age, "code": code}
    inputs = inputs if request.param == "dict" else list(inputs.values())
    model = keras.Model(inputs, out(keras.layers.Concatenate()(parts)), name="three")
    out.set_weights([np.array([[2.0]] * 4 + [[3.0]] * 3 + [[-1.0]]), np.zeros(1)])
    model.get_layer("table").set_weights([np.array([[0.0], [10], [20], [30]])])
    return model


def test_the_held_inputs_have_their_values(three_inputs):
    model = hold_inputs(three_inputs, {"age": [1, 2, 3], "code": 2})
    images = np.arange(8.0).reshape(2, 2, 2, 1)
    # 2 x sum of the picture, 3 x 6, less 20.
    np.testing.assert_allclose(model(images)[:, 0], [12 + 18 - 20, 44 + 18 - 20])


def test_any_input_can_be_the_free_one(three_inputs):
    model = hold_inputs(three_inputs, {"picture": 0.5, "code": 0})
    assert model.input_shape == (None, 3)
    np.testing.assert_allclose(model(np.ones((1, 3)))[0, 0], 2 * 2 + 9)


def test_weights_are_shared_and_the_network_stays(three_inputs, network_state):
    before = {k: v for k, v in network_state(three_inputs).items() if k != "calls"}
    model = hold_inputs(three_inputs, {"age": 0, "code": 0})
    after = {k: v for k, v in network_state(three_inputs).items() if k != "calls"}
    assert before == after
    three_inputs.get_layer("out").bias.assign([100.0])
    assert model(np.zeros((1, 2, 2, 1)))[0, 0] == 100


def test_a_held_network_is_climbed(three_inputs):
    model = hold_inputs(three_inputs, {"age": 1, "code": 1})
    maps = maximize(
        model, unit("out", 0), regularizers=(), num_steps=20, learning_rate=0.1
    )
    np.testing.assert_array_equal(maps.image[0, 0], np.ones((2, 2, 1)))
    assert maps.score_end.item() == 2 * 4 + 9 - 10
    np.testing.assert_array_equal(
        score_images(model, unit("out", 0), maps.image[0].values), maps.score_end
    )


def test_a_held_network_is_saved_and_loaded(keras, three_inputs, tmp_path):
    model = hold_inputs(three_inputs, {"age": [1, 2, 3], "code": 3})
    model.save(tmp_path / "held.keras")
    loaded = keras.models.load_model(tmp_path / "held.keras")
    images = np.random.default_rng(0).random((2, 2, 2, 1))
    np.testing.assert_array_equal(loaded(images), model(images))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"agee": 1}, r"Unknown input 'agee'\. Did you mean 'age'\? Expected one"),
        ({"age": 1}, r"all inputs but one of .*picture.*\. Received: age\. Give 2"),
        ({}, r"Received: none\. Give 2"),
        ({"age": 1, "code": 1, "picture": 1}, r"all inputs but one"),
        ({"age": [1, 2], "code": 0}, r"'age' takes.*\(3,\).*Received: shape \(2,\)"),
        ({"age": "old", "code": 0}, r"'age' takes a number or an array"),
    ],
)
def test_values_that_do_not_fit_are_refused(three_inputs, values, message):
    with pytest.raises(ValueError, match=message):
        hold_inputs(three_inputs, values)


def test_an_open_size_cannot_be_held(keras):
    left, right = keras.Input((None, 1), name="left"), keras.Input((4, 1), name="right")
    pooled = [keras.layers.GlobalAveragePooling1D()(part) for part in (left, right)]
    model = keras.Model([left, right], keras.layers.Add()(pooled))
    with pytest.raises(ValueError, match=r"'left' has an open size, \(None, 1\)"):
        hold_inputs(model, {"left": 1})
