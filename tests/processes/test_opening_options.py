"""What strangers bring: own layers, damaged images, notebooks of JupyterLab."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image
from typer.testing import CliRunner

from happymaps_cli.main import app

COMMAND = [sys.executable, "-m", "happymaps_cli.main"]
LAYERS = """
import keras

@keras.saving.register_keras_serializable("mine")
class Double(keras.layers.Layer):
    def call(self, images):
        return 2 * images
"""
MAKE = """
import keras, blocks
i = keras.Input((12, 12, 1))
x = keras.layers.Conv2D(3, 3, activation="relu", name="maps")(blocks.Double()(i))
x = keras.layers.GlobalAveragePooling2D()(x)
keras.Model(i, keras.layers.Dense(2, activation="softmax")(x)).save("net.keras")
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Return a folder with a network, the module of its layer, and images."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "blocks.py").write_text(LAYERS)
    subprocess.run([sys.executable, "-c", MAKE], cwd=folder, check=True)
    rng = np.random.default_rng(0)
    for label in ("dark", "light"):
        (folder / "images" / label).mkdir(parents=True)
        for number in range(6):
            pixels = rng.integers(0, 256, (12, 12)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "images" / label / f"{number}.png")
    (folder / "images" / "dark" / "broken.png").write_bytes(b"")
    return folder


def call(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*COMMAND, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def diagnose(place: Path, *options: str) -> subprocess.CompletedProcess:
    words = ("net.keras", "folder:images", "--layers", "maps", "--steps", "3")
    return call(place, "diagnose", *words, "--seeds", "2", "--out", "page", *options)


@pytest.mark.parametrize("module", ["blocks.py", "blocks"])
def test_network_with_layers_of_ones_own_is_diagnosed(place, module):
    result = diagnose(place, "--custom-objects", module, "--skip-damaged")
    assert result.returncode == 0, result.stderr
    assert f"the code of {place / 'blocks.py'} is run" in result.stdout
    assert "Left out 1 of 13 files" in result.stderr
    assert (place / "page" / "index.html").is_file()


def test_each_fault_names_the_option_that_helps(place):
    result = diagnose(place)
    assert (result.returncode, "Traceback" in result.stderr) == (1, False)
    assert "(Double): its class is not known" in result.stderr
    assert "--custom-objects MODULE.py" in result.stderr
    result = diagnose(place, "--custom-objects", "blocks.py")
    assert result.returncode == 1
    assert "broken.png cannot be read" in result.stderr
    assert "--skip-damaged" in result.stderr


def test_a_module_that_is_not_there_is_told_at_once(place, monkeypatch):
    monkeypatch.chdir(place)
    words = ["diagnose", "net.keras", "folder:images", "--custom-objects", "absent.py"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert "must name a Python module" in result.stderr


def write(place: Path, name: str, *cells) -> None:
    nbformat.write(new_notebook(cells=list(cells)), place / name)


def parameters(source: str):
    return new_code_cell(source, metadata={"tags": ["parameters"]})


def test_notebook_as_it_was_in_jupyterlab_runs(place):
    Image.new("RGB", (4, 2), "teal").save(place / "plan.png")
    write(
        place,
        "lab.ipynb",
        new_markdown_cell("# Lab\n\n![the plan](plan.png)"),
        parameters("model = ''\nscale = 2.0  # of all"),
        new_code_cell("import os, happymaps as hm\nnetwork = hm.load_model(model)"),
        new_code_cell("print(os.environ['PROJECT'], scale, network.layers[1].name)"),
    )
    given = ("-p", "model=net.keras", "-p", "scale=3", "--custom-objects", "blocks.py")
    words = ("run", "lab.ipynb", *given, "--out", "runs")
    result = call(place, *words, PROJECT="here")
    assert result.returncode == 1
    assert "PROJECT are set and kept back" in result.stderr
    result = call(place, *words, PROJECT="here", HAPPYMAPS_PASS="PROJECT")
    assert result.returncode == 0, result.stderr
    (path,) = (place / "runs").glob("lab-*/notebook.ipynb")
    executed = nbformat.read(path, 4)
    assert executed.cells[-1].outputs[0].text == "here 3.0 double\n"
    assert "plan.png" in executed.cells[0].attachments


def test_wrong_parameters_are_told_at_once_before_anything_runs(place, monkeypatch):
    monkeypatch.chdir(place)
    write(place, "few.ipynb", parameters("seed = 1\ndataset = ''\nmodel = ''"))
    given = ("seed=x", "sed=1", "dataset=folder:absent", "model=absent.h5")
    words = [word for each in given for word in ("-p", each)]
    result = CliRunner().invoke(app, ["run", "few.ipynb", *words, "--out", "none"])
    assert result.exit_code == 1
    for each in ("'seed' must be int", "'sed'", "Received: 'absent'", "'absent.h5'"):
        assert each in result.stderr
    assert not (place / "none").exists()
