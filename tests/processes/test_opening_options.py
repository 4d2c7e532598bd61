"""What strangers bring: own layers, damaged images, notebooks of JupyterLab."""

import shutil
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from click.testing import Result
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image
from typer.testing import CliRunner

from happymaps.base.paths import CUSTOM_OBJECTS, SKIP_DAMAGED
from happymaps_cli.main import app

LAYERS = """
import keras

@keras.saving.register_keras_serializable("mine")
class Double(keras.layers.Layer):
    def call(self, images):
        return 2 * images
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory, keras) -> Path:
    """Return a folder with a network, the module of its layer, and images."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "blocks.py").write_text(LAYERS)
    rng = np.random.default_rng(0)
    for label in ("dark", "light"):
        (folder / "images" / label).mkdir(parents=True)
        for number in range(6):
            pixels = rng.integers(0, 256, (12, 12)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "images" / label / f"{number}.png")
    (folder / "images" / "dark" / "broken.png").write_bytes(b"")
    namespace: dict = {"__name__": "blocks"}
    exec(LAYERS, namespace)
    inputs = keras.Input((12, 12, 1))
    maps = keras.layers.Conv2D(3, 3, activation="relu", name="maps")
    pooled = keras.layers.GlobalAveragePooling2D()(maps(namespace["Double"]()(inputs)))
    head = keras.layers.Dense(2, activation="softmax")
    keras.Model(inputs, head(pooled)).save(folder / "net.keras")
    return folder


@pytest.fixture(autouse=True)
def stranger(place, keras, monkeypatch):
    """Stand in the folder, in a process that has never heard of its layers."""
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in (CUSTOM_OBJECTS, SKIP_DAMAGED):
        monkeypatch.setenv(name, "")  # so that it is gone after the test
        monkeypatch.delenv(name)
    yield
    sys.modules.pop("blocks", None)
    keras.saving.get_custom_objects().pop("mine>Double", None)


@pytest.fixture(autouse=True, scope="module")
def forgotten(place, keras):
    """Forget what making the network has registered."""
    del keras.saving.get_custom_objects()["mine>Double"]


def call(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def diagnose(*options: str) -> Result:
    words = ("net.keras", "folder:images", "--layers", "maps", "--steps", "3")
    return call("diagnose", *words, "--seeds", "2", "--out", "page", *options)


@pytest.mark.filterwarnings("ignore:The gradient of")
@pytest.mark.parametrize("module", ["blocks.py", "blocks"])
def test_network_with_layers_of_ones_own_is_diagnosed(place, module):
    shutil.rmtree(place / "page", ignore_errors=True)
    with pytest.warns(UserWarning, match="Left out 1 of 13 files"):
        result = diagnose("--custom-objects", module, "--skip-damaged")
    assert result.exit_code == 0, result.output
    assert f"the code of {place / 'blocks.py'} is run" in result.stdout
    assert (place / "page" / "index.html").is_file()


def test_each_fault_names_the_option_that_helps():
    result = diagnose()
    assert result.exit_code == 1
    assert "(Double): its class is not known" in result.stderr
    assert "--custom-objects MODULE.py" in result.stderr
    result = diagnose("--custom-objects", "blocks.py")
    assert result.exit_code == 1
    assert "broken.png cannot be read" in result.stderr
    assert "--skip-damaged" in result.stderr
    result = diagnose("--custom-objects", "absent.py")
    assert result.exit_code == 1
    assert "must name a Python module" in result.stderr


def write(place: Path, name: str, *cells) -> None:
    nbformat.write(new_notebook(cells=list(cells)), place / name)


def parameters(source: str):
    return new_code_cell(source, metadata={"tags": ["parameters"]})


def test_notebook_as_it_was_in_jupyterlab_runs(place, monkeypatch):
    Image.new("RGB", (4, 2), "teal").save(place / "plan.png")
    write(
        place,
        "lab.ipynb",
        new_markdown_cell("# Lab\n\n![the plan](plan.png)"),
        parameters("model = ''\nscale = 2.0  # of all"),
        new_code_cell("import os\nproject = os.environ['PROJECT']"),
        new_code_cell("import happymaps as hm\nnetwork = hm.load_model(model)"),
        new_code_cell("print(project, scale, network.layers[1].name)"),
    )
    given = ("-p", "model=net.keras", "-p", "scale=3", "--custom-objects", "blocks.py")
    words = ("run", "lab.ipynb", *given, "--out", "runs")
    monkeypatch.setenv("PROJECT", "here")
    result = call(*words)
    assert result.exit_code == 1
    assert "PROJECT are set and kept back" in result.stderr
    monkeypatch.setenv("HAPPYMAPS_PASS", "PROJECT")
    result = call(*words)
    assert result.exit_code == 0, result.stderr
    (path,) = (place / "runs").glob("lab-*/notebook.ipynb")
    executed = nbformat.read(path, 4)
    assert executed.cells[-1].outputs[0].text == "here 3.0 double\n"
    assert "plan.png" in executed.cells[0].attachments


def test_wrong_parameters_are_told_at_once_before_anything_runs(place):
    write(place, "few.ipynb", parameters("seed = 1\ndataset = ''\nmodel = ''"))
    given = ("seed=x", "sed=1", "dataset=folder:absent", "model=absent.h5")
    words = [word for each in given for word in ("-p", each)]
    result = call("run", "few.ipynb", *words, "--out", "none")
    assert result.exit_code == 1
    for each in ("'seed' must be int", "'sed'", "Received: 'absent'", "'absent.h5'"):
        assert each in result.stderr
    assert not (place / "none").exists()
