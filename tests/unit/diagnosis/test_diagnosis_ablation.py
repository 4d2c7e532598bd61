"""What is lost without a unit, against networks whose weights were set to 0 by hand."""

import numpy as np
import pandas as pd
import pytest

from happymaps.datasets import Dataset
from happymaps.diagnosis.units.ablation import ablate, ablate_sets
from happymaps.diagnosis.units.pruning import prune, pruning_order, smallest_share


def dataset_of(images, classes=2):
    labels = np.arange(len(images)) % classes
    names = tuple(f"class {index}" for index in range(classes))
    return Dataset("planted", images, labels, names, pd.DataFrame(index=labels))


@pytest.fixture(scope="module")
def data():
    # More than one batch of 128.
    rng = np.random.default_rng(7)
    return dataset_of(rng.random((150, 8, 8, 1)).astype(np.float32))


@pytest.fixture(scope="module")
def rgb_data():
    rng = np.random.default_rng(7)
    return dataset_of(rng.random((20, 8, 8, 3)).astype(np.float32))


def loss_of(keras, model, data, from_logits):
    outputs = model.predict(data.images, verbose=0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    return float(loss(data.labels, outputs)), np.mean(outputs.argmax(1) == data.labels)


def with_weights(keras, model, layer, change):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    target = copy
    for name in layer.split("/"):
        target = target.get_layer(name)
    weights = target.get_weights()
    change(weights)
    target.set_weights(weights)
    return copy


@pytest.mark.parametrize("channel", [0, 1])
def test_silent_filter_is_a_filter_of_zeros(keras, sobel_network, data, channel):
    def silence(weights):
        weights[0][..., channel] = 0
        weights[1][channel] = 0

    other = with_weights(keras, sobel_network, "edges", silence)
    whole = loss_of(keras, sobel_network, data, True)
    silent = loss_of(keras, other, data, True)
    found = ablate(sobel_network, data, "edges", [[channel]])
    assert found.loss == pytest.approx(whole[0], rel=1e-5)
    assert found.accuracy == pytest.approx(whole[1])
    assert found.loss_change[0] == pytest.approx(silent[0] - whole[0], rel=1e-4)
    assert found.accuracy_change[0] == pytest.approx(silent[1] - whole[1])


def test_filters_of_a_nested_network_are_found_two_levels_deep(
    keras, nested_network, rgb_data
):
    def forget(weights):
        weights[0][2] = 0

    other = with_weights(keras, nested_network, "logits", forget)
    whole = loss_of(keras, nested_network, rgb_data, False)
    silent = loss_of(keras, other, rgb_data, False)
    found = ablate(nested_network, rgb_data, "relu", [[2], []])
    expected = silent[0] - whole[0]
    assert expected != 0
    np.testing.assert_allclose(found.loss_change, [expected, 0], rtol=1e-3)


def test_layers_beside_and_behind_each_other_are_silenced_together(keras, data):
    inputs = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(inputs)
    first = keras.layers.Dense(2, name="first")(flat)
    second = keras.layers.Dense(2, name="second")(first)
    beside = keras.layers.Dense(2, name="beside")(flat)
    total = keras.layers.Add()([second, beside, first])
    model = keras.Model(inputs, keras.layers.Activation("softmax")(total))
    for name in ("first", "second", "beside"):
        kernel, bias = model.get_layer(name).get_weights()
        model.get_layer(name).set_weights([kernel, bias + 0.5])
    found = ablate_sets(
        model, data, [{"first": [0, 1], "beside": [0, 1]}, {"second": [0], "first": []}]
    )
    # With `first` and `beside` silent, `second` gives its bias: both classes alike.
    assert found.loss + found.loss_change[0] == pytest.approx(np.log(2), rel=1e-6)

    def silence(weights):
        weights[0][:, 0] = 0
        weights[1][0] = 0

    other = with_weights(keras, model, "second", silence)
    expected = loss_of(keras, other, data, False)[0]
    assert found.loss + found.loss_change[1] == pytest.approx(expected, rel=1e-5)


def test_layer_that_is_called_twice_is_silent_at_each_call(keras, data):
    inputs = keras.Input((8, 8, 1))
    twice = keras.layers.Dense(64, name="twice")
    flat = keras.layers.Flatten()(inputs)
    head = keras.layers.Dense(2, name="head")
    model = keras.Model(inputs, head(twice(twice(flat))))
    found = ablate(model, data, "twice", [range(64)])
    # Nothing reaches the head, whose bias is 0.
    assert found.loss + found.loss_change[0] == pytest.approx(np.log(2), rel=1e-6)


@pytest.mark.parametrize("activation", ["linear", "sigmoid"])
def test_one_output_for_two_classes_has_the_loss_of_keras(keras, data, activation):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(3, name="hidden"),
            keras.layers.Dense(1, activation=activation, name="out"),
        ]
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=activation == "linear")
    outputs = model.predict(data.images, verbose=0)
    expected = float(loss(data.labels[:, None].astype(np.float32), outputs))
    found = ablate(model, data, "hidden", [[0, 1, 2]])
    assert found.loss == pytest.approx(expected, rel=1e-4)
    assert found.loss + found.loss_change[0] == pytest.approx(np.log(2), rel=1e-6)


def test_network_stays_as_it_was(nested_network, rgb_data, network_state):
    before = network_state(nested_network)
    ablate(nested_network, rgb_data, "relu", [[0], [1, 2]])
    assert network_state(nested_network) == before


def test_data_without_an_output_for_each_class_is_refused(sobel_network, data):
    with pytest.raises(ValueError, match="an output for each of the 3 classes"):
        ablate(sobel_network, dataset_of(data.images, 3), "edges", [[0]])


# ------------------------------------------------------------------------------ pruning


def diagnosis_of(kinds, changes, layers=None):
    xr = pytest.importorskip("xarray")
    count = len(kinds)
    return xr.Dataset(
        {"kind": ("unit", kinds), "ablation_loss_change": ("unit", changes)},
        {
            "layer": ("unit", layers or ["edges"] * count),
            "channel": ("unit", np.arange(count)),
        },
    )


def test_order_is_dead_then_duplicates_then_noise_then_least_use():
    kinds = ["edge", "noise", "dead", "texture", "duplicate", "noise"]
    changes = [0.1, 0.9, 0.0, 0.05, 2.0, 0.3]
    found = pruning_order(diagnosis_of(kinds, changes))
    assert found.tolist() == [2, 4, 5, 1, 3, 0]


def test_pruning_silences_the_first_of_an_order_together(sobel_network, data):
    table = diagnosis_of(["edge", "edge"], [0.0, 0.0])
    orders = [np.array([0, 1]), np.array([1, 0])]
    found = prune(sobel_network, data, table, orders, [0, 1, 2])
    singles = ablate(sobel_network, data, "edges", [[0], [1], [0, 1]])
    accuracies = singles.accuracy + np.r_[0, singles.accuracy_change]
    np.testing.assert_allclose(found[0], accuracies[[0, 1, 3]])
    np.testing.assert_allclose(found[1], accuracies[[0, 2, 3]])


def test_smallest_share_stops_at_the_first_fall_of_more_than_one_per_cent():
    kept = np.array([1, 0.75, 0.5, 0.25, 0])
    assert smallest_share(kept, np.array([0.9, 0.9, 0.89, 0.8, 0.9])) == 0.5
    assert smallest_share(kept, np.array([0.9, 0.8, 0.9, 0.9, 0.9])) == 1
    assert smallest_share(kept, np.full(5, 0.5)) == 0
