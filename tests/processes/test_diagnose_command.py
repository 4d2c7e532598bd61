"""`happymaps diagnose` as a stranger meets it: planted faults, found by the command."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from diagnosis_cases import make_findings, make_pictures, make_units
from PIL import Image
from typer.testing import CliRunner

from happymaps.diagnosis.diagnose import Diagnosis
from happymaps_cli.diagnose import _check_numbers, _check_out, _write
from happymaps_cli.main import app

SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
# Channel to what was planted there.
PLANTED = {1: "dead", 3: "brightness", 4: "duplicate"}
FILTERS = [(SOBEL, 0), (SOBEL, -9), (SOBEL.T, 0), (np.ones((3, 3)) / 9, -0.5),
           (2 * SOBEL, 0)]  # fmt: skip


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["diagnose", *map(str, arguments)])


@pytest.fixture(scope="module")
def network(tmp_path_factory, keras) -> Path:
    """Return a file: five planted filters; the class is whether the image is bright."""
    inputs = keras.Input((12, 12, 1))
    planted = keras.layers.Conv2D(5, 3, activation="relu", name="planted")
    pooled = keras.layers.GlobalAveragePooling2D()(planted(inputs))
    head = keras.layers.Dense(2, activation="softmax", name="head")
    model = keras.Model(inputs, head(pooled))
    kernel = np.stack([kernel for kernel, _ in FILTERS], axis=-1)[:, :, None]
    planted.set_weights([kernel, np.array([bias for _, bias in FILTERS])])
    reading = np.zeros((5, 2))
    reading[3, 1] = 60
    head.set_weights([reading, np.array([6.0, 0])])
    path = tmp_path_factory.mktemp("networks") / "planted.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a folder of noise, dark and bright, of another size than the network's."""
    root = tmp_path_factory.mktemp("photographs") / "lights"
    rng = np.random.default_rng(0)
    for name, level in (("1_dark", 60), ("2_bright", 190)):
        (root / name).mkdir(parents=True)
        for i in range(12):
            pixels = level + rng.integers(-40, 41, (12, 12))
            large = Image.fromarray(pixels.astype(np.uint8)).resize((24, 24), 0)
            large.save(root / name / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def made(network, folder, tmp_path_factory):
    """Return the folder of the page, and what the command said."""
    out = tmp_path_factory.mktemp("pages") / "page"
    options = ("--layers", "planted", "--seeds", 2, "--steps", 30, "--out", out,
               "--training-images", f"folder:{folder}")  # fmt: skip
    # The head is sure of the dark images, whose score has no slope.
    with pytest.warns(UserWarning, match=r"gradient of logit\[0\] is zero everywhere"):
        result = call(network, f"folder:{folder}", *options)
    assert result.exit_code == 0, result.stderr
    return out, result


def test_planted_units_are_found_by_the_command(made):
    units = pd.read_csv(made[0] / "units.csv")
    kinds = units.set_index("channel")["kind"]
    assert units["layer"].unique().tolist() == ["planted"]
    assert {channel: kinds[channel] for channel in PLANTED} == PLANTED
    assert units["duplicate_of"][4] == "planted[0]"
    assert units["on_rate"][1] == 0
    assert kinds[0] == kinds[2] == "edge"


def test_the_page_says_so_in_words(made):
    found = json.loads((made[0] / "summary.json").read_text())
    assert found["performance"]["accuracy"] == 1
    assert found["learned"] == found["performance"]
    (units,) = [each for each in found["findings"] if each["kind"] == "units"]
    assert units["sentence"] == "2 units of 5 in planted could go."
    assert (units["numbers"]["dead"], units["numbers"]["doubles"]) == (1, 1)
    (layer,) = found["removal"]["layers"]
    assert (layer["dead"], layer["doubles"], layer["changed"]) == ([1], [4], 0)
    page = (made[0] / "index.html").read_text()
    assert "</span> planted on lights</p>" in page
    assert f"<h1>{found['headline']}</h1>".replace(" %", "\N{NO-BREAK SPACE}%") in page


def test_the_command_prints_the_first_sentence_and_the_page(made):
    out, result = made
    assert "It names 100 % right" in result.stdout
    findings = json.loads((out / "summary.json").read_text())["findings"]
    for each in findings:
        is_told = f"- {each['sentence']} {each['advice']}" in result.stdout
        assert is_told == (each["weight"] != "note")
    assert {each["weight"] for each in findings} >= {"note"}
    assert f"The diagnosis: {out / 'index.html'}" in result.stdout


def test_the_page_holds_no_path_of_this_machine(made, folder, network):
    for path in made[0].rglob("*"):
        if path.suffix in (".html", ".json", ".csv"):
            text = path.read_text()
            assert str(folder.parent) not in text
            assert str(network.parent) not in text


def test_a_second_run_replaces_the_page_whole(tmp_path):
    out = tmp_path / "page"
    findings = make_findings()
    found = Diagnosis(findings, make_units(), make_pictures(findings=findings))
    _write(found, ("first", "mine"), out)
    before = {path.relative_to(out) for path in out.rglob("*")}
    (out / "left over.txt").write_text("of an earlier version")
    assert _check_out(out) == out  # ours: may be replaced
    _write(found, ("second", "mine"), out)
    assert {path.relative_to(out) for path in out.rglob("*")} == before
    assert "second on mine</p>" in (out / "index.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_folders_of_others_are_refused_and_empty_ones_taken(tmp_path):
    assert _check_out(tmp_path) == tmp_path
    assert _check_out(tmp_path / "new") == tmp_path / "new"
    for name, text in (("photo.png", ""), ("summary.json", '{"made_by": "me"}')):
        other = tmp_path / name.partition(".")[0]
        other.mkdir()
        (other / name).write_text(text)
        with pytest.raises(ValueError, match="holds other files"):
            _check_out(other)


def test_a_place_that_cannot_be_written_to_is_refused_at_once(tmp_path, monkeypatch):
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    with pytest.raises(ValueError, match="must lie in a folder that can be written"):
        _check_out(file / "page")
    with pytest.raises(ValueError, match="which is a file"):
        _check_out(file)
    # The tests may run as root, who may write anywhere.
    monkeypatch.setattr("happymaps_runs.folders.os.access", lambda *_: False)
    with pytest.raises(ValueError, match="which cannot"):
        _check_out(tmp_path / "deep" / "page")


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((1, 1, 1, 0, 1), "--seeds must be at least 2. Received: 1"),
        ((2, 0, 1, 0, 1), "--units must be at least 1"),
        ((2, 1, 0, 0, 1), "--steps must be at least 1"),
        ((2, 1, 1, 1, 1), "--lowest-pixel must be below --highest-pixel"),
        ((2, 1, 1, 0, float("nan")), "--lowest-pixel must be below"),
    ],
)
def test_options_out_of_range_are_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        _check_numbers(*numbers)


def test_what_does_not_exist_is_one_line(network, folder, tmp_path):
    absent = "There is no file"
    assert_refused(("absent.keras", "synthetic_faces"), absent, tmp_path)
    assert_refused((network, "cmu_face"), "Did you mean 'cmu_faces'?", tmp_path)
    size = (network, f"folder:{folder}", "--image-size", "60")
    assert_refused(size, "as in 60x64", tmp_path)


def test_classes_that_do_not_fit_are_one_line(network, folder, tmp_path):
    third = tmp_path / "three"
    for name in ("a", "b", "c"):
        (third / name).mkdir(parents=True)
        Image.new("L", (12, 12), 99).save(third / name / "0.png")
    message = "output shape (None, 2), and 3 classes (a, b, c)"
    assert_refused((network, f"folder:{third}"), message, tmp_path)


def test_layers_without_units_and_wrong_sizes_are_refused(network, folder):
    from happymaps.diagnosis.opening import open_classifier

    images = f"folder:{folder}"
    with pytest.raises(ValueError, match="Did you mean 'planted'"):
        open_classifier(network, images, layers=["plantet"])
    pooling = "global_average_pooling2d"
    with pytest.raises(ValueError, match="in convolution, dense and activation"):
        open_classifier(network, images, layers=[pooling_name(network, pooling)])
    with pytest.raises(ValueError, match="The network takes images of shape"):
        open_classifier(network, images, image_size="24x24")
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(
            "happymaps.networks.study.load_model"
        )  # the file is read once, and before
        _, opened = open_classifier(network, images, pixel_range=(0, 255))
    assert opened.images.shape == (24, 12, 12, 1)
    assert opened.images.max() > 200


def pooling_name(network: Path, start: str) -> str:
    from happymaps.networks.layers import layer_paths
    from happymaps.networks.reading import load_model

    return next(p for p in layer_paths(load_model(network)) if p.startswith(start))


def assert_refused(arguments, message: str, tmp_path: Path) -> None:
    out = tmp_path / "page"
    result = call(*arguments, "--out", out)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not out.exists()
