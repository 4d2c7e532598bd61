import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_notebook

from happymaps.explorer.saving import (
    SWEEP_FUNCTION,
    SWEEP_NOTEBOOK,
    check_source,
    parameter_cell,
    sweep_text,
    write_sweep,
)
from happymaps.explorer.settings import (
    MapSettings,
    format_channels,
    parse_channels,
    weight_choices,
)
from happymaps_runs.notebooks.parameters import read_parameters

SETTINGS = MapSettings("conv", (0, 3), "sad", 0.02, 1e-5, num_seeds=2, seed=4)
SOURCE = {"dataset": 'folder:my "images"', "network_seed": 7}


@pytest.mark.parametrize(
    ("text", "channels", "written"),
    [
        ("3", (3,), "3"),
        ("0-3, 7", (0, 1, 2, 3, 7), "0-3, 7"),
        (" 5 , 1–2,5", (5, 1, 2), "5, 1, 2"),
        ("8,9,0,1", (8, 9, 0, 1), "8, 9, 0, 1"),
    ],
)
def test_channels_are_read_and_written(text, channels, written):
    assert parse_channels(text) == channels
    assert format_channels(channels) == written
    assert parse_channels(written) == channels


@pytest.mark.parametrize("text", ["", "a", "3-1", "1,,2", "-1", "1.5", "²"])
def test_channels_of_another_form_are_an_error(text):
    with pytest.raises(ValueError, match="such as 0-3, 7"):
        parse_channels(text)


@pytest.mark.parametrize("text", ["0-12", "0-999999999999"])
def test_more_than_twelve_channels_are_an_error(text):
    with pytest.raises(ValueError, match="At most 12 channels"):
        parse_channels(text)


def test_weights_are_zero_and_one_two_five_of_each_decade():
    values = [value for _, value in weight_choices(0.03)]
    assert values[:4] == [0, 0.0001, 0.0002, 0.0005]
    assert values[-2:] == [5000, 10000]
    assert 0.03 in values
    assert len(values) == 1 + 8 * 3 + 1 + 1
    assert weight_choices(0.02)[0] == ("0 (off)", 0.0)


def test_parameter_cell_is_read_as_it_was_written(tmp_path):
    cell = new_code_cell(parameter_cell(SETTINGS, SOURCE))
    cell.metadata["tags"] = ["parameters"]
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "a.ipynb")
    found = read_parameters(tmp_path / "a.ipynb")
    assert {name: p.default for name, p in found.items()} == {
        **SOURCE,
        "layer": "conv",
        "channels": [0, 3],
        "sign": "sad",
        "look": "study",
        "tv_weight": 0.02,
        "lp_weight": 1e-5,
        "num_seeds": 2,
        "num_steps": 100,
        "seed": 4,
    }
    assert all(parameter.help for parameter in found.values())
    assert found["tv_weight"].type == "float"


def test_sweep_holds_the_weight_with_its_neighbors_and_all_starts():
    content = yaml.safe_load(sweep_text(SETTINGS, SOURCE))
    assert content == {
        "notebook": SWEEP_NOTEBOOK,
        "function": SWEEP_FUNCTION,
        "title": "SadMaps of conv around tv_weight 0.02",
        "parameters": {
            **SOURCE,
            "layer": "conv",
            "lp_weight": 1e-5,
            "sign": "sad",
            "look": "study",
            "num_units": 2,
            "num_steps": 100,
        },
        "grid": {"tv_weight": [0.002, 0.02, 0.2], "seed": [4, 5]},
    }
    values = [content["parameters"]["lp_weight"], *content["grid"]["tv_weight"]]
    assert {type(value) for value in values} == {float}


def test_sweep_around_no_weight_tries_some():
    settings = MapSettings("conv", (0,), tv_weight=0.0)
    grid = yaml.safe_load(sweep_text(settings, {}))["grid"]
    assert grid["tv_weight"] == [0.0, 0.01, 0.1, 1.0]


def test_sweep_in_a_look_without_weights_has_its_starts_alone():
    settings = MapSettings("conv", (0,), look="natural")
    content = yaml.safe_load(sweep_text(settings, {}))
    assert content["grid"] == {"seed": [0, 1]}
    assert content["title"] == "HappyMaps of conv, look natural"


def test_sweep_is_written_once(tmp_path):
    path = write_sweep(" my sweep ", "a: 1\n", tmp_path)
    assert path == tmp_path / "my sweep.yaml"
    with pytest.raises(ValueError, match="is there already"):
        write_sweep("my sweep.yaml", "a: 2\n", tmp_path)
    assert path.read_text() == "a: 1\n"
    assert [p.name for p in tmp_path.iterdir()] == ["my sweep.yaml"]


def test_sweep_is_written_into_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert write_sweep("a.yml", "").resolve() == (tmp_path / "a.yml").resolve()


@pytest.mark.parametrize(
    "name",
    ["", " ", ".hidden", "../a", "a/b", "a\\b", "/a", "C:a", "a\0", "a\nb"],
)
def test_sweep_with_a_folder_in_its_name_is_an_error(tmp_path, name):
    with pytest.raises(ValueError, match="name of a file"):
        write_sweep(name, "", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_sweep_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="cannot be written"):
        write_sweep("a", "", tmp_path / "missing")


@pytest.mark.parametrize(
    ("source", "message"),
    [({"datset": "a"}, "'datset'"), ({"network_seed": "1"}, "must be int")],
)
def test_source_is_checked(source, message):
    with pytest.raises(ValueError, match=message):
        check_source(source)
