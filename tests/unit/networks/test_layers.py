"""Finding layers at any depth, and what a cut network gives."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from happymaps.networks.inspection import (
    activation_name,
    convolution_layers,
    dense_layers,
    layer_kernels,
    output_layer,
)
from happymaps.networks.layers import (
    cut,
    find_layer,
    image_shape,
    input_shape,
    layer_path,
    layer_paths,
)


def values_at(model, layer, images, **options):
    return np.asarray(cut(model, [layer], **options)(images, training=False))


def normalized(network, rgb_images, convolve):
    """Return what enters the nested ReLU, by hand."""
    conv, norm = (network.get_layer("trunk").get_layer("backbone").get_layer(n)
                  for n in ("conv", "norm"))  # fmt: skip
    gamma, beta, mean, variance = norm.get_weights()
    values = convolve(2 * rgb_images - 1, conv.get_weights()[0])
    return gamma * (values - mean) / np.sqrt(variance + 0.5) + beta


def test_paths_list_nested_layers_in_call_order(nested_network):
    assert layer_paths(nested_network) == [
        "trunk",
        "trunk/scale",
        "trunk/backbone",
        "trunk/backbone/conv",
        "trunk/backbone/norm",
        "trunk/backbone/relu",
        "drop",
        "pool",
        "logits",
        "probabilities",
    ]


def test_convolution_and_dense_layers_are_found_at_any_depth(nested_network):
    assert convolution_layers(nested_network) == ["trunk/backbone/conv"]
    assert dense_layers(nested_network) == ["logits"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("trunk/backbone/conv", "trunk/backbone/conv"),
        ("conv", "trunk/backbone/conv"),
        ("backbone/conv", "trunk/backbone/conv"),
        ("pool", "pool"),
        (-1, "probabilities"),
        (1, "trunk"),
        (np.int64(3), "pool"),
    ],
)
def test_a_layer_goes_by_name_path_or_index(nested_network, given, path):
    assert layer_path(nested_network, given) == path
    assert find_layer(nested_network, given).name == path.split("/")[-1]


def test_an_unknown_layer_names_the_nearest_and_lists_all(sobel_network):
    message = (
        "Unknown layer 'edgs'. Did you mean 'edges'? "
        "Expected one of: edges, pool, head."
    )
    with pytest.raises(ValueError) as error:
        find_layer(sobel_network, "edgs")
    assert str(error.value) == message


@pytest.mark.parametrize("index", [4, -5])
def test_an_index_beyond_the_layers_lists_them(sobel_network, index):
    with pytest.raises(ValueError, match=rf"{index}\. The layers are: edges, pool, he"):
        find_layer(sobel_network, index)


def test_an_ambiguous_nested_name_asks_for_the_path(keras):
    parts = []
    for name in ("left", "right"):
        inner = keras.Input((8, 8, 1))
        conv = keras.layers.Conv2D(1, 1, name="conv")
        parts.append(keras.Model(inner, conv(inner), name=name))
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, parts[1](parts[0](inputs)))
    with pytest.raises(ValueError, match=r"ambiguous.*left/conv, right/conv"):
        find_layer(model, "conv")
    assert find_layer(model, "right/conv") is parts[1].get_layer("conv")


def test_fused_activation_is_taken_off(sobel_network, images, reference_convolution):
    kernel, bias = sobel_network.get_layer("edges").get_weights()
    before = reference_convolution(images, kernel, bias)
    assert (before < 0).any()
    np.testing.assert_allclose(
        values_at(sobel_network, "edges", images), before, atol=1e-5
    )
    np.testing.assert_allclose(
        values_at(sobel_network, "edges", images, pre_activation=False),
        np.maximum(before, 0),
        atol=1e-5,
    )


def test_batch_normalization_uses_its_moving_statistics(
    nested_network, rgb_images, reference_convolution
):
    expected = normalized(nested_network, rgb_images, reference_convolution)
    np.testing.assert_allclose(
        values_at(nested_network, "norm", rgb_images), expected, atol=1e-4
    )


def test_a_separate_relu_is_read_before_or_after(
    nested_network, rgb_images, reference_convolution
):
    before = normalized(nested_network, rgb_images, reference_convolution)
    assert (before < 0).any()
    np.testing.assert_allclose(
        values_at(nested_network, "relu", rgb_images), before, atol=1e-4
    )
    np.testing.assert_allclose(
        values_at(nested_network, "relu", rgb_images, pre_activation=False),
        np.maximum(before, 0),
        atol=1e-4,
    )


def test_a_layer_two_networks_deep_sees_what_comes_before(
    nested_network, rgb_images, reference_convolution
):
    kernel = find_layer(nested_network, "conv").get_weights()[0]
    np.testing.assert_allclose(
        values_at(nested_network, "conv", rgb_images),
        reference_convolution(2 * rgb_images - 1, kernel),
        atol=1e-4,
    )


def test_a_separate_softmax_is_read_before_or_after(nested_network, rgb_images):
    logits = values_at(nested_network, "probabilities", rgb_images)
    np.testing.assert_array_equal(
        logits, values_at(nested_network, "logits", rgb_images)
    )
    powers = np.exp(logits)
    np.testing.assert_allclose(
        values_at(nested_network, "probabilities", rgb_images, pre_activation=False),
        powers / powers.sum(axis=1, keepdims=True),
        rtol=1e-5,
    )


def test_a_nested_network_is_cut_after_its_own_output(nested_network, rgb_images):
    np.testing.assert_array_equal(
        values_at(nested_network, "trunk", rgb_images),
        values_at(nested_network, "relu", rgb_images, pre_activation=False),
    )


def test_a_shared_layer_is_read_at_its_first_use(shared_network, images):
    np.testing.assert_allclose(
        values_at(shared_network, "twice", images), 3 * images - 1, atol=1e-6
    )


def test_a_network_shared_inside_another_is_read_in_its_place(keras, images):
    inner = keras.Input((8, 8, 1))
    conv = keras.layers.Conv2D(1, 1, use_bias=False, activation="relu", name="conv")
    part = keras.Model(inner, conv(inner), name="part")
    conv.set_weights([np.full((1, 1, 1, 1), -2.0)])
    outer = keras.Input((8, 8, 1))
    shifted = keras.layers.Rescaling(1.0, offset=5.0)(outer)
    model = keras.Model(outer, part(shifted))
    np.testing.assert_allclose(
        values_at(model, "conv", images), -2 * (images + 5), rtol=1e-6
    )
    np.testing.assert_allclose(values_at(part, "conv", images), -2 * images)


def test_a_nested_network_of_two_inputs_is_cut(keras, images):
    left, right = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    summed = keras.layers.Add()([left, right])
    part = keras.Model([left, right], keras.layers.ReLU(name="relu")(summed))
    inputs = keras.Input((8, 8, 1))
    negative = keras.layers.Rescaling(-3.0)(inputs)
    model = keras.Model(inputs, part([inputs, negative]))
    np.testing.assert_allclose(
        values_at(model, "relu", images), -2 * images, rtol=1e-6, atol=1e-6
    )


def test_a_sequential_network_is_cut(sequential_network, images, reference_convolution):
    kernel, bias = sequential_network.get_layer("convolution").get_weights()
    np.testing.assert_allclose(
        values_at(sequential_network, "convolution", images),
        reference_convolution(images, kernel, bias),
        atol=1e-5,
    )


def test_a_sequential_network_inside_another_is_cut(keras, sequential_network, images):
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, sequential_network(inputs))
    np.testing.assert_allclose(
        values_at(model, "convolution", images),
        values_at(sequential_network, "convolution", images),
        rtol=1e-6,
    )


def test_several_layers_are_given_in_the_order_asked(sobel_network, images):
    outputs = cut(sobel_network, ["head", "edges", 2])(images)
    assert [tuple(part.shape) for part in outputs] == [(4, 2), (4, 6, 6, 2), (4, 2)]


def test_one_layer_may_be_asked_for_by_name_and_by_index(sobel_network, images):
    by_name, by_index = cut(sobel_network, ["edges", 1])(images)
    np.testing.assert_array_equal(by_name, by_index)


def test_a_loaded_network_is_cut_as_the_saved_one(
    keras, sobel_network, images, tmp_path
):
    sobel_network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(
        values_at(loaded, "edges", images), values_at(sobel_network, "edges", images)
    )


@pytest.mark.parametrize("name", ["sobel_network", "nested_network", "shared_network"])
def test_cutting_leaves_the_network_as_it_was(request, network_state, name):
    model = request.getfixturevalue(name)
    before = network_state(model)
    for path in layer_paths(model):
        for pre_activation in (True, False):
            cut(model, [path], pre_activation=pre_activation)
    assert network_state(model) == before


def test_cutting_leaves_nothing_behind_when_it_fails(keras, network_state):
    inputs = keras.Input((8, 8, 1))
    edges = keras.layers.Conv2D(1, 3, activation="relu", name="edges")(inputs)
    model = keras.Model(inputs, with_own_activation(keras)(name="own")(edges))
    before = network_state(model)
    with pytest.raises(ValueError, match="cannot be taken off"):
        cut(model, ["edges", "own"])
    assert network_state(model) == before


def test_a_cut_network_is_freed_with_its_doubled_weights(sobel_network):
    network = cut(sobel_network, ["edges"])
    double = weakref.ref(network.get_layer("edges_pre_activation"))
    del network
    gc.collect()
    assert double() is None


def with_own_activation(keras):
    class Own(keras.layers.Layer):
        activation = staticmethod(keras.activations.relu)

        def call(self, values):
            return self.activation(values) + 1

    return Own


def test_an_activation_that_cannot_be_taken_off_is_refused(keras, images):
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, with_own_activation(keras)(name="own")(inputs))
    with pytest.raises(ValueError, match=r"layer 'own' cannot be taken off.*'post'"):
        cut(model, ["own"])
    np.testing.assert_array_equal(
        values_at(model, "own", images, pre_activation=False), images + 1
    )


def channels_first_network(keras):
    inputs = keras.Input((8, 8, 3))
    turned = keras.layers.Permute((3, 1, 2))(inputs)
    conv = keras.layers.Conv2D(4, 3, data_format="channels_first", name="conv")
    flat = keras.layers.Flatten()(keras.layers.ReLU(name="relu")(conv(turned)))
    return keras.Model(inputs, keras.layers.Dense(2, name="out")(flat))


@pytest.mark.parametrize("layer", ["conv", "relu"])
def test_channels_first_is_refused(keras, layer):
    with pytest.raises(
        ValueError, match=r"channels come last.*'channels_first' in conv"
    ):
        cut(channels_first_network(keras), [layer])


def test_a_dense_layer_after_channels_first_is_cut(keras):
    assert cut(channels_first_network(keras), ["out"]).output_shape == (None, 2)


def test_an_unbuilt_sequential_is_told_to_be_built(keras):
    model = keras.Sequential([keras.layers.Conv2D(1, 3, name="conv")])
    for function in (input_shape, lambda m: cut(m, ["conv"])):
        with pytest.raises(ValueError, match=r"has not seen an input.*model\.build"):
            function(model)


def subclassed(keras):
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = keras.layers.Conv2D(1, 3, name="conv")

        def call(self, images):
            return self.conv(images)

    return Subclassed()


def test_a_subclassed_network_is_told_to_be_functional(keras):
    with pytest.raises(ValueError, match=r"Received: Subclassed.*keras\.Model\(inputs"):
        find_layer(subclassed(keras), "conv")


def test_a_subclassed_network_inside_another_is_refused(keras):
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, subclassed(keras)(inputs))
    with pytest.raises(ValueError, match="Received: Subclassed"):
        cut(model, ["conv"])


def network_of(keras, *shapes, **options):
    inputs = [keras.Input(shape, **options) for shape in shapes]
    flat = [keras.layers.GlobalAveragePooling2D()(tensor) for tensor in inputs]
    whole = keras.layers.Concatenate()(flat) if len(flat) > 1 else flat[0]
    return keras.Model(inputs, keras.layers.Dense(1, name="out")(whole))


@pytest.mark.parametrize("shape", [(5,), (7, 2), (5, 7, 3), (5, 7, 4), (2, 5, 7, 1)])
def test_the_input_shape_is_that_of_features_signals_images_and_volumes(keras, shape):
    inputs = keras.Input(shape)
    flat = keras.layers.Flatten()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(flat))
    assert input_shape(model) == shape


def test_the_image_shape_is_that_of_pictures_alone(keras):
    assert image_shape(network_of(keras, (5, 7, 3))) == (5, 7, 3)
    assert image_shape(network_of(keras, (5, 7, 1))) == (5, 7, 1)
    with pytest.raises(ValueError, match=r"1 or 3\), channels last.*\(8, 8, 4\)"):
        image_shape(network_of(keras, (8, 8, 4)))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(8, 8, 1), (8, 8, 1)], r"one input\. Received.*hold_inputs\(model"),
        ([(None, None, 3)], r"fixed size.*\(None, None, 3\).*keras\.Input"),
    ],
)
def test_an_unsupported_input_is_told_what_is_supported(keras, shapes, message):
    with pytest.raises(ValueError, match=message):
        input_shape(network_of(keras, *shapes))


def test_an_input_of_too_many_axes_is_refused(keras):
    inputs = keras.Input((2, 2, 2, 2, 2))
    model = keras.Model(inputs, keras.layers.Flatten()(inputs))
    with pytest.raises(ValueError, match=r"fixed size.*Received: \(2, 2, 2, 2, 2\)"):
        input_shape(model)


def test_an_input_of_whole_numbers_is_refused(keras):
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    model = keras.Model(inputs, keras.layers.Rescaling(1 / 255)(inputs))
    with pytest.raises(ValueError, match=r"floating point.*uint8.*dtype='float32'"):
        input_shape(model)


def test_two_inputs_cannot_be_cut(keras):
    with pytest.raises(ValueError, match=r"one input\. Received the inputs"):
        cut(network_of(keras, (8, 8, 1), (8, 8, 1)), ["out"])


def test_the_remedy_for_an_open_size_works(keras):
    model = network_of(keras, (None, None, 1))
    inputs = keras.Input((8, 8, 1))
    fixed = keras.Model(inputs, model(inputs))
    assert input_shape(fixed) == (8, 8, 1)
    assert cut(fixed, ["out"]).output_shape == (None, 1)


def test_kernels_are_those_of_the_convolution(sobel_network):
    expected = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    np.testing.assert_array_equal(
        layer_kernels(sobel_network, "edges")[:, :, 0, 0], expected
    )
    with pytest.raises(ValueError, match=r"Expected a Conv2D.*'head'.*are: edges"):
        layer_kernels(sobel_network, "head")


def test_output_layer_is_the_last_and_activations_are_named(
    nested_network, sobel_network
):
    assert output_layer(nested_network) == "probabilities"
    assert activation_name(nested_network, "conv") == "linear"
    assert activation_name(sobel_network, "edges") == "relu"


def test_cutting_in_several_threads_leaves_the_network(sobel_network, network_state):
    before = network_state(sobel_network)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: cut(sobel_network, ["edges", "head"]), range(40)))
    assert network_state(sobel_network) == before
