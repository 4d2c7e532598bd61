"""One contract for all attribution methods on many kinds of networks."""

import functools
import gc
import inspect
import weakref

import numpy as np
import pytest

import happymaps as hm
from happymaps.attribution.parts import explained as explained_module
from happymaps.attribution.table import all_methods
from happymaps.maps.objectives import channel, layer, logit, unit
from happymaps.maps.scoring import score_images

METHODS = all_methods()
OPTIONS = {
    "smooth_grad": {"num_samples": 2},
    "smooth_grad_squared": {"num_samples": 2},
    "integrated_gradients": {"num_steps": 2},
    "occlusion": {"patch": 4, "stride": 4},
    "rise": {"num_masks": 3},
    "region_permutation": {"regions": 2, "num_repeats": 1},
}
MAPS = ("grad_cam", "grad_cam_plus_plus", "layer_cam", "score_cam")
DEPENDS_ON_THE_OTHERS = "region_permutation"
KINDS = {}


def kind(*objectives):
    """Add a function (keras) -> network to the table, with objectives on it."""

    def add(build):
        KINDS[build.__name__] = (build, objectives)
        return build

    return add


def convolution(keras, name="conv", count=2):
    return keras.layers.Conv2D(count, 3, activation="relu", name=name)


@kind(logit(0), -logit(0))
def sequential_with_one_linear_output(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            convolution(keras),
            layers.Flatten(),
            layers.Dense(1, name="out"),
        ]
    )


@kind(logit(0), logit(2))
def functional_with_softmax(keras):
    layers = keras.layers
    inputs = keras.Input((8, 8, 1))
    values = layers.MaxPooling2D()(convolution(keras)(inputs))
    values = layers.Dense(3, activation="relu")(layers.Flatten()(values))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(values))


@kind(logit(1), logit(0) - logit(1))
def nested_in_color(keras):
    layers = keras.layers
    inner = keras.Input((8, 8, 3))
    values = layers.BatchNormalization()(layers.Conv2D(2, 3, name="conv")(inner))
    backbone = keras.Model(inner, layers.ReLU()(values), name="backbone")
    outer = keras.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Dropout(0.5)(backbone(outer)))
    return keras.Model(outer, layers.Dense(2)(pooled))


@kind(logit(0), -logit(0))
def branches_with_one_sigmoid(keras):
    layers = keras.layers
    inputs = keras.Input((8, 8, 1))
    left = convolution(keras, "left")(inputs)
    right = convolution(keras, "right", 3)(inputs)
    values = layers.Concatenate()([left, right])
    values = layers.Add()([values, convolution(keras, "same", 5)(inputs)])
    pooled = layers.GlobalAveragePooling2D()(values)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(pooled))


@kind(unit("dense", 1), channel("last", 0) - 2 * channel("last", 1))
def objectives_inside(keras):
    layers = keras.layers
    inputs = keras.Input((8, 8, 1))
    values = convolution(keras, "last")(convolution(keras)(inputs))
    values = layers.Dense(2, activation="tanh", name="dense")(layers.Flatten()(values))
    return keras.Model(inputs, layers.Dense(2)(values))


@kind(logit(0), logit(1))
def shared_layer(keras):
    layers = keras.layers
    inputs = keras.Input((8, 8, 1))
    twice = layers.Conv2D(1, 2, activation="relu", name="twice")
    values = layers.Flatten()(twice(twice(inputs)))
    return keras.Model(inputs, layers.Dense(2)(values))


@pytest.fixture(autouse=True)
def seeded(keras):
    # With other weights every ReLU may be off, and there is nothing to explain.
    keras.utils.set_random_seed(6)


# Every method on two kinds, with and without color; on the others one of each way
# through the network.
USUAL = {"functional_with_softmax", "nested_in_color"}
WAYS = ("gradient", "deconvolution", "grad_cam", "score_cam", "occlusion")
CASES = [(k, m) for k in KINDS for m in (METHODS if k in USUAL else WAYS)]


@pytest.fixture(scope="module")
def case_of(keras):
    """Return a function: kind -> network, two objectives, images, scores under both."""

    @functools.cache
    def build_case(kind):
        keras.utils.set_random_seed(6)
        build, objectives = KINDS[kind]
        model, rng = build(keras), np.random.default_rng(1)
        data = rng.random((5, *model.input_shape[1:])).astype(np.float32)
        return model, objectives, data, score_images(model, objectives, data).values

    return build_case


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_every_method_keeps_the_contract(case_of, network_state, kind, name):
    model, (first, second), data, scores = case_of(kind)
    method, options = METHODS[name], OPTIONS.get(name, {})
    before, copy = network_state(model), data.copy()
    objectives = [first, second, second, first, second]
    found = method(model, objectives, data, **options)

    assert found.name == "attributions"
    assert found.dtype == np.float32
    assert found.dims == ("image", "y", "x", "color")
    channels = 1 if name in MAPS else data.shape[-1]
    assert found.shape == (*data.shape[:-1], channels)
    assert np.isfinite(found).all()
    assert found.objective.values.tolist() == [o.name for o in objectives]
    expected = np.where(np.isin(np.arange(5), [0, 3]), scores[0], scores[1])
    np.testing.assert_allclose(found.score, expected, rtol=1e-4, atol=1e-5)
    assert found.attrs["method"] == name
    assert found.attrs["activation"] == "leaky"
    if name not in MAPS or name == "score_cam":
        assert abs(found).max() > 0

    wanted = set(inspect.signature(method).parameters)
    wanted -= {"model", "objective", "images", "batch_size"}
    assert wanted <= set(found.attrs)

    small = method(model, objectives, data, batch_size=2, **options)
    np.testing.assert_allclose(small, found, rtol=1e-3, atol=1e-5)
    if name != DEPENDS_ON_THE_OTHERS:
        alone = method(model, second, data[2:3], **options)
        np.testing.assert_allclose(alone[0], found[2], rtol=1e-3, atol=1e-5)
    assert network_state(model) == before
    np.testing.assert_array_equal(data, copy)


@pytest.mark.parametrize("name", [name for name in METHODS if name not in MAPS])
def test_every_method_reads_what_activation_says(sobel_network, images, name):
    method, options = METHODS[name], OPTIONS.get(name, {})
    objective = channel("edges", 1)
    for activation in ("leaky", "pre", "post"):
        found = method(
            sobel_network, objective, images, activation=activation, **options
        )
        expected = score_images(
            sobel_network, objective, images, activation=activation
        ).values[0]
        np.testing.assert_allclose(found.score, expected, rtol=1e-4, atol=1e-6)
        assert found.attrs["activation"] == activation


@pytest.fixture(scope="module")
def as_people_bring_it(keras):
    """Return a network that augments, has been adapted and drops as in training."""
    layers = keras.layers
    keras.utils.set_random_seed(6)
    scale = layers.Normalization()
    inputs = keras.Input((8, 8, 3))
    values = layers.RandomRotation(0.5)(layers.RandomFlip()(scale(inputs)))
    values = layers.GaussianNoise(0.9)(convolution(keras, count=4)(values))
    dropped = layers.Dropout(0.5, name="mc")(layers.Flatten()(values), training=True)
    model = keras.Model(inputs, layers.Dense(2)(dropped))
    scale.adapt(np.random.default_rng(0).normal(5, 2, (9, 8, 8, 3)))
    return model


@pytest.mark.filterwarnings("ignore:The network calls 'mc' with training=True")
@pytest.mark.parametrize("name", METHODS)
def test_every_method_explains_what_predict_gives(as_people_bring_it, name):
    model, rng = as_people_bring_it, np.random.default_rng(1)
    images = rng.normal(5, 2, (3, 8, 8, 3)).astype(np.float32)
    found = METHODS[name](model, logit(1), images, **OPTIONS.get(name, {}))
    expected = model.predict(images, verbose=0)[:, 1]
    np.testing.assert_allclose(found.score, expected, rtol=1e-4, atol=1e-5)


# Of the others: RISE gives every pixel a share of the whole score, and maps of a layer
# have its coarse positions.
EXACT = [
    "gradient", "gradient_times_input", "smooth_grad", "smooth_grad_squared",
    "integrated_gradients", "guided_backpropagation", "deconvolution", "occlusion",
    "region_permutation",
]  # fmt: skip


@pytest.fixture(scope="module")
def blind_network(keras):
    """Return a network that does not see the lower half of the image."""
    layers = keras.layers
    keras.utils.set_random_seed(6)
    inputs = keras.Input((8, 8, 1))
    seen = layers.Cropping2D(((0, 4), (0, 0)))(inputs)
    values = layers.Flatten()(convolution(keras)(seen))
    return keras.Model(inputs, layers.Dense(2)(values))


@pytest.mark.parametrize("name", EXACT)
def test_what_is_not_seen_gets_exactly_nothing(blind_network, images, name):
    found = METHODS[name](blind_network, logit(0), images, **OPTIONS.get(name, {}))
    np.testing.assert_array_equal(found[:, 4:], np.zeros((4, 4, 8, 1)))
    assert abs(found[:, :4]).max() > 0


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("objective", "shape", "error", "message"),
    [
        ([logit(0)] * 3, (4, 8, 8, 1), ValueError, "each of the 4 images.*Received: 3"),
        (logit(0), (4, 9, 8, 1), ValueError, "The network takes images of shape"),
        (logit(0), (8, 8, 1), ValueError, "The network takes images of shape"),
        (logit(0), (0, 8, 8, 1), ValueError, "at least one image"),
        (logit(9), (4, 8, 8, 1), ValueError, "2 channels or units"),
        (unit("none", 0), (4, 8, 8, 1), ValueError, "Unknown layer 'none'"),
        (["logit"] * 4, (4, 8, 8, 1), TypeError, "Expected objectives"),
    ],
)
def test_every_method_refuses_what_does_not_fit(
    sobel_network, network_state, name, objective, shape, error, message
):
    before = network_state(sobel_network)
    with pytest.raises(error, match=message):
        METHODS[name](sobel_network, objective, np.zeros(shape, np.float32))
    assert network_state(sobel_network) == before


@pytest.mark.parametrize("name", METHODS)
def test_every_method_checks_the_common_options(sobel_network, images, name):
    with pytest.raises(ValueError, match=r"batch_size must be .*Received: 0"):
        METHODS[name](sobel_network, logit(0), images, batch_size=0)
    with pytest.raises(ValueError, match="'leaky', 'pre', 'post'"):
        METHODS[name](sobel_network, logit(0), images, activation="other")
    with pytest.raises(TypeError):
        METHODS[name](sobel_network, logit(0), images, "leaky")


def test_a_call_that_fails_leaves_the_network(
    keras, network_state, images, monkeypatch
):
    def fail(*arguments):
        raise RuntimeError("no memory")

    model = functional_with_softmax(keras)
    before = network_state(model)
    monkeypatch.setattr(explained_module.BatchedObjectives, "score_outputs", fail)
    for method in METHODS.values():
        with pytest.raises(RuntimeError, match="no memory"):
            method(model, logit(0), images)
        assert network_state(model) == before


# ----------------------------------------------------------- what is kept between calls


def test_training_on_is_noticed(keras, images):
    for name in ("gradient", "grad_cam"):
        keras.utils.set_random_seed(6)
        model = functional_with_softmax(keras)
        before = METHODS[name](model, logit(0), images)
        *others, kernel, bias = model.get_weights()
        model.set_weights([*others, 2 * kernel, 2 * bias])
        after = METHODS[name](model, logit(0), images)
        np.testing.assert_allclose(after.score, 2 * before.score, rtol=1e-5)
        np.testing.assert_allclose(after, 2 * before.values, rtol=1e-5, atol=1e-7)


def test_a_layer_that_is_adapted_anew_is_noticed(keras, images):
    scale = keras.layers.Normalization()
    inputs = keras.Input((8, 8, 1))
    outputs = keras.layers.Dense(1)(keras.layers.Flatten()(scale(inputs)))
    model = keras.Model(inputs, outputs)
    for spread in (1, 10):
        scale.adapt(spread * images)
        for name in ("gradient", "occlusion"):
            found = METHODS[name](model, logit(0), images, **OPTIONS.get(name, {}))
            expected = model(images, training=False)[:, 0]
            np.testing.assert_allclose(found.score, expected, rtol=1e-4, atol=1e-5)


def test_a_network_is_let_go_with_all_that_was_made_of_it(keras, images):
    model = functional_with_softmax(keras)
    for name in ("gradient", "deconvolution", "score_cam"):
        METHODS[name](model, logit(0), images)
    gone = weakref.ref(model)
    del model
    gc.collect()
    gc.collect()
    assert gone() is None


def test_nothing_is_traced_again_for_another_class(keras, images, monkeypatch):
    model = functional_with_softmax(keras)
    METHODS["gradient"](model, logit(0), images)

    def fail(*arguments):
        raise AssertionError("traced again")

    monkeypatch.setattr(explained_module, "compile_for", fail)
    for count in (1, 4):
        found = METHODS["gradient"](model, logit(1), images[:count])
        assert found.score.shape == (count,)


def test_layers_of_ones_own_are_explained(keras, images):
    class Steep(keras.layers.Layer):
        slope = 2.0

        def call(self, values):
            return self.slope * values

    steep = Steep(name="steep")
    inputs = keras.Input((8, 8, 1))
    values = steep(convolution(keras)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(values)))
    before = METHODS["gradient"](model, logit(0), images)
    found = METHODS["grad_cam"](model, layer("steep"), images)
    assert found.attrs["layer"] == "conv"
    steep.slope = 4.0  # told by neither config nor weights
    after = METHODS["gradient"](model, logit(0), images)
    np.testing.assert_allclose(after, 2 * before.values, rtol=1e-5)
    score = score_images(model, logit(0), images).values[0]
    for name in ("deconvolution", "grad_cam", "score_cam"):
        found = METHODS[name](model, logit(0), images)
        np.testing.assert_allclose(found.score, score, rtol=1e-5)


def test_all_methods_are_public():
    for name, method in METHODS.items():
        assert getattr(hm.attribution, name) is method
    assert hm.attribution.all_methods() == METHODS
    assert len(METHODS) == 14
