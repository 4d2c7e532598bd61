"""Scores of given images, against the formulas worked out in NumPy."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from happymaps.maps.objectives import (
    channel,
    direction,
    interpolate,
    layer,
    logit,
    neuron,
    unit,
)
from happymaps.maps.scoring import layer_objectives, score_images
from happymaps.networks.layers import cut

SIGNS = {"happy": 1, "sad": -1}


def scores_of(model, objective, images, **options):
    return score_images(model, objective, images, **options).values[0]


def leaky(values):
    return np.where(values > 0, values, 0.01 * values)


@pytest.fixture
def edges(sobel_network, images, reference_convolution):
    """Return the pre-activations of `edges`, shape (4, 6, 6, 2)."""
    kernel, bias = sobel_network.get_layer("edges").get_weights()
    return reference_convolution(images, kernel, bias)


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("leaky", lambda z, s: leaky(s * z)),
        ("pre", lambda z, s: s * z),
        ("post", lambda z, s: s * np.maximum(z, 0)),
    ],
)
def test_a_channel_scores_its_mean_over_positions(
    sobel_network, images, edges, sign, activation, function
):
    for index in range(2):
        np.testing.assert_allclose(
            scores_of(
                sobel_network,
                channel("edges", index),
                images,
                sign=sign,
                activation=activation,
            ),
            function(edges[..., index], SIGNS[sign]).mean(axis=(1, 2)),
            rtol=1e-4,
            atol=1e-6,
        )


@pytest.mark.parametrize("sign", SIGNS)
def test_a_neuron_scores_its_pre_activation_at_one_position(
    sobel_network, images, edges, sign
):
    center, corner = neuron("edges", 1), neuron("edges", 0, (0, 5))
    scores = score_images(sobel_network, [center, corner], images, sign=sign)
    expected = SIGNS[sign] * np.stack([edges[:, 3, 3, 1], edges[:, 0, 5, 0]])
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_a_neuron_after_its_activation_is_rectified(sobel_network, images, edges):
    np.testing.assert_allclose(
        scores_of(sobel_network, neuron("edges", 0, (2, 1)), images, activation="post"),
        np.maximum(edges[:, 2, 1, 0], 0),
        atol=1e-5,
    )


@pytest.mark.parametrize("sign", SIGNS)
def test_a_direction_scores_the_dot_product(sobel_network, images, edges, sign):
    along = edges @ [3.0, -2.0]
    np.testing.assert_allclose(
        scores_of(sobel_network, direction("edges", [3, -2]), images, sign=sign),
        leaky(SIGNS[sign] * along).mean(axis=(1, 2)),
        rtol=1e-4,
        atol=1e-6,
    )
    pooled = np.maximum(edges, 0).mean(axis=(1, 2))
    np.testing.assert_allclose(
        scores_of(sobel_network, direction("pool", [3, -2]), images, sign=sign),
        SIGNS[sign] * pooled @ [3, -2],
        rtol=1e-4,
    )


def test_a_direction_along_one_channel_is_that_channel(sobel_network, images):
    np.testing.assert_array_equal(
        scores_of(sobel_network, direction("edges", [0, 1]), images),
        scores_of(sobel_network, channel("edges", 1), images),
    )


@pytest.mark.parametrize("sign", SIGNS)
def test_a_layer_scores_its_mean_square(sobel_network, images, edges, sign):
    np.testing.assert_allclose(
        scores_of(sobel_network, layer("edges"), images, sign=sign),
        SIGNS[sign] * (edges**2).mean(axis=(1, 2, 3)),
        rtol=1e-5,
    )


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("activation", ["leaky", "pre", "post"])
def test_a_linear_unit_scores_its_value_under_any_activation(
    linear_network, images, sign, activation
):
    kernel, bias = linear_network.get_layer("out").get_weights()
    expected = SIGNS[sign] * (images.reshape(4, 64) @ kernel[:, 0] + bias[0])
    np.testing.assert_allclose(
        scores_of(
            linear_network, unit("out", 0), images, sign=sign, activation=activation
        ),
        expected,
        rtol=1e-5,
        atol=1e-6,
    )


def test_a_softmax_unit_scores_its_logit_or_its_probability(
    softmax_network, images, checkerboard
):
    model = softmax_network()
    logits = images[..., 0].reshape(4, 64) @ checkerboard.ravel()
    np.testing.assert_allclose(
        scores_of(model, unit("out", 1), images), -logits, rtol=1e-4
    )
    np.testing.assert_allclose(
        scores_of(model, unit("out", 1), images, activation="post"),
        1 / (1 + np.exp(2 * logits)),
        rtol=1e-4,
    )


@pytest.mark.parametrize("sign", SIGNS)
def test_a_cosine_is_that_of_the_angle(sobel_network, images, edges, sign):
    cosine = direction("edges", [3, -4], "cosine")
    angles = edges @ [0.6, -0.8] / np.linalg.norm(edges, axis=-1)
    np.testing.assert_allclose(
        scores_of(sobel_network, cosine, images, sign=sign),
        SIGNS[sign] * angles.mean(axis=(1, 2)),
        rtol=1e-3,
        atol=1e-5,
    )
    values = np.asarray(cut(sobel_network, ["head"])(images))
    np.testing.assert_allclose(
        scores_of(sobel_network, direction("head", [0, 2], "cosine"), images),
        values[:, 1] / np.linalg.norm(values, axis=1),
        rtol=1e-5,
    )


@pytest.mark.parametrize("activation", ["leaky", "pre", "post"])
def test_a_logit_is_the_logit_under_any_activation(
    keras, softmax_network, images, checkerboard, activation
):
    model = softmax_network()
    logits = images[..., 0].reshape(4, 64) @ checkerboard.ravel()
    scores = scores_of(model, logit(1), images, activation=activation)
    np.testing.assert_allclose(scores, -logits, rtol=1e-4)
    inputs = keras.Input((8, 8, 1))
    nested = keras.Model(inputs, model(inputs))
    scores = scores_of(nested, logit(0), images, activation=activation)
    np.testing.assert_allclose(scores, logits, rtol=1e-4)


def test_a_logit_stands_beside_its_probability(softmax_network, images):
    model, options = softmax_network(), {"activation": "post"}
    parts = score_images(model, [unit("out", 0), logit(0)], images, **options)
    both = scores_of(model, 2 * unit("out", 0) - logit(0), images, **options)
    np.testing.assert_allclose(both, 2 * parts[0] - parts[1], rtol=1e-5)
    assert (parts[0] <= 1).all()


def test_a_logit_of_several_outputs_is_asked_for_by_its_layer(keras, images):
    inputs = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten(name="flat")(inputs)
    model = keras.Model(inputs, [flat, keras.layers.Dense(1, name="out")(flat)])
    with pytest.raises(ValueError, match=r"one output\. Received: 2.*flat, out"):
        score_images(model, logit(0), images)


def test_an_interpolation_is_between_its_ends(sobel_network, images):
    a, b = channel("edges", 0), unit("head", 1)
    ends = score_images(sobel_network, [a, b], images).values
    found = scores_of(sobel_network, interpolate(a, b, 0.25), images)
    np.testing.assert_allclose(found, 0.75 * ends[0] + 0.25 * ends[1], rtol=1e-5)


def test_tokens_and_steps_are_positions(keras):
    inputs = keras.Input((5, 2))
    conv = keras.layers.Conv1D(2, 1, activation="relu", name="conv")
    model = keras.Model(inputs, conv(inputs))
    conv.set_weights([np.array([[[2.0, 0], [0, -1]]]), np.array([-1.0, 0.5])])
    signals = np.random.default_rng(0).random((3, 5, 2))
    before = signals * [2, -1] + [-1, 0.5]
    for index in range(2):
        np.testing.assert_allclose(
            scores_of(model, channel("conv", index), signals),
            leaky(before[..., index]).mean(axis=1),
            rtol=1e-5,
        )
    at = score_images(model, [neuron("conv", 1), neuron("conv", 1, (4,))], signals)
    np.testing.assert_allclose(at, before[:, [2, 4], 1].T, rtol=1e-5)


WHOLE_IMAGES = np.random.default_rng(0).integers(0, 4, (3, 8, 8, 1)).astype(np.float32)
PARTS = (unit("out", 0), unit("out", 1), unit("flat", 5), layer("flat"))


@settings(
    deadline=None,
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    factors=st.lists(st.integers(-4, 4).map(lambda n: n / 2), min_size=2, max_size=5),
    chosen=st.lists(st.integers(0, 3), min_size=5, max_size=5),
)
def test_a_sum_scores_exactly_the_sum_of_its_parts(dense_network, factors, chosen):
    # Whole numbers throughout, so that float32 holds every result exactly.
    kernel = np.random.default_rng(1).integers(-3, 4, (64, 2)).astype(np.float32)
    model = dense_network(kernel)
    parts = score_images(model, PARTS, WHOLE_IMAGES)
    objective = factors[0] * PARTS[chosen[0]]
    expected = factors[0] * parts[chosen[0]]
    for factor, place in zip(factors[1:], chosen[1:], strict=False):
        objective = objective - factor * PARTS[place]
        expected = expected - factor * parts[place]
    found = scores_of(model, objective, WHOLE_IMAGES)
    np.testing.assert_array_equal(found, expected)


def test_objectives_of_different_layers_keep_their_order(sobel_network, images):
    objectives = [
        unit("head", 1),
        channel("edges", 1),
        unit("head", 0),
        unit("pool", 0),
        channel("edges", 0),
        unit("head", 0) - unit("pool", 1),
    ]
    together = score_images(sobel_network, objectives, images)
    assert together.dims == ("objective", "image")
    assert list(together.objective.values) == [o.name for o in objectives]
    for objective, row in zip(objectives, together, strict=True):
        np.testing.assert_allclose(
            row, scores_of(sobel_network, objective, images), rtol=1e-6
        )


def test_one_layer_by_name_and_by_index_is_one_layer(sobel_network, images):
    both = 2 * channel("edges", 0) - channel(1, 0)
    np.testing.assert_allclose(
        scores_of(sobel_network, both, images),
        scores_of(sobel_network, channel("edges", 0), images),
        rtol=1e-6,
    )


def test_scores_do_not_depend_on_how_many_images_there_are(sobel_network):
    many = np.random.default_rng(0).random((70, 8, 8, 1)).astype(np.float32)
    whole = scores_of(sobel_network, channel("edges", 0), many)
    last = scores_of(sobel_network, channel("edges", 0), many[66:])
    np.testing.assert_allclose(whole[66:], last, rtol=1e-5, atol=1e-6)
    none = score_images(sobel_network, channel("edges", 0), many[:0])
    assert none.shape == (1, 0)


def test_images_may_be_bytes_doubles_or_lists(linear_network):
    whole = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1))
    expected = scores_of(linear_network, unit("out", 1), whole.astype(np.float32))
    for given_as in (whole.astype(np.uint8), whole.astype(float), whole.tolist()):
        np.testing.assert_array_equal(
            scores_of(linear_network, unit("out", 1), given_as), expected
        )


def test_dropout_and_batch_normalization_are_in_inference_mode(
    nested_network, rgb_images
):
    expected = np.asarray(nested_network(rgb_images, training=False))
    for index in range(2):
        np.testing.assert_allclose(
            scores_of(nested_network, unit(-1, index), rgb_images, activation="post"),
            expected[:, index],
            rtol=1e-5,
        )


def test_a_network_of_several_outputs_is_read_at_any(keras, sobel_network, images):
    model = keras.Model(
        sobel_network.inputs,
        {"head": sobel_network.output, "pool": sobel_network.get_layer("pool").output},
    )
    for name in ("head", "pool"):
        np.testing.assert_array_equal(
            scores_of(model, unit(name, 1), images),
            scores_of(sobel_network, unit(name, 1), images),
        )


def test_a_single_unit_and_a_flat_layer_have_units(sequential_network, images):
    flat = np.asarray(cut(sequential_network, ["flat"])(images))
    np.testing.assert_allclose(
        scores_of(sequential_network, unit("flat", 70), images), flat[:, 70]
    )
    np.testing.assert_allclose(
        scores_of(sequential_network, unit("single", 0), images),
        np.asarray(sequential_network(images))[:, 0],
        rtol=1e-5,
    )


def test_half_precision_scores_are_those_of_single_precision(
    keras, sobel_network, images
):
    inputs = keras.Input((8, 8, 1))
    conv = keras.layers.Conv2D(
        2, 3, activation="relu", dtype="mixed_float16", name="edges"
    )
    half = keras.Model(inputs, conv(inputs))
    conv.set_weights(sobel_network.get_layer("edges").get_weights())
    scores = score_images(half, channel("edges", 0), images)
    assert scores.dtype == np.float32
    single = scores_of(sobel_network, channel("edges", 0), images)
    np.testing.assert_allclose(scores[0], single, atol=5e-3)


def test_scoring_leaves_the_network_as_it_was(sobel_network, images, network_state):
    before = network_state(sobel_network)
    score_images(sobel_network, layer_objectives(sobel_network, "edges"), images)
    assert network_state(sobel_network) == before


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (channel("head", 0), r"channel needs a convolution layer.*'head'.*unit\("),
        (neuron("pool", 0), r"neuron needs a convolution layer.*'pool'.*unit\("),
        (unit("edges", 0), r"unit needs a dense layer.*'edges'.*channel\("),
        (unit("head", 2), r"'head' has 2 channels or units.*index 2"),
        (channel("edges", 9), r"'edges' has 2 channels or units.*index 9"),
        (direction("edges", [1]), r"'edges' needs 2 numbers. Received: 1"),
        (neuron("edges", 0, (6, 0)), r"6 rows and 6 columns. Received: position \(6"),
        (channel("edge", 0), r"Unknown layer 'edge'.*'edges'\? Expected one of: ed"),
    ],
)
def test_an_objective_that_the_network_lacks_is_refused(
    sobel_network, images, objective, message
):
    with pytest.raises(ValueError, match=message):
        score_images(sobel_network, objective, images)


def test_a_layer_of_too_many_axes_is_refused(keras, images):
    inputs = keras.Input((8, 8, 1))
    cubes = keras.layers.Reshape((2, 2, 2, 2, 4), name="cubes")(inputs)
    model = keras.Model(inputs, cubes)
    with pytest.raises(ValueError, match=r"'cubes' has outputs of shape \(2, 2, 2, "):
        score_images(model, channel("cubes", 0), images)


@pytest.mark.parametrize("shape", [(2, 4, 4, 1), (2, 9, 8, 1), (2, 64)])
def test_images_of_another_shape_are_refused(sobel_network, shape):
    with pytest.raises(ValueError) as error:
        score_images(sobel_network, channel("edges", 0), np.zeros(shape))
    text = str(error.value)
    assert text.startswith("The network takes images of shape (count, 8, 8, 1).")
    assert f"Received: {shape}." in text
    assert "image_size=(8, 8), channels=1" in text


@pytest.mark.parametrize(
    ("option", "choices"),
    [("sign", "'happy', 'sad'"), ("activation", "'leaky', 'pre', 'post'")],
)
@pytest.mark.parametrize("wrong", ["other", ["happy"], None])
def test_an_option_is_one_of_its_choices(sobel_network, images, option, choices, wrong):
    with pytest.raises(ValueError) as error:
        score_images(sobel_network, channel("edges", 0), images, **{option: wrong})
    assert (
        str(error.value) == f"{option} must be one of {choices}. Received: {wrong!r}."
    )


def test_layer_objectives_are_channels_or_units(nested_network):
    path = "trunk/backbone/conv"
    assert layer_objectives(nested_network, "conv") == [
        channel(path, index) for index in range(4)
    ]
    assert layer_objectives(nested_network, -2) == [
        unit("logits", 0),
        unit("logits", 1),
    ]


@pytest.mark.parametrize(
    ("count", "indices"),
    [(1, [0]), (2, [0, 2]), (3, [0, 1, 2]), (4, [0, 1, 2, 3]), (9, [0, 1, 2, 3])],
)
def test_layer_objectives_are_spread_over_the_layer(nested_network, count, indices):
    chosen = layer_objectives(nested_network, "relu", count=count)
    assert [objective.terms[0][1].index for objective in chosen] == indices


@pytest.mark.parametrize("count", [0, -1])
def test_layer_objectives_are_at_least_one(nested_network, count):
    with pytest.raises(ValueError, match=rf"count must be .*>= 1\. Received: {count}"):
        layer_objectives(nested_network, "conv", count=count)
