"""Parameters: what a notebook declares, and what may be given for it."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from places import NOTEBOOKS

from happymaps_runs.notebooks.parameters import (
    Parameter,
    coerce_parameters,
    coerce_value,
    read_parameters,
)

SETTINGS = NOTEBOOKS / "report_settings.ipynb"
DEFAULTS = {
    "seed": 3,
    "tv_weight": 0.01,
    "quick": True,
    "layer": "conv1",
    "sizes": [2, 3],
    "weights": [],
    "names": ["a"],
}


def write_notebook(folder: Path, source: str) -> Path:
    cell = {
        "cell_type": "code",
        "metadata": {"tags": ["parameters"]},
        "source": source,
        "execution_count": None,
        "outputs": [],
    }
    path = folder / "made.ipynb"
    path.write_text(
        json.dumps(
            {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
        )
    )
    return path


def test_parameters_are_read_with_type_default_and_help():
    parameters = read_parameters(SETTINGS)
    assert list(parameters) == list(DEFAULTS)
    assert parameters["tv_weight"] == Parameter(
        "tv_weight", "float", 0.01, "strength of total variation"
    )
    assert parameters["layer"].help == "a layer's name"
    assert parameters["weights"] == Parameter("weights", "list[float]", [], "")


def test_parameters_may_span_lines_and_hold_a_hash(tmp_path):
    source = 'color: str = "#ff0000"  # of a face\nsizes: "list[int]" = [\n 1,\n]  # px'
    parameters = read_parameters(write_notebook(tmp_path, source))
    assert parameters["color"] == Parameter("color", "str", "#ff0000", "of a face")
    assert parameters["sizes"] == Parameter("sizes", "list[int]", [1], "px")


@pytest.mark.parametrize(
    ("source", "type_name", "default"),
    [
        ("x = 1", "int", 1),
        ("x = -1.5  # help", "float", -1.5),
        ("x = True", "bool", True),
        ("x = '1'", "str", "1"),
        ("x = [1, 2]", "list[int]", [1, 2]),
        ("x = [1, 0.5]", "list[float]", [1.0, 0.5]),
        ("x = ['a']", "list[str]", ["a"]),
    ],
)
def test_type_of_a_plain_parameter_is_that_of_its_literal(
    tmp_path, source, type_name, default
):
    found = read_parameters(write_notebook(tmp_path, source))["x"]
    assert (found.type, found.default) == (type_name, default)
    assert found.help == ("help" if "#" in source else "")


def test_plain_parameter_takes_values_of_its_type_alone(tmp_path):
    path = write_notebook(tmp_path, "x = 1")
    assert coerce_parameters(path, {"x": "7"}) == {"x": 7}
    with pytest.raises(ValueError, match="'x' must be int"):
        coerce_parameters(path, {"x": "7.5"})


def test_all_wrong_parameters_are_told_at_once():
    given = {"sed": 1, "tv_weight": "much", "quick": "perhaps", "layer": "conv2"}
    with pytest.raises(ValueError, match=r"^3 things to correct") as caught:
        coerce_parameters(SETTINGS, given)
    text = str(caught.value)
    assert all(name in text for name in ("'seed'?", "'tv_weight'", "'quick'"))
    assert "conv2" not in text


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": {"name": "ir", "language": "R"}},
        {"language_info": {"name": "julia"}, "kernelspec": {"name": "julia-1.10"}},
    ],
)
def test_notebook_of_another_language_is_refused(tmp_path, metadata):
    path = write_notebook(tmp_path, "x = 1")
    content = json.loads(path.read_text()) | {"metadata": metadata}
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"for Python. Received: .*'(R|julia)'"):
        read_parameters(path)


def test_a_whole_number_is_a_fine_default_of_a_float(tmp_path):
    value = read_parameters(write_notebook(tmp_path, "a: float = -1"))["a"].default
    assert value == -1.0
    assert isinstance(value, float)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("seed = None", r"type can be told. Received: `seed = None`\. Annotate"),
        ("sizes = []", r"Received: `sizes = \[\]`\. Annotate .*`sizes: list\[int\]"),
        ("sizes = [1, 'a']", r"Received: `sizes = \[1, 'a'\]`\. Annotate"),
        ("size = (60, 64)", r"Received: `size = \(60, 64\)`\. Annotate"),
        ("path = folder / 'a'", r"Received: `path = folder / 'a'`\. Annotate"),
        ("a = b = 1", r"literals only"),
        ("a, b = 1, 2", r"literals only"),
        ("seed: int", r"literals only"),
        ("seed: complex = 0", r"Unknown type 'complex'"),
        ("seed: int = 1 + 1", r"'seed' must be int.*Received: '1 \+ 1'"),
        ("seed: int = '3'", r"'seed' must be int.*Received: '3' \(str\)"),
        ("seed: int = True", r"'seed' must be int"),
        ("import os", r"Received: `import os`"),
        ("%matplotlib inline", r"must be plain Python"),
        ("a.b: int = 1", r"literals only"),
    ],
)
def test_a_parameters_cell_holds_typed_literals_only(tmp_path, source, message):
    with pytest.raises(ValueError, match=message):
        read_parameters(write_notebook(tmp_path, source))


def test_a_notebook_without_parameters_cell_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"no_parameters\.ipynb must .* Add the tag"):
        read_parameters(NOTEBOOKS / "no_parameters.ipynb")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"nbformat": 3, "cells": []}'])
def test_a_file_that_is_no_notebook_is_refused(tmp_path, content):
    path = tmp_path / "no.ipynb"
    path.write_text(content)
    with pytest.raises(ValueError, match="Open it in JupyterLab"):
        read_parameters(path)


def test_parameters_not_given_are_the_defaults():
    assert coerce_parameters(SETTINGS, {}) == DEFAULTS


def test_a_misspelt_parameter_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"'tv_wieght'\. Did you mean 'tv_weight'\?"):
        coerce_parameters(SETTINGS, {"tv_wieght": 0.1})


def test_code_in_a_parameter_name_is_refused():
    with pytest.raises(ValueError, match="Unknown parameter"):
        coerce_parameters(SETTINGS, {"seed = 1; print('X'); x": 1})


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("seed", "7", 7),
        ("seed", "-7", -7),
        ("seed", np.int64(7), 7),
        ("tv_weight", "1e-3", 0.001),
        ("tv_weight", ".5", 0.5),
        ("tv_weight", 2, 2.0),
        ("tv_weight", np.float32(0.5), 0.5),
        ("quick", "true", True),
        ("quick", "yes", True),
        ("quick", "1", True),
        ("quick", "False", False),
        ("quick", "no", False),
        ("quick", "0", False),
        ("quick", np.bool_(False), False),
        ("layer", "1e5", "1e5"),
        ("layer", "true", "true"),
        ("layer", " a b ", " a b "),
        ("layer", "", ""),
        ("sizes", "4, 5", [4, 5]),
        ("sizes", "[4, 5]", [4, 5]),
        ("sizes", "", []),
        ("sizes", (4, 5), [4, 5]),
        ("sizes", np.array([4, 5]), [4, 5]),
        ("sizes", [np.int32(4)], [4]),
        ("weights", "1e-3,1e-2", [0.001, 0.01]),
        ("weights", "[1, 0.5]", [1.0, 0.5]),
        ("names", "a,b", ["a", "b"]),
        ("names", '["a,b"]', ["a,b"]),
    ],
)
def test_a_value_is_coerced_to_the_annotated_type(name, given, expected):
    value = coerce_parameters(SETTINGS, {name: given})[name]
    assert value == expected
    assert type(value) is type(expected)
    if isinstance(value, list):
        assert [type(item) for item in value] == [type(item) for item in expected]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("seed", "abc"),
        ("seed", "1.0"),
        ("seed", "1_0"),
        ("seed", 1.0),
        ("seed", True),
        ("seed", None),
        ("seed", ""),
        ("seed", [1]),
        ("tv_weight", "nan"),
        ("tv_weight", "inf"),
        ("tv_weight", math.nan),
        ("tv_weight", -math.inf),
        ("tv_weight", "1e999"),
        ("tv_weight", 10**400),
        ("tv_weight", True),
        ("tv_weight", "0.1; print()"),
        ("quick", "maybe"),
        ("quick", 1),
        ("quick", "TRUE"),
        ("layer", 5),
        ("layer", None),
        ("sizes", "1,two"),
        ("sizes", "[1, 2"),
        ("sizes", "[1.5]"),
        ("sizes", 3),
        ("sizes", {1: 2}),
        ("weights", "[NaN]"),
        ("names", [1]),
    ],
)
def test_a_value_of_another_type_is_refused(name, given):
    with pytest.raises(ValueError, match=rf"Parameter '{name}'.* must be .*Received: "):
        coerce_parameters(SETTINGS, {name: given})


def test_the_message_names_parameter_help_type_and_received():
    parameter = Parameter("seed", "int", 0, "of every random choice")
    expected = (
        "Parameter 'seed' (of every random choice) must be int: a whole number such as "
        "3. Received: 'abc' (str). Give such a value."
    )
    with pytest.raises(ValueError) as caught:
        coerce_value(parameter, "abc")
    assert str(caught.value) == expected
