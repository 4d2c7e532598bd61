"""Units taken out of a network by hand, and kinds counted."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from happymaps.datasets import Dataset
from happymaps.diagnosis.behavior.pruning_effects import measure_removal, without_units
from happymaps.diagnosis.behavior.unit_counts import count_units
from happymaps.diagnosis.description import layer_sizes
from happymaps.diagnosis.sampling import choose_images


@pytest.fixture(scope="module")
def network(keras):
    """Return a dense layer of 5 units: mean, dead, 3 times the mean, zero, first pixel.

    The head reads units 0, 2 and 4; class 1 where the mean is above a half.
    """
    inputs = keras.Input((4, 4, 1))
    flat = keras.layers.Flatten()(inputs)
    hidden = keras.layers.Dense(5, activation="relu", name="hidden")
    head = keras.layers.Dense(2, activation="softmax", name="head")
    model = keras.Model(inputs, head(hidden(flat)))
    kernel = np.zeros((16, 5))
    kernel[:, 0], kernel[:, 1], kernel[:, 2], kernel[0, 4] = 1 / 16, -1, 3 / 16, 1
    hidden.set_weights([kernel, np.array([0, -1, 0, 0, 0.0])])
    reading = np.zeros((5, 2))
    reading[:, 1] = [10, 7, 10, 7, 0.0]
    head.set_weights([reading, np.array([20.0, 0])])
    return model


@pytest.fixture(scope="module")
def dataset():
    levels = np.repeat([0.25, 0.75], 6)
    images = np.broadcast_to(levels[:, None, None, None], (12, 4, 4, 1))
    return Dataset(
        "levels", images.astype(np.float32), (levels > 0.5).astype(int),
        ("dark", "bright"), pd.DataFrame(index=range(12)),
    )  # fmt: skip


def make_table(kinds, doubles, layer="hidden"):
    count = len(kinds)
    variables = {
        "kind": ("unit", list(kinds)),
        "reason": ("unit", ["because"] * count),
        "duplicate_of": ("unit", [doubles.get(i, "") for i in range(count)]),
        "ablation_loss_change": ("unit", np.arange(count, dtype=float)),
    }
    coordinates = {
        "layer": ("unit", [layer] * count),
        "channel": ("unit", np.arange(count)),
    }
    return xr.Dataset(variables, coordinates)


TABLE = ("stable pattern", "dead", "duplicate", "dead", "noise")


def test_dead_and_double_units_go_without_changing_any_prediction(network, dataset):
    units = make_table(TABLE, {2: "hidden[0]"})
    found = measure_removal(network, units, dataset)
    (row,) = found["layers"]
    assert (row["dead"], row["doubles"], row["num_kept"]) == ([1, 3], [2], 2)
    assert found["accuracy"] == row["accuracy_after"] == 1
    assert row["changed"] == 0
    assert row["control_accuracy"] is None  # three to take, two left
    assert found["together"] == {"num_units": 3, "accuracy_after": 1, "changed": 0}


def test_a_double_is_folded_into_its_original_with_the_factor_between_them():
    change = without_units([1], {2: (0, 3.0)})
    found = change(np.array([[2, 5, 7, 1, 4]], np.float32)).numpy()
    assert found.tolist() == [[2, 0, 6, 1, 4]]


def test_units_that_only_look_dead_are_found_to_be_needed(network, dataset):
    units = make_table(("dead", "noise", "dead", "noise", "noise"), {})
    (row,) = measure_removal(network, units, dataset)["layers"]
    # Without both means all images are dark.
    assert row["accuracy_after"] == 0.5 and row["changed"] == 0.5
    assert row["control_accuracy"] == 1


def test_a_double_of_what_is_dead_or_double_itself_is_kept(network, dataset):
    units = make_table(
        ("duplicate", "dead", "duplicate", "duplicate", "noise"),
        {0: "hidden[2]", 2: "hidden[4]", 3: "hidden[1]"},
    )
    (row,) = measure_removal(network, units, dataset)["layers"]
    assert (row["dead"], row["doubles"]) == ([1], [2])


def test_units_of_an_activation_layer_go_after_it_and_not_before(keras, dataset):
    inputs = keras.Input((4, 4, 1))
    deep = keras.layers.DepthwiseConv2D(4, name="deep")(inputs)
    shifted = keras.layers.BatchNormalization(name="normal")(deep)
    off = keras.layers.ReLU(name="off")(shifted)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(off)))
    model.get_layer("deep").set_weights([np.full((4, 4, 1, 1), 1 / 16), np.zeros(1)])
    normal = model.get_layer("normal")
    normal.set_weights([np.array([x]) for x in (1, 1, 0, 1 - normal.epsilon)])
    # The output is the mean and 1; above 1.5 the image is bright.
    model.layers[-1].set_weights([np.array([[0, 1.0]]), np.array([1.5, 0])])
    units = make_table(("dead",), {}, layer="off")
    (row,) = measure_removal(model, units, dataset)["layers"]
    # Without the 1 that the normalization adds all images are dark.
    assert row["accuracy_after"] == row["changed"] == 0.5


def test_nothing_to_take_out_is_an_empty_list(network, dataset):
    units = make_table(("noise",) * 5, {})
    assert measure_removal(network, units, dataset)["layers"] == []


def test_kinds_are_counted_by_layer_in_their_order(network):
    units = make_table(("noise", "dead", "dead", "cannot tell", "edge"), {})
    found = count_units(units, layer_sizes(network, units))
    assert list(found["kinds"].items()) == [
        ("dead", 2), ("edge", 1), ("noise", 1), ("cannot tell", 1)
    ]  # fmt: skip
    (layer,) = found["layers"]
    assert (layer["num_examined"], layer["num_units"]) == (5, 5)
    assert layer["median_loss_change"] == 0  # of the one whose map is noise
    assert (found["num_mapped"], found["num_untold"]) == (5, 0)
    assert found["reasons"] == {"because": 1}


def test_units_without_maps_are_counted_by_what_they_do(network):
    units = make_table(("noise", "dead", "dead", "cannot tell", "edge"), {})
    units = units.assign_coords(map=("map", [0, 2, 4]))
    found = count_units(units, layer_sizes(network, units))
    assert (found["num_examined"], found["num_mapped"]) == (5, 3)
    assert (found["num_untold"], found["reasons"]) == (1, {})
    assert found["kinds"]["dead"] == 2 and found["layers"][0]["num_mapped"] == 3


def test_images_are_chosen_alike_from_each_class_where_asked():
    labels = np.array([0] * 90 + [1] * 10)
    chosen = choose_images(labels, 20, 0, alike=True)
    assert len(set(chosen.tolist())) == 20
    assert np.bincount(labels[chosen]).tolist() == [10, 10]
    more = choose_images(labels, 50, 0, alike=True)
    assert np.bincount(labels[more]).tolist() == [40, 10]
    assert sorted(choose_images(labels, 200, 0).tolist()) == list(range(100))
