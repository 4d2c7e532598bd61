"""How tests run, and tiny networks whose answers are known by hand.

Every layer that is asked about has planted weights, so that a test can work its values
out with NumPy. Keras is imported when the first network is built: tests that need none
do not wait for it. The networks are shared by all tests, since nothing may change them.
"""

import gc

import numpy as np
import pytest
from hypothesis import settings

from happymaps.base.processors import num_cpus
from happymaps_runs.lean_imports import skip_url_grammar

# Before anything imports nbformat, which takes six seconds otherwise.
skip_url_grammar()

# Hypothesis' own profile for CI: no deadline, since a loaded machine is no fault of the
# code, and the same examples in every run, so that what passed here passes elsewhere.
settings.load_profile("ci")

# Folders of tests that wait for other processes, and take longest.
WAITING = ("processes", "browser")


def pytest_xdist_auto_num_workers(config):
    """Return one more than there are processors: some tests wait for processes."""
    return min(num_cpus() + 1, 8)  # each takes up to a gigabyte


def pytest_collection_modifyitems(items):
    """Begin with the tests that take longest, so that no worker ends late."""
    items.sort(key=lambda item: item.path.parent.name not in WAITING)


# Traced networks are millions of objects that live on: Python's own thresholds would
# have them looked through so often that it costs a seventh of the time.
gc.set_threshold(100_000, 50, 100)

SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)


def convolve(images, kernel, bias=0.0):
    """Correlate images (n, h, w, c) with a kernel (kh, kw, c, filters), no padding."""
    windows = np.lib.stride_tricks.sliding_window_view(
        np.asarray(images, np.float64), kernel.shape[:2], axis=(1, 2)
    )
    return np.einsum("nyxcij,ijcf->nyxf", windows, kernel) + bias


@pytest.fixture(scope="session")
def keras():
    from happymaps.backend import keras

    return keras


@pytest.fixture(scope="session")
def reference_convolution():
    return convolve


@pytest.fixture
def images():
    return np.random.default_rng(5).random((4, 8, 8, 1)).astype(np.float32)


@pytest.fixture
def rgb_images():
    return np.random.default_rng(6).random((4, 8, 8, 3)).astype(np.float32)


@pytest.fixture(scope="session")
def dense_network(keras):
    """Return a function: weights (64, units) and bias -> a network with that layer."""

    def build(kernel, bias=None, activation=None):
        units = kernel.shape[1]
        inputs = keras.Input((8, 8, 1))
        flat = keras.layers.Flatten(name="flat")(inputs)
        layer = keras.layers.Dense(units, activation=activation, name="out")
        model = keras.Model(inputs, layer(flat))
        layer.set_weights([kernel, np.zeros(units) if bias is None else bias])
        return model

    return build


@pytest.fixture(scope="session")
def checkerboard():
    """Return +0.5 and -0.5 on the fields of a chessboard, shape (8, 8)."""
    return (0.5 - np.indices((8, 8)).sum(axis=0) % 2).astype(np.float32)


@pytest.fixture(scope="session")
def linear_network(dense_network, checkerboard):
    """Return a linear layer `out`: random weights, a checkerboard, a dead unit."""
    random = np.random.default_rng(1).normal(size=64)
    kernel = np.stack([random, checkerboard.ravel(), np.zeros(64)], axis=1)
    return dense_network(kernel, bias=np.array([0.25, 0.0, 1.0]))


@pytest.fixture(scope="session")
def softmax_network(dense_network, checkerboard):
    """Return a function: steepness -> two softmax units with opposite weights."""

    def build(steepness=1.0, bias=0.0):
        board = checkerboard.ravel() * steepness
        kernel = np.stack([board, -board], axis=1)
        return dense_network(kernel, np.array([bias, -bias]), activation="softmax")

    return build


@pytest.fixture(scope="session")
def sobel_network(keras):
    """Return a convolution `edges` with ReLU: Sobel's x and y, and a head of 2."""
    inputs = keras.Input((8, 8, 1))
    edges = keras.layers.Conv2D(2, 3, activation="relu", name="edges")
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(edges(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="head")(pooled))
    kernel = np.stack([SOBEL_X, SOBEL_X.T], axis=-1)[:, :, None]
    edges.set_weights([kernel, np.array([0.0, -0.5])])
    model.get_layer("head").set_weights([np.array([[1.0, 2], [3, 4]]), np.zeros(2)])
    return model


@pytest.fixture(scope="session")
def nested_network(keras):
    """Return an RGB network two levels deep, with BatchNormalization and own ReLU.

    `trunk` (Rescaling, `backbone`), `drop`, `pool`, `logits`, `probabilities`;
    `backbone` is `conv`, `norm`, `relu`.
    """
    layers, rng = keras.layers, np.random.default_rng(2)
    inner = keras.Input((8, 8, 3))
    conv = layers.Conv2D(4, 3, use_bias=False, name="conv")
    norm = layers.BatchNormalization(epsilon=0.5, name="norm")
    backbone = keras.Model(
        inner, layers.ReLU(name="relu")(norm(conv(inner))), name="backbone"
    )
    middle = keras.Input((8, 8, 3))
    scaled = layers.Rescaling(2.0, offset=-1.0, name="scale")(middle)
    trunk = keras.Model(middle, backbone(scaled), name="trunk")
    outer = keras.Input((8, 8, 3))
    dropped = layers.Dropout(0.5, name="drop")(trunk(outer))
    pooled = layers.GlobalAveragePooling2D(name="pool")(dropped)
    logits = layers.Dense(2, name="logits")(pooled)
    model = keras.Model(
        outer, layers.Activation("softmax", name="probabilities")(logits)
    )
    conv.set_weights([rng.normal(size=(3, 3, 3, 4))])
    gamma, beta, mean, variance = rng.uniform(0.5, 1.5, (4, 4))
    norm.set_weights([gamma, beta, mean, variance])
    return model


@pytest.fixture(scope="session")
def sequential_network(keras):
    """Return a Sequential network: `convolution` with ReLU, Flatten, `single`."""
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(2, 3, activation="relu", name="convolution"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(1, name="single"),
        ]
    )


@pytest.fixture(scope="session")
def shared_network(keras):
    """Return a network that uses `twice`, a 1x1 convolution 3x - 1 with ReLU, twice."""
    inputs = keras.Input((8, 8, 1))
    twice = keras.layers.Conv2D(1, 1, activation="relu", name="twice")
    model = keras.Model(inputs, twice(twice(inputs)))
    twice.set_weights([np.full((1, 1, 1, 1), 3.0), np.array([-1.0])])
    return model


@pytest.fixture(scope="session")
def network_state():
    """Return a function: model -> all that must stay as it is, as comparable values."""

    def describe(model):
        layers = model._flatten_layers()
        return {
            "config": repr(model.get_config()),
            "layers": [layer.name for layer in model.layers],
            "weights": [weight.tobytes() for weight in model.get_weights()],
            "trainable": [weight.path for weight in model.trainable_weights],
            "calls": [
                (layer.name, len(layer._inbound_nodes), len(layer._outbound_nodes))
                for layer in layers
            ],
        }

    return describe
