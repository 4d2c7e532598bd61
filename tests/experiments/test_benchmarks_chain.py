"""Translation of networks into a plain list of layers."""

import pytest

from experiments.benchmarks.measures.chain import describe_chain


def test_layers_are_described_in_order_with_what_decides_their_values(keras):
    inputs = keras.Input((9, 8, 1), name="images")
    values = keras.layers.Conv2D(2, 3, strides=(2, 1), use_bias=False, name="c")(inputs)
    values = keras.layers.ReLU(max_value=6.0, name="r")(values)
    values = keras.layers.MaxPooling2D(2, padding="same", name="p")(values)
    values = keras.layers.Dropout(0.25, name="d")(
        keras.layers.Flatten(name="f")(values)
    )
    values = keras.layers.Dense(3, activation="softmax", name="out")(values)
    chain = describe_chain(keras.Model(inputs, values))
    assert chain == [
        {"kind": "InputLayer", "name": "images", "shape": [9, 8, 1]},
        {
            **{"kind": "Conv2D", "name": "c", "filters": 2, "kernel_size": (3, 3)},
            **{"strides": (2, 1), "padding": "valid", "dilation_rate": (1, 1)},
            **{"groups": 1, "activation": "linear", "use_bias": False},
        },
        {
            **{"kind": "ReLU", "name": "r", "max_value": 6.0},
            **{"negative_slope": 0.0, "threshold": 0.0},
        },
        {
            **{"kind": "MaxPooling2D", "name": "p", "pool_size": (2, 2)},
            **{"strides": (2, 2), "padding": "same"},
        },
        {"kind": "Flatten", "name": "f"},
        {"kind": "Dropout", "name": "d", "rate": 0.25},
        {
            **{"kind": "Dense", "name": "out", "units": 3},
            **{"activation": "softmax", "use_bias": True},
        },
    ]


def test_sequential_network_is_described_like_a_functional_one(sequential_network):
    chain = describe_chain(sequential_network)
    assert [layer["kind"] for layer in chain] == [
        *("InputLayer", "Conv2D", "Flatten", "Dense")
    ]
    assert chain[0]["shape"] == [8, 8, 1]


def test_layer_of_another_kind_is_refused_by_name(sobel_network):
    with pytest.raises(ValueError, match=r"Received: 'pool', a GlobalAveragePooling2D"):
        describe_chain(sobel_network)


def test_activation_of_another_kind_is_refused(keras):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(1, activation="gelu", name="g")]
    )
    with pytest.raises(ValueError, match="Received: 'g' with 'gelu'"):
        describe_chain(model)


def test_channels_first_is_refused(keras):
    pool = keras.layers.MaxPooling2D(data_format="channels_first", name="p")
    model = keras.Sequential([keras.Input((1, 4, 4)), pool])
    with pytest.raises(ValueError, match="data_format='channels_first'"):
        describe_chain(model)


def test_branches_are_refused(keras):
    inputs = keras.Input((4,))
    first = keras.layers.Dense(2, name="first")(inputs)
    second = keras.layers.Dense(2, name="second")(inputs)
    both = keras.Model(inputs, [first, second])
    with pytest.raises(ValueError, match=r"chains.*'second'"):
        describe_chain(both)


def test_shared_layer_is_refused(keras):
    inputs = keras.Input((4,))
    twice = keras.layers.Dense(4, name="twice")
    with pytest.raises(ValueError, match=r"chains.*'twice'"):
        describe_chain(keras.Model(inputs, twice(twice(inputs))))


def test_open_input_size_is_refused(keras):
    model = keras.Sequential([keras.Input((None, 4, 1)), keras.layers.Conv2D(1, 2)])
    with pytest.raises(ValueError, match="one input of fixed size"):
        describe_chain(model)
