"""Which layers are looked into by default: where a unit can be said to be off."""

import pytest

from happymaps.diagnosis.units.layer_choice import choose_layers, is_gate, source_layer


@pytest.fixture(scope="module")
def network(keras):
    """Return convolutions in all the ways that activations are written."""
    layers = keras.layers
    inner_inputs = keras.Input((8, 8, 2))
    inner = layers.Conv2D(2, 1, name="inside")(inner_inputs)
    inner = layers.BatchNormalization()(inner)
    inner = layers.Activation("relu", name="inside_relu")(inner)
    core = keras.Model(inner_inputs, inner, name="core")
    inputs = keras.Input((8, 8, 1))
    first = layers.Conv2D(2, 3, padding="same", use_bias=False, name="normalized")
    values = layers.BatchNormalization()(first(inputs))
    values = layers.ReLU(name="normalized_relu")(values)
    values = layers.Conv2D(2, 1, activation="relu", name="own")(values)
    values = core(values)
    branch = layers.Conv2D(2, 1, name="added")(values)
    values = layers.ReLU(name="after_sum")(layers.Add()([values, branch]))
    values = layers.Flatten()(values)
    values = layers.LeakyReLU(name="leaky")(layers.Dense(3, name="hidden")(values))
    values = layers.Dense(2, name="logits")(values)
    return keras.Model(inputs, layers.Softmax(name="softmax")(values))


def test_each_layer_is_looked_at_behind_an_activation_of_its_own(network):
    assert choose_layers(network, None) == [
        "normalized_relu", "own", "core/inside_relu", "added", "leaky", "logits"
    ]  # fmt: skip


def test_layers_that_are_named_are_taken_as_they_are(network):
    assert choose_layers(network, ["inside", "hidden"]) == ["core/inside", "hidden"]
    with pytest.raises(ValueError, match="one layer to look at"):
        choose_layers(network, [])


def test_an_activation_layer_leads_back_to_its_convolution(network):
    assert source_layer(network, "normalized_relu") == "normalized"
    assert source_layer(network, "core/inside_relu") == "core/inside"
    assert source_layer(network, "after_sum") == "after_sum"


def test_a_shared_activation_belongs_to_no_layer(keras):
    shared = keras.layers.ReLU(name="shared")
    inputs = keras.Input((4, 4, 1))
    values = shared(keras.layers.Conv2D(2, 1, name="a")(inputs))
    values = shared(keras.layers.Conv2D(2, 1, name="b")(values))
    model = keras.Model(inputs, values)
    assert choose_layers(model, None) == ["a", "b"]


def test_a_gate_can_switch_a_unit_off(network, keras):
    names = ("normalized_relu", "own", "leaky")
    assert all(is_gate(network.get_layer(name)) for name in names)
    assert not is_gate(network.get_layer("softmax"))
    assert not is_gate(keras.layers.Activation("sigmoid"))
