"""Saved networks: what is read, what is refused, and with which words."""

import logging
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import keras2_files
import numpy as np
import pytest

from happymaps.backend import keras
from happymaps.base.paths import CUSTOM_OBJECTS
from happymaps.networks.models import build_cnn, save_model
from happymaps.networks.reading import load_model

REPOSITORY = Path(__file__).parents[3]


def small() -> keras.Model:
    return build_cnn((24, 24, 1), 2, filters=(2,), dense_units=(3,))


# ----------------------------------------------------------------------- of Keras 3


def test_h5_network_is_read_without_its_optimizer(tmp_path, caplog):
    caplog.set_level(logging.ERROR)
    model = small()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "network.h5")
    again = load_model(tmp_path / "network.h5")
    assert not again.compiled
    for old, new in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_lambda_layer_is_refused_with_reason_and_its_code_never_runs(tmp_path, ending):
    ran = str(tmp_path / "ran")
    layers = [
        keras.Input((8, 8, 1)),
        keras.layers.Lambda(lambda images: (Path(ran).touch(), images)[1]),
        keras.layers.Flatten(),
        keras.layers.Dense(2),
    ]
    path = tmp_path / f"network.{ending}"
    keras.Sequential(layers).save(path)
    Path(ran).unlink()
    with pytest.raises(ValueError, match="was refused: it holds Python code") as caught:
        load_model(path)
    assert "Rescaling" in str(caught.value)
    assert not Path(ran).exists()


def test_name_of_a_file_is_no_reason_to_refuse_it(tmp_path):
    path = save_model(small(), tmp_path / "lambda_unsafe.keras")
    assert load_model(path).name == "study_network"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match="damaged, cut short or of another kind"):
        load_model(path)


def test_layer_of_ones_own_is_refused_with_the_way_to_register_it(tmp_path):
    class LambdaFree(keras.layers.Layer):
        def call(self, images):
            return images

    model = keras.Sequential([keras.Input((8, 8, 1)), LambdaFree()])
    model.save(tmp_path / "own.keras")
    with pytest.raises(ValueError, match="register_keras_serializable"):
        load_model(tmp_path / "own.keras")


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*absent\.keras"):
        load_model(tmp_path / "absent.keras")


@pytest.mark.parametrize("name", ["model.pkl", "model", "model.keras.zip"])
def test_file_of_another_kind_is_refused_unread(tmp_path, name):
    (tmp_path / name).write_bytes(b"whatever")
    with pytest.raises(ValueError, match=r"a \.keras or \.h5 file.*model\.save"):
        load_model(tmp_path / name)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.98])
def test_truncated_file_is_refused_with_a_remedy(tmp_path, share):
    path = save_model(small(), tmp_path / "network.keras")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"could not be read .* Save or copy it again"):
        load_model(path)


def test_archive_without_a_network_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(ValueError, match="could not be read as a Keras network"):
        load_model(tmp_path / "other.keras")


def test_damaged_h5_file_is_refused(tmp_path):
    (tmp_path / "network.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ValueError, match="could not be read as a Keras network"):
        load_model(tmp_path / "network.h5")


# ------------------------------------------------------------------------- of Keras 2


@pytest.fixture(scope="module")
def of_keras2(tmp_path_factory) -> Path:
    """Return a folder of networks that Keras 2 saved, with what it predicts."""
    folder = tmp_path_factory.mktemp("keras2")
    command = [sys.executable, keras2_files.__file__, str(folder)]
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1"}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return folder


def assert_same_outputs(model, kept) -> None:
    outputs = model(kept["inputs"], training=False)
    np.testing.assert_allclose(outputs, kept["outputs"], rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Keras, on options of Keras 2
@pytest.mark.parametrize("name", keras2_files.NETWORKS)
def test_h5_file_of_keras_2_gives_the_same_outputs(of_keras2, name):
    before = (of_keras2 / f"{name}.h5").read_bytes()
    model = load_model(of_keras2 / f"{name}.h5")
    assert_same_outputs(model, np.load(of_keras2 / f"{name}.npz"))
    assert (of_keras2 / f"{name}.h5").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("two.keras", r"saved by Keras 2\..*tf_keras\.models\.load_model"),
        ("folder", r"SavedModel folder.*tf_keras\.models\.load_model"),
        ("served", "SavedModel folder.*holds no layers"),
        ("weights.h5", r"holds weights only.*model\.load_weights"),
        ("checkpoint.index", "TensorFlow checkpoint, which holds weights only"),
        ("function.h5", r"layer 'tf\.math\.abs' \(TFOpLambda\).*layers instead"),
        ("gone.h5", r"layer 'gone' \(ThresholdedReLU\).*--custom-objects"),
        ("time_major.h5", r"layer 'backwards' \(LSTM\): .*'time_major': True"),
    ],
)
def test_what_keras_3_cannot_read_is_named_for_what_it_is(of_keras2, name, message):
    with pytest.raises(ValueError, match=message):
        load_model(of_keras2 / name)


@pytest.mark.parametrize("name", ["two.keras", "folder"])
def test_advised_conversion_works(of_keras2, name):
    with pytest.raises(ValueError, match="Convert it once") as caught:
        load_model(of_keras2 / name)
    code = str(caught.value).split('python -c "')[1].split('"')[0]
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    converted = (of_keras2 / name).with_suffix(".h5")
    images = np.random.default_rng(0).random((2, 12, 12, 3), np.float32)
    np.testing.assert_allclose(
        load_model(converted)(images), load_model(of_keras2 / "plain.h5")(images), 1e-5
    )


def test_layer_that_keras_3_no_longer_has_can_be_given(of_keras2):
    class ThresholdedReLU(keras.layers.Layer):
        def __init__(self, theta, **options):
            super().__init__(**options)
            self.theta = theta

        def call(self, inputs):
            return keras.ops.where(inputs > self.theta, inputs, 0)

    own = {"ThresholdedReLU": ThresholdedReLU}
    model = load_model(of_keras2 / "gone.h5", custom_objects=own)
    kernel, bias = model.layers[-1].get_weights()
    inputs = np.array([[0.5, 1.5, -2, 3]], np.float32)
    kept = np.array([[0, 1.5, 0, 3]])
    np.testing.assert_allclose(model(inputs), kept @ kernel + bias, rtol=1e-5)


# ---------------------------------------------------------------- layers of one's own

OWN = """
import keras

class Double(keras.layers.Layer):
    def call(self, images):
        return 2 * images

def cube(values):
    return values**3
"""


@pytest.fixture
def own_network(tmp_path) -> Path:
    """Return a file with a layer and a function that are not registered."""
    space: dict = {}
    exec(OWN, space)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            space["Double"](name="twice"),
            keras.layers.Dense(4, activation=space["cube"], kernel_initializer="ones"),
        ]
    )
    model.save(tmp_path / "own.keras")
    return tmp_path / "own.keras"


def test_all_layers_at_fault_are_named_with_both_ways(own_network):
    with pytest.raises(ValueError, match=r"'twice' \(Double\).*cube") as caught:
        load_model(own_network)
    assert "--custom-objects MODULE.py" in str(caught.value)
    assert "custom_objects={" in str(caught.value)


def test_layers_of_ones_own_are_given_by_name(own_network):
    space: dict = {}
    exec(OWN, space)
    model = load_model(own_network, custom_objects=space)
    # Each of four outputs is the cube of twice the sum of the inputs.
    np.testing.assert_array_equal(model(np.ones((1, 4))), np.full((1, 4), 512))


def test_module_of_layers_is_named_by_an_environment_variable(own_network, monkeypatch):
    (own_network.parent / "blocks_of_mine.py").write_text(OWN)
    path = str(own_network.parent / "blocks_of_mine.py")
    monkeypatch.setenv(CUSTOM_OBJECTS, path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for _ in range(2):  # imported once, and not registered again
        model = load_model(own_network)
        np.testing.assert_array_equal(model(np.ones((1, 4))), np.full((1, 4), 512))


def test_module_that_fails_is_told_in_one_line(tmp_path, monkeypatch):
    save_model(small(), tmp_path / "network.keras")
    (tmp_path / "broken_blocks.py").write_text("1 / 0")
    monkeypatch.setenv(CUSTOM_OBJECTS, str(tmp_path / "broken_blocks.py"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(ValueError, match="could not be imported: ZeroDivisionError"):
        load_model(tmp_path / "network.keras")


# ----------------------------------------------------------------- files of other kinds


@pytest.mark.parametrize(("ending", "other"), [("keras", "h5"), ("h5", "keras")])
def test_file_under_another_ending_is_told_to_be_renamed(tmp_path, ending, other):
    small().save(tmp_path / f"network.{ending}")
    (tmp_path / f"network.{ending}").rename(tmp_path / f"network.{other}")
    with pytest.raises(ValueError, match=f"Rename it to 'network.{ending}'"):
        load_model(tmp_path / f"network.{other}")


def test_pointer_of_git_lfs_is_told(tmp_path):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
    (tmp_path / "network.keras").write_text(pointer)
    with pytest.raises(ValueError, match="git lfs pull"):
        load_model(tmp_path / "network.keras")
