"""Class activation maps, by hand on an image of 2x2 and against closed forms."""

import warnings

import numpy as np
import pytest
from scipy import ndimage, special

from happymaps.attribution.methods.grad_cam import grad_cam
from happymaps.attribution.methods.grad_cam_plus_plus import grad_cam_plus_plus
from happymaps.attribution.methods.layer_cam import layer_cam
from happymaps.attribution.methods.score_cam import score_cam
from happymaps.attribution.parts.positions import enlarge
from happymaps.backend import tf
from happymaps.keras_vis.visualization import visualize_cam
from happymaps.maps.objectives import channel, logit, unit
from happymaps.maps.scoring import score_images

METHODS = [grad_cam, grad_cam_plus_plus, layer_cam, score_cam]

# The layer `maps` makes x and 4 - x of a pixel; the score is the sum over positions of
# GRADIENTS times these values.
IMAGE = np.array([[0.0, 1], [2, 4]])
GRADIENTS = np.array([[[1.0, 1], [3, -1]], [[-1, 1], [-1, -1]]])


@pytest.fixture(scope="module")
def by_hand(keras):
    inputs = keras.Input((2, 2, 1))
    maps = keras.layers.Conv2D(2, 1, name="maps")(inputs)
    out = keras.layers.Dense(1, name="out")(keras.layers.Flatten(name="flat")(maps))
    model = keras.Model(inputs, out)
    kernel = np.array([1.0, -1.0]).reshape(1, 1, 1, 2)
    weights = GRADIENTS.transpose(1, 2, 0).reshape(8, 1)
    model.set_weights([kernel, np.array([0.0, 4.0]), weights, np.zeros(1)])
    return model


def explain(method, model, **options):
    found = method(model, unit("out", 0), IMAGE[None, ..., None], **options)
    assert found.shape == (1, 2, 2, 1)
    return found.values[0, ..., 0]


def test_grad_cam_weights_channels_by_their_mean_gradient(by_hand):
    # The means are 1 and -1/2: relu(x - (4 - x) / 2).
    np.testing.assert_allclose(explain(grad_cam, by_hand), [[0, 0], [1, 4]], atol=1e-6)


def test_layer_cam_weights_each_position(by_hand):
    # Rectified, the gradients are 1, 1, 3, 0 and 0, 1, 0, 0.
    np.testing.assert_allclose(explain(layer_cam, by_hand), [[0, 4], [6, 0]])


def test_grad_cam_plus_plus_weights_positive_gradients(by_hand):
    # 1 / (2 + g sum A), with the sums 7 and 9, of the gradients 1, 1, 3 and 1.
    first = 1 / (2 + 7) + 1 / (2 + 7) + 3 / (2 + 3 * 7)
    second = 1 / (2 + 9)
    np.testing.assert_allclose(
        explain(grad_cam_plus_plus, by_hand),
        first * IMAGE + second * (4 - IMAGE),
        rtol=1e-5,
    )


@pytest.mark.parametrize("baseline", [0.0, 0.5])
@pytest.mark.parametrize("batch_size", [1, 2])
def test_score_cam_weights_channels_by_what_they_let_through(
    by_hand, baseline, batch_size
):
    channels = [IMAGE, 4 - IMAGE]
    masked = [baseline + part / 4 * (IMAGE - baseline) for part in channels]
    scores = [np.sum(GRADIENTS * [values, 4 - values]) for values in masked]
    weights = special.softmax(scores)
    found = explain(score_cam, by_hand, baseline=baseline, batch_size=batch_size)
    np.testing.assert_allclose(found, np.tensordot(weights, channels, 1), rtol=1e-5)


def test_a_channel_that_is_flat_makes_no_mask_in_score_cam(keras, by_hand):
    model = keras.models.clone_model(by_hand)
    kernel, bias, *rest = by_hand.get_weights()
    model.set_weights([kernel * [1.0, 0.0], bias, *rest])
    np.testing.assert_allclose(explain(score_cam, model), IMAGE, rtol=1e-6)
    model.set_weights([kernel * 0, bias, *rest])
    np.testing.assert_array_equal(explain(score_cam, model), np.zeros((2, 2)))


# ------------------------------------------------------------------- the closed form


@pytest.fixture(scope="module")
def pooled_network(keras):
    """Return conv (1x1, ReLU), global average, a unit: the form of CAM."""
    inputs = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(2, 1, activation="relu", name="maps")(inputs)
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(maps)
    model = keras.Model(inputs, keras.layers.Dense(1, name="out")(pooled))
    model.set_weights(
        [
            np.array([2.0, -1.0]).reshape(1, 1, 1, 2),
            np.array([-0.5, 0.5]),
            np.array([[1.0], [-3.0]]),
            np.zeros(1),
        ]
    )
    return model


def test_grad_cam_is_cam_where_that_is_defined(pooled_network, images):
    first, second = np.maximum(2 * images - 0.5, 0), np.maximum(0.5 - images, 0)
    expected = np.maximum(first - 3 * second, 0) / 64
    found = grad_cam(pooled_network, unit("out", 0), images)
    np.testing.assert_allclose(found, expected, atol=1e-7)
    assert found.attrs["layer"] == "maps"


def test_cam_inside_nested_networks(nested_network, rgb_images):
    model = nested_network
    backbone = model.get_layer("trunk").get_layer("backbone")
    values = model.get_layer("trunk")(rgb_images).numpy()
    weights = model.get_layer("logits").get_weights()[0][:, 1] / 36
    coarse = np.maximum(values @ weights, 0)
    found = grad_cam(model, logit(1), rgb_images)
    assert found.attrs["layer"] == "trunk/backbone/relu"
    expected = tf.image.resize(coarse[..., None], (8, 8)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    # Before the normalization and ReLU: the slope of both is in the gradient.
    norm = backbone.get_layer("norm")
    gamma, beta, mean, variance = norm.get_weights()
    slope = gamma / np.sqrt(variance + 0.5)
    before = backbone.get_layer("conv")(2 * rgb_images - 1).numpy()
    opened = ((before - mean) * slope + beta > 0).mean(axis=(1, 2))
    coarse = np.einsum("nyxc,nc->nyx", before, opened * slope * weights)
    expected = tf.image.resize(np.maximum(coarse, 0)[..., None], (8, 8)).numpy()
    found = grad_cam(model, logit(1), rgb_images, layer="conv")
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


# ------------------------------------------------------------- independent references


@pytest.fixture(scope="module")
def reference_network(keras):
    """Return a network whose layer `maps` has the size of the image."""
    keras.utils.set_random_seed(5)
    layers = keras.layers
    inputs = keras.Input((8, 8, 1))
    maps = layers.Conv2D(3, 3, padding="same", activation="relu", name="maps")(inputs)
    values = layers.Dense(4, activation="relu")(layers.Flatten()(maps))
    return keras.Model([inputs], [layers.Dense(2, name="out")(values)])


def test_grad_cam_is_that_of_keras_vis(reference_network, images):
    # It scales each map to [0, 1].
    found = grad_cam(reference_network, unit("out", 1), images).values[..., 0]
    for image, ours in zip(images, found, strict=True):
        expected = visualize_cam(
            reference_network, -1, 1, image, penultimate_layer_idx=1
        )
        ours = (ours - ours.min()) / np.ptp(ours)
        np.testing.assert_allclose(ours, expected, atol=1e-4)


@pytest.mark.parametrize("method", [grad_cam, layer_cam])
def test_maps_are_those_of_tf_keras_vis(reference_network, images, method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tf_keras_vis.gradcam import Gradcam
        from tf_keras_vis.layercam import Layercam

        kind = {grad_cam: Gradcam, layer_cam: Layercam}[method]
        expected = kind(reference_network, clone=False)(
            lambda outputs: outputs[:, 1],
            images,
            penultimate_layer=1,
            expand_cam=False,
            normalize_cam=False,
        )
    found = method(reference_network, unit("out", 1), images)
    np.testing.assert_allclose(found.values[..., 0], expected, atol=1e-6)
    assert found.max() > 0


# -------------------------------------------------------------------------- which layer


@pytest.fixture(scope="module")
def branched(keras):
    """Return two branches of the image, each with a head of its own."""
    keras.utils.set_random_seed(1)  # with other weights every ReLU may be off
    layers = keras.layers
    inputs = keras.Input((8, 8, 1))
    trunk = layers.Conv2D(2, 3, activation="relu", name="trunk")(inputs)
    left = layers.Conv2D(2, 3, activation="relu", name="left")(trunk)
    right = layers.MaxPooling2D(name="right")(trunk)
    heads = [
        layers.Dense(1, name=f"{name}_head")(
            layers.GlobalAveragePooling2D(name=f"{name}_pool")(values)
        )
        for name, values in (("left", left), ("right", right))
    ]
    return keras.Model(inputs, heads)


@pytest.mark.parametrize("method", METHODS)
def test_the_layer_is_the_last_map_that_the_whole_objective_passes(
    branched, images, method
):
    objectives = {
        "left": unit("left_head", 0),
        "trunk": unit("right_head", 0),
        "trunk ": channel("left", 1),
    }
    for layer, objective in objectives.items():
        found = method(branched, objective, images[:1])
        assert found.attrs["layer"] == layer.strip()
    together = method(branched, list(objectives.values()), images[:3])
    assert together.attrs["layer"] == "left, trunk"
    for position, objective in enumerate(objectives.values()):
        alone = method(branched, objective, images[position][None])
        np.testing.assert_allclose(together[position], alone[0], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("objective", "layer", "message"),
    [
        (unit("right_head", 0), "left", r"must come before right_head.*'left'"),
        (unit("left_head", 0), "left_head", "must come before left_head"),
        (unit("left_head", 0), "lift", "Unknown layer 'lift'"),
        (channel("trunk", 0), None, "Expected a convolution before trunk"),
        (
            unit("left_head", 0),
            "left_pool",
            r"positions of the input.*\(8, 8, 1\).*outputs of shape \(2,\)",
        ),
    ],
)
def test_a_layer_that_makes_no_map_is_refused(
    branched, images, method, objective, layer, message
):
    with pytest.raises(ValueError, match=message):
        method(branched, objective, images, layer=layer)


def test_a_table_has_no_positions(keras):
    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(2, name="hidden")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, name="out")(hidden))
    with pytest.raises(ValueError, match="positions of the input"):
        grad_cam(model, unit("out", 0), np.zeros((2, 5)), layer="hidden")
    with pytest.raises(ValueError, match="Expected a convolution before out"):
        grad_cam(model, unit("out", 0), np.zeros((2, 5)))


@pytest.mark.parametrize(("shape", "rank"), [((6, 1), 1), ((4, 4, 4, 1), 3)])
@pytest.mark.parametrize("method", METHODS)
def test_signals_and_volumes_have_maps(keras, method, shape, rank):
    # x itself and the score its mean over positions: the weight is the gradient.
    inputs = keras.Input(shape)
    kinds = {1: keras.layers.Conv1D, 3: keras.layers.Conv3D}
    maps = kinds[rank](1, 1, name="maps")(inputs)
    model = keras.Model(
        inputs, keras.layers.Dense(1, name="out")(keras.layers.Flatten()(maps))
    )
    size = int(np.prod(shape))
    model.set_weights(
        [
            np.ones((*(1,) * rank, 1, 1)),
            np.zeros(1),
            np.full((size, 1), 1 / size),
            np.zeros(1),
        ]
    )
    data = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    found = method(model, unit("out", 0), data)
    total = data.sum(axis=tuple(range(1, data.ndim)), keepdims=True)
    weight = {
        grad_cam_plus_plus: 1 / (2 + total / size),
        score_cam: 1.0,
    }.get(method, 1 / size)
    np.testing.assert_allclose(found, weight * data, rtol=1e-4)


# -------------------------------------------------------------------------- enlargement


def test_maps_are_enlarged_as_tensorflow_and_scipy_do():
    coarse = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    found = enlarge(coarse, (7, 12))
    expected = tf.image.resize(coarse[..., None], (7, 12))[..., 0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    exact = ndimage.zoom(coarse, (1, 2, 3), order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(enlarge(coarse, (6, 12)), exact, atol=1e-6)
    np.testing.assert_array_equal(enlarge(coarse, (3, 4)), coarse)


def test_a_flat_map_stays_flat():
    np.testing.assert_allclose(enlarge(np.full((1, 3), 2.0), (8,)), np.full((1, 8), 2))


def test_the_score_is_that_of_the_engine(nested_network, rgb_images):
    for method in METHODS:
        found = method(nested_network, logit(0), rgb_images)
        expected = score_images(nested_network, logit(0), rgb_images).values[0]
        np.testing.assert_allclose(found.score, expected, rtol=1e-5)
