"""Sweep files: what they mean, and what is refused before anything runs."""

import json
import re
import time
from pathlib import Path

import nbformat
import pytest
import yaml
from places import NOTEBOOKS

from happymaps.base import paths
from happymaps.base.sweepable import sweepable
from happymaps_runs.sweeps.sweep_file import load_sweep, pages_of

FUNCTION = "happymaps.maps.layer_maps:layer_maps"


@sweepable
def count_to(*, last: int) -> None:
    """Stand for a function whose parameter has no default."""


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a sweep file beside a notebook."""
    notebook = nbformat.v4.new_notebook()
    parameters = nbformat.v4.new_code_cell("a: int = 1  # one\nb: float = 0.5")
    parameters.metadata["tags"] = ["parameters"]
    notebook.cells = [
        nbformat.v4.new_markdown_cell("# Sums"),
        parameters,
        nbformat.v4.new_code_cell("print(a + b)"),
    ]
    nbformat.write(notebook, tmp_path / "add_numbers.ipynb")

    def write_file(content: dict | str) -> Path:
        path = tmp_path / "sums.yaml"
        if isinstance(content, dict):
            content = yaml.safe_dump({"notebook": "add_numbers.ipynb"} | content)
        path.write_text(content)
        return path

    return write_file


def chosen(sweep, *names):
    return [tuple(point.parameters[n] for n in names) for point in sweep.points]


def test_a_grid_runs_in_all_combinations_the_last_name_fastest(write):
    sweep = load_sweep(write({"grid": {"a": [1, 2], "b": [0.5, 1.5]}}))
    assert chosen(sweep, "a", "b") == [(1, 0.5), (1, 1.5), (2, 0.5), (2, 1.5)]
    assert sweep.axes == {"a": [1, 2], "b": [0.5, 1.5]}
    assert sweep.points[2].label == "a=2, b=0.5"
    assert len({point.key for point in sweep.points}) == 4


def test_each_point_runs_with_the_whole_grid(write):
    points = [{"a": 1}, {"a": 5}]
    sweep = load_sweep(write({"points": points, "grid": {"b": [0.5, 1.5]}}))
    assert chosen(sweep, "a", "b") == [(1, 0.5), (1, 1.5), (5, 0.5), (5, 1.5)]


def test_a_file_without_grid_and_points_is_one_run(write):
    sweep = load_sweep(write({"parameters": {"a": 7}}))
    assert chosen(sweep, "a") == [(7,)]


def test_numbers_are_what_the_notebook_declares(write):
    text = "notebook: add_numbers.ipynb\ngrid: {b: [1e-3, 2, '3.5']}\n"
    sweep = load_sweep(write(text))
    assert chosen(sweep, "b") == [(0.001,), (2.0,), (3.5,)]
    assert all(isinstance(value, float) for (value,) in chosen(sweep, "b"))


def test_a_value_given_besides_wins_over_the_file_and_names_the_sweep(write):
    path = write({"parameters": {"a": 1}, "grid": {"b": [1, 2]}})
    sweep = load_sweep(path, given={"a": "9"})
    assert chosen(sweep, "a") == [(9,), (9,)]
    assert (load_sweep(path).name, sweep.name) == ("sums", "sums-9")


def test_a_notebook_is_found_from_the_root_too(write):
    relative = NOTEBOOKS.relative_to(paths.repository_root()) / "print_numbers.ipynb"
    sweep = load_sweep(write({"notebook": str(relative)}))
    assert sweep.notebook == (NOTEBOOKS / "print_numbers.ipynb").resolve()


def test_the_committed_sweeps_are_sound():
    folder = paths.repository_root() / "experiments"
    files = sorted(folder.glob("*/sweeps/*.yaml"))
    assert {path.stem for path in files} >= {
        "tv_weight", "filters_and_widths", "people_splits"
    }  # fmt: skip
    sweeps = {path.stem: load_sweep(path) for path in files}
    sizes = [len(values) for values in sweeps["tv_weight"].axes.values()]
    assert sorted(sizes) == [4, 5, 9]
    for sweep in sweeps.values():
        assert sweep.function
        assert len(sweep.points) >= 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"gird": {}}, "Unknown key of a sweep 'gird'. Did you mean 'grid'"),
        ({"grid": {"aa": [1]}}, "Unknown parameter 'aa'. Did you mean 'a'"),
        ({"parameters": {"aa": 1}}, "Unknown parameter 'aa'"),
        ({"points": [{"aa": 1}]}, "Unknown parameter 'aa'"),
        ({"grid": {"a": [1, "two"]}}, "must be int.*Received: 'two'"),
        ({"grid": {"a": [True]}}, "must be int.*Received: True"),
        ({"grid": {"b": [float("nan")]}}, "must be float.*nan"),
        ({"grid": {"a": 3}}, "a list of values. Received: a: 3"),
        ({"grid": {"a": []}}, "a list of values"),
        ({"grid": [1]}, "`grid` must be a mapping"),
        ({"points": {"a": 1}}, "`points` must be a list of mappings"),
        ({"points": [{"a": 1}, {"b": 1}]}, "must give the same names"),
        ({"grid": {"a": [1, 1]}}, "must differ. Received twice: a=1"),
        ({"grid": {"b": [1, 1.0]}}, "must differ. Received twice: b=1.0"),
        ({"parameters": {"a": 1}, "grid": {"a": [2]}}, "'a' in `parameters` and in `g"),
        ({"notebook": ""}, "must name its `notebook`"),
        ({"notebook": "", "function": FUNCTION}, "with a `title`"),
        (
            {"notebook": "", "function": FUNCTION, "title": "Sums", "profile": "full"},
            "`profile` is that of a notebook",
        ),
        ({"notebook": 3}, "`notebook` must be a text. Received: 3"),
        ({"notebook": "no.ipynb"}, "existing .ipynb file. Received: 'no.ipynb'"),
        ({"notebook": "https://a.test/b.ipynb"}, "must be a file on this machine"),
        ({"notebook": "s3://bucket/b.ipynb"}, "must be a file on this machine"),
        ({"profile": "fulll"}, "Unknown profile 'fulll'. Expected one of: quick"),
        ({"function": "add"}, "function must be 'module:name'"),
        ({"function": "os:system"}, "add --module os"),
        ({"function": "happymaps.no_such:thing"}, "one that can be imported"),
        ("notebook: a\nnotebook: b\n", "'notebook' is there twice"),
        ("grid: {a: [1], a: [2]}", "'a' is there twice"),
        ("notebook: !!python/object:os.system x", "must be plain YAML"),
        ("[1, 2]", "must hold keys such as `notebook:`"),
        ("a: b: c", "must be plain YAML"),
    ],
)  # fmt: skip
def test_what_is_no_sweep_is_refused(write, content, message):
    with pytest.raises(ValueError, match=message):
        load_sweep(write(content))


def test_all_bad_points_values_and_names_are_told_at_once(write):
    content = {
        "points": [{"a": 1}, {"a": "x"}, {"a": 3}, {"a": 4.5}],
        "grid": {"b": [0.5, "much", 1.5, "more"]},
        "parameters": {"c": 1},
    }
    with pytest.raises(ValueError, match="5 things to correct") as caught:
        load_sweep(write(content))
    lines = str(caught.value).splitlines()[1:]
    assert len(lines) == 5
    for each in ("point 2: .*'x'", "point 4: .*4.5", "'much'", "'more'", "'c'"):
        assert sum(re.search(each, line) is not None for line in lines) == 1


def test_no_more_than_twenty_faults_are_listed(write):
    points = [{"a": f"x{number}"} for number in range(500)]
    with pytest.raises(ValueError, match="500 things to correct") as caught:
        load_sweep(write({"points": points}))
    assert len(str(caught.value).splitlines()) == 22
    assert str(caught.value).endswith("and 480 more")


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"existing \.yaml file. Received: .*absent"):
        load_sweep(tmp_path / "absent.yaml")


def change(notebook: Path, kind: str, text: str) -> None:
    content = json.loads(notebook.read_text())
    cell = [cell for cell in content["cells"] if cell["cell_type"] == kind][-1]
    cell["source"] = ["".join(cell["source"]), f"\n{text}"]
    notebook.write_text(json.dumps(content))


def test_prose_does_not_change_a_key_and_code_does(write, tmp_path):
    path = write({"grid": {"a": [1, 2]}})
    before = [point.key for point in load_sweep(path).points]
    change(tmp_path / "add_numbers.ipynb", "markdown", "More prose.")
    assert [point.key for point in load_sweep(path).points] == before
    change(tmp_path / "add_numbers.ipynb", "code", "pass")
    assert not {point.key for point in load_sweep(path).points} & set(before)


def test_pages_are_the_notebooks_runs_of_the_same_points(write):
    sweep = load_sweep(write({"grid": {"a": [1, 2]}}))
    assert pages_of(sweep).points == sweep.points
    keys = [point["page"] for point in sweep.describe()["points"]]
    assert keys == [point.key for point in sweep.points]


def test_a_function_with_a_title_needs_no_notebook(write):
    function = {
        "function": "experiments.experiment0.measures.train_one_network:train_network",
        "title": "Networks",
    }
    sweep = load_sweep(write(function | {"notebook": "", "grid": {"seed": [3, 4]}}))
    assert sweep.notebook is None
    assert chosen(sweep, "seed", "num_folds") == [(3, 5), (4, 5)]
    described = sweep.describe()
    assert described["notebook"] == ""
    assert [p["page"] for p in described["points"]] == [p.key for p in sweep.points]


def test_a_function_without_a_default_wants_a_value(write):
    content = {"notebook": "", "function": f"{__name__}:count_to", "title": "Numbers"}
    with pytest.raises(ValueError, match="must be given, since the function has no"):
        load_sweep(write(content), modules=[__name__])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"grid": {"a": [*range(3000)], "b": [*range(3000)]}}, "9,000,000"),
        ({"grid": {"a": [*range(400)]}, "points": [{"b": i} for i in range(300)]},
         "120,000"),
    ],
)  # fmt: skip
def test_a_sweep_of_too_many_points_is_refused_by_its_count(write, content, message):
    path = write(content)
    started = time.process_time()
    with pytest.raises(ValueError, match=rf"at most 100,000 points.*{message}"):
        load_sweep(path)
    assert time.process_time() - started < 60


def test_a_sweep_file_of_many_megabytes_is_refused_unread(write):
    with pytest.raises(ValueError, match=r"at most 5 MB\. Received: 6 MB"):
        load_sweep(write("title: " + "x" * 6_000_000))


@pytest.mark.parametrize(
    "text",
    [
        "parameters: {a: &n [1], b: *n}",
        "parameters: {a: [&c0 [1,1], "
        + ", ".join(f"&c{i} [{','.join([f'*c{i - 1}'] * 10)}]" for i in range(1, 20))
        + "]}",
        "parameters: &p {a: 1}\ngrid: {<<: *p}",
        "grid: &g {a: [*g]}",
    ],
)
def test_an_alias_is_refused(write, text):
    with pytest.raises(ValueError, match=r"must be plain YAML.*an alias"):
        load_sweep(write(f"notebook: add_numbers.ipynb\n{text}\n"))
