"""The default layer of class activation maps, for the layouts that people bring."""

import numpy as np
import pytest

from happymaps.attribution.methods.grad_cam import grad_cam
from happymaps.attribution.parts.last_map import last_map
from happymaps.backend import keras, tf
from happymaps.maps.objectives import logit
from happymaps.maps.scoring import read_places
from happymaps.networks.held_inputs import hold_inputs

layers = keras.layers

# Network -> the layer; of those that Keras numbers, what they are.
LAYOUTS = {
    "VGG16": "block5_conv3",
    "ResNet50": "conv5_block3_out",
    "DenseNet121": "relu",
    "InceptionV3": "mixed10",
    "MobileNetV2": "out_relu",
    "MobileNetV3Small": layers.Activation,
    "EfficientNetB0": "top_activation",
    "ConvNeXtTiny": keras.Operation,  # + of two values, which is no layer
}


def last_call(model, objective=None):
    unrolled, read = read_places(model, (objective or logit(0)).places, "leaky")
    return unrolled.calls[last_map(unrolled, read)]


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_last_map_of_a_layout_is_before_its_head(name):
    make, expected = getattr(keras.applications, name), LAYOUTS[name]
    model = make(weights=None, input_shape=(128, 128, 3), classes=3)
    call = last_call(model)
    layer = call.chain[-1]
    if isinstance(expected, str):
        assert call.path == expected
    else:
        assert isinstance(layer, expected)
    assert np.prod(layer.output.shape[1:3]) > 1
    # Keras makes this network only if nothing else than the layer leads to the output.
    behind = keras.Model(layer.output, model.output)
    maps = [
        each.name
        for each in behind.layers[1:]
        if len(each.output.shape) == 4 and np.prod(each.output.shape[1:3]) > 1
    ]
    assert maps in ([], ["block5_pool"])


def test_it_is_the_same_inside_another_network():
    inner = keras.applications.MobileNetV2(
        weights=None, input_shape=(64, 64, 3), include_top=False, alpha=0.35
    )
    inputs = keras.Input((64, 64, 3))
    pooled = layers.GlobalAveragePooling2D()(inner(layers.Rescaling(2.0)(inputs)))
    model = keras.Model(inputs, layers.Dense(2)(layers.Dropout(0.5)(pooled)))
    assert last_call(model).path == f"{inner.name}/out_relu"


def residual():
    inputs = keras.Input((8, 8, 1))
    first = layers.Conv2D(3, 3, activation="relu", name="first")(inputs)
    inside = layers.Conv2D(3, 3, padding="same", name="inside")(first)
    both = layers.Add(name="both")([first, inside])
    return inputs, layers.ReLU(name="after")(both)


def ending(inputs, values, outputs=2):
    pooled = layers.GlobalAveragePooling2D()(values)
    return keras.Model(inputs, layers.Dense(outputs, name="out")(pooled))


def weighed_channels():
    inputs, values = residual()
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(values)
    share = layers.Conv2D(3, 1, activation="sigmoid", name="excite")(squeezed)
    return ending(inputs, layers.Multiply(name="weighed")([values, share]))


def one_position():
    inputs, values = residual()
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(values)
    head = layers.Conv2D(2, 1, name="head")(pooled)
    return keras.Model(inputs, layers.Flatten()(head))


def sum_by_an_operation():
    inputs, values = residual()
    return ending(inputs, values + 0.5 * layers.Conv2D(3, 1)(values))


def added_by_a_layer_of_ones_own():
    class Block(layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.inside = layers.Conv2D(2, 3)

        def call(self, values):
            return keras.ops.relu(self.inside(values))

    inputs = keras.Input((8, 8, 1))
    return ending(inputs, layers.MaxPooling2D()(Block(name="block")(inputs)))


def through_a_held_input():
    inputs, other = keras.Input((8, 8, 1), name="image"), keras.Input((8, 8, 3))
    values = layers.Conv2D(3, 3, padding="same", name="free")(inputs)
    held = layers.Conv2D(3, 3, padding="same", name="held")(other)
    model = ending([inputs, other], layers.Concatenate(name="joined")([values, held]))
    return hold_inputs(model, {other.name: 0.5})


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda: ending(*residual()), "after"),
        (weighed_channels, "weighed"),
        (one_position, "after"),
        (sum_by_an_operation, "add"),
        (added_by_a_layer_of_ones_own, "block"),
        (through_a_held_input, "joined"),
    ],
)
def test_it_is_where_all_branches_have_met(make, path):
    assert last_call(make()).path.rpartition("/")[2].startswith(path)


def test_branches_that_meet_as_numbers_only_have_no_map_together():
    inputs = keras.Input((8, 8, 1))
    pooled = [
        layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, name=name)(inputs))
        for name in ("left", "right")
    ]
    model = keras.Model(inputs, layers.Dense(2)(layers.Concatenate()(pooled)))
    images = np.zeros((1, 8, 8, 1), np.float32)
    with pytest.raises(ValueError, match=r"whose map the whole score passes.*layer="):
        grad_cam(model, logit(0), images)
    assert grad_cam(model, logit(0), images, layer="left").attrs["layer"] == "left"


def test_the_map_of_a_residual_block_is_that_by_hand():
    keras.utils.set_random_seed(1)
    model = ending(*residual())
    images = np.random.default_rng(0).random((3, 8, 8, 1)).astype(np.float32)
    maps = keras.Model(model.input, model.get_layer("after").output)(images)
    weights = model.get_layer("out").kernel.numpy()[:, 1] / 36
    coarse = np.maximum((maps * weights).numpy().sum(-1), 0)
    expected = tf.image.resize(coarse[..., None], (8, 8))
    found = grad_cam(model, logit(1), images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
