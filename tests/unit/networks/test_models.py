"""The study's network, writing networks, and what identifies them."""

import numpy as np
import pytest

from happymaps.backend import keras
from happymaps.networks.models import (
    build_cnn,
    fingerprint,
    randomize_weights,
    save_model,
)
from happymaps.networks.reading import load_model


def small(**options) -> keras.Model:
    return build_cnn(
        (24, 24, 1), 2, **{"filters": (2,), "dense_units": (3,), **options}
    )


def weights(model: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for weight in model.get_weights()]


def assert_same_weights(left: keras.Model, right: keras.Model) -> None:
    for one, other in zip(weights(left), weights(right), strict=True):
        np.testing.assert_array_equal(one, other)


# ---------------------------------------------------------------- the study's network


def test_study_network_has_the_layers_and_names_of_the_study():
    model = build_cnn((60, 64, 1), 2)
    assert [layer.name for layer in model.layers] == [
        "images", "conv2d_1", "pool_1", "conv2_2", "pool_2", "conv2_3", "pool_3",
        "flatten", "dense_1", "dense_2", "dense_3",
    ]  # fmt: skip
    # 60x64 shrinks to 29x31, 13x14, 5x6 with 64 channels: 1920 numbers.
    assert model.get_layer("flatten").output.shape == (None, 1920)
    parameters = {
        layer.name: layer.count_params() for layer in model.layers if layer.weights
    }
    assert parameters == {
        "conv2d_1": 9 * 1 * 32 + 32,
        "conv2_2": 9 * 32 * 32 + 32,
        "conv2_3": 9 * 32 * 64 + 64,
        "dense_1": 1920 * 64 + 64,
        "dense_2": 64 * 64 + 64,
        "dense_3": 64 * 2 + 2,
    }
    assert model.count_params() == 155298


def test_architecture_follows_filters_units_classes_and_channels():
    model = build_cnn((24, 24, 3), 5, filters=(2, 3), dense_units=(4,))
    assert model.input_shape == (None, 24, 24, 3)
    assert model.output_shape == (None, 5)
    # 24 -> 22 -> 11 -> 9 -> 4, so 4 x 4 x 3 = 48 numbers reach the first dense layer.
    assert model.count_params() == (27 * 2 + 2) + (18 * 3 + 3) + (48 * 4 + 4) + 25
    assert model.layers[-1].name == "dense_2"


def test_network_without_hidden_dense_layers_has_the_decision_alone():
    model = build_cnn((8, 8, 1), 3, filters=(1,), dense_units=())
    assert [layer.name for layer in model.layers][-2:] == ["flatten", "dense_1"]
    assert model.output_shape == (None, 3)


@pytest.mark.parametrize("activation", ["softmax", "linear", "sigmoid"])
def test_final_activation_is_that_of_the_decision_layer_alone(activation):
    model = small(final_activation=activation)
    names = [keras.activations.serialize(model.get_layer(n).activation)
             for n in ("conv2d_1", "dense_1", "dense_2")]  # fmt: skip
    assert names == ["relu", "relu", activation]


def test_initial_weights_depend_on_the_seed_alone():
    keras.utils.set_random_seed(1)
    first = small(seed=3)
    keras.utils.set_random_seed(2)
    assert_same_weights(first, small(seed=3))
    assert np.abs(weights(first)[0] - weights(small(seed=4))[0]).max() > 0.01


def test_layers_of_the_same_shape_start_with_different_weights():
    model = small(dense_units=(4, 4, 4))
    kernels = [
        model.get_layer(name).get_weights()[0] for name in ("dense_2", "dense_3")
    ]
    assert np.abs(kernels[0] - kernels[1]).max() > 0.01


@pytest.mark.parametrize("size", [(22, 22), (22, 40)])
def test_smallest_image_for_three_convolutions_is_accepted(size):
    # 22 -> 20 -> 10 -> 8 -> 4 -> 2 -> 1
    assert build_cnn((*size, 1), 2).get_layer("pool_3").output.shape[1] == 1


@pytest.mark.parametrize("size", [(21, 64), (64, 21), (2, 2)])
def test_too_small_image_is_refused_with_the_layer(size):
    layer = 1 if size == (2, 2) else 3
    with pytest.raises(ValueError, match=f"nothing is left after layer {layer}"):
        build_cnn((*size, 1), 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 1}, "num_classes must be >= 2. Received: 1"),
        ({"final_activation": "relu"}, "'linear' or 'sigmoid'. Received: 'relu'"),
    ],
)
def test_impossible_architecture_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build_cnn((24, 24, 1), **{"num_classes": 2, **options})


# ----------------------------------------------------------------------------- writing


def test_saved_network_comes_back_bit_by_bit(tmp_path):
    model = small(seed=5)
    path = save_model(model, tmp_path / "new" / "network.keras")
    assert path == tmp_path / "new" / "network.keras"
    again = load_model(str(path))
    assert_same_weights(model, again)
    images = np.random.default_rng(0).random((3, 24, 24, 1), np.float32)
    np.testing.assert_array_equal(model(images), again(images))


def test_failing_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = save_model(small(seed=1), tmp_path / "network.keras")
    before = path.read_bytes()
    model = small(seed=2)

    def fill_the_disk(target):
        target.write_bytes(b"half a network")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model, "save", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        save_model(model, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_save_replaces_an_older_network_and_leaves_no_other_file(tmp_path):
    path = save_model(small(seed=1), tmp_path / "network.keras")
    save_model(small(seed=2), path)
    assert_same_weights(load_model(path), small(seed=2))
    assert list(tmp_path.iterdir()) == [path]


def test_save_under_another_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Save the network as 'network\.keras'"):
        save_model(small(), tmp_path / "network.h5")


# ------------------------------------------------------------------------- fingerprint


def test_fingerprint_survives_saving_and_depends_on_nothing_else(tmp_path):
    model = small()
    found = fingerprint(model)
    assert len(found) == 16
    assert int(found, 16) >= 0
    assert fingerprint(load_model(save_model(model, tmp_path / "a.keras"))) == found
    assert fingerprint(small()) == found
    model.compile("adam", "sparse_categorical_crossentropy")
    assert fingerprint(model) == found


def adapted(keras, kind, seen):
    """Return a network that is the same but for what its first layer has seen."""
    options = {"num_bins": 2} if kind == "Discretization" else {}
    layer = getattr(keras.layers, kind)(name="first", **options)
    layer.adapt(np.array(seen))
    is_text = kind == "TextVectorization"
    inputs = keras.Input((1,), dtype="string" if is_text else "float32", name="inputs")
    return keras.Model(inputs, layer(inputs), name="adapted")


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("Normalization", [[1.0], [2.0]], [[1.0], [3.0]]),
        ("Discretization", [[1.0], [2.0], [3.0]], [[7.0], [8.0], [9.0]]),
        ("IntegerLookup", [[1], [2]], [[1], [3]]),
        ("TextVectorization", ["a b"], ["a c"]),
    ],
)
def test_fingerprint_tells_what_a_layer_was_adapted_to_before_and_after_saving(
    keras, tmp_path, kind, one, other
):
    model = adapted(keras, kind, one)
    found = fingerprint(model)
    assert fingerprint(adapted(keras, kind, one)) == found
    assert fingerprint(adapted(keras, kind, other)) != found
    model.save(tmp_path / "a.keras")
    assert fingerprint(load_model(tmp_path / "a.keras")) == found


def test_fingerprint_changes_with_a_single_weight():
    model, position = small(), (0, 1, 0, 1)
    before = fingerprint(model)
    values = weights(model)
    values[0][position] = np.nextafter(values[0][position], np.float32(1))
    model.set_weights(values)
    assert fingerprint(model) != before


def test_fingerprint_changes_with_the_config_where_weights_are_equal():
    first, second = small(), small(final_activation="linear")
    assert_same_weights(first, second)
    assert fingerprint(first) != fingerprint(second)


def looking_up(kind, seen, dtype, **options):
    layer = kind(name="seen", **options)
    layer.adapt(seen)
    inputs = keras.Input((1,), dtype=dtype, name="given")
    flat = keras.layers.Flatten(name="flat")(layer(inputs))
    outputs = keras.layers.Dense(1, kernel_initializer="ones", name="out")(flat)
    return keras.Model(inputs, outputs, name="looking_up")


@pytest.mark.parametrize(
    ("kind", "dtype", "first", "second", "options"),
    [
        (keras.layers.Normalization, "float32", [[1.0], [3]], [[1.0], [9]], {}),
        (
            keras.layers.Discretization, "float32", [[1.0], [2], [3]],
            [[1.0], [20], [30]], {"num_bins": 3, "output_mode": "one_hot"},
        ),
        (
            keras.layers.IntegerLookup, "int64", [[1], [2]], [[1], [5]],
            {"output_mode": "one_hot"},
        ),
        (
            keras.layers.TextVectorization, "string", [["a b"]], [["a c"]],
            {"output_mode": "multi_hot"},
        ),
    ],
)  # fmt: skip
def test_fingerprint_tells_what_a_layer_has_seen(kind, dtype, first, second, options):
    found = []
    for seen in (first, second, first):
        model = looking_up(kind, np.array(seen), dtype, **options)
        found.append(fingerprint(model))
    assert found[0] == found[2] != found[1]


def test_fingerprint_of_an_adapted_normalization_survives_saving(tmp_path):
    seen = np.array([[1.0], [3.0]])
    model = looking_up(keras.layers.Normalization, seen, "float32")
    loaded = load_model(save_model(model, tmp_path / "seen.keras"))
    assert fingerprint(loaded) == fingerprint(model)


# ------------------------------------------------------------------------- null models


@pytest.fixture
def trained() -> keras.Model:
    """A network whose biases are not all the same, as after training."""
    model = small(filters=(4,), dense_units=(8,))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=weight.shape) for weight in weights(model)])
    return model


def test_random_network_keeps_the_values_of_each_kernel_in_another_order(trained):
    null = randomize_weights(trained, seed=1)
    for old, new in zip(weights(trained), weights(null), strict=True):
        np.testing.assert_array_equal(np.sort(old, axis=None), np.sort(new, axis=None))
        same = np.mean(old == new)
        assert same < 0.5 if old.ndim > 1 else same == 1


def test_random_network_leaves_the_original_as_it_was(trained):
    before, config = weights(trained), trained.get_config()
    null = randomize_weights(trained, seed=1)
    null.set_weights([0 * weight for weight in weights(null)])
    for old, new in zip(before, weights(trained), strict=True):
        np.testing.assert_array_equal(old, new)
    assert trained.get_config() == config == null.get_config()


def test_random_network_depends_on_the_seed_alone(trained):
    first, again, other = (randomize_weights(trained, seed=s) for s in (1, 1, 2))
    assert_same_weights(first, again)
    assert not np.array_equal(weights(first)[0], weights(other)[0])


def test_random_network_keeps_the_statistics_of_normalization():
    layers = [keras.Input((8, 8, 1)), keras.layers.Conv2D(3, 3)]
    model = keras.Sequential([*layers, keras.layers.BatchNormalization()])
    values = weights(model)
    values[-2:] = [np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])]
    model.set_weights(values)
    for old, new in zip(values[1:], weights(randomize_weights(model))[1:], strict=True):
        np.testing.assert_array_equal(old, new)
