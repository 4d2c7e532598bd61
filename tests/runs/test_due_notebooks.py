"""Which committed notebooks `make test` runs, and which their key vouches for."""

import datetime
import json

import nbformat
import pytest
from places import ROOT

from happymaps_runs.notebooks.notebooks import read_notebook
from happymaps_runs.plans.due import ALWAYS, due_notebooks, made_from

DAYS = [datetime.date(2026, 1, 1) + datetime.timedelta(days) for days in range(3)]


def write(path, source="1 + 1", text="2", key=None):
    output = nbformat.v4.new_output("stream", name="stdout", text=text)
    cell = nbformat.v4.new_code_cell(source, outputs=[output], execution_count=1)
    book = nbformat.v4.new_notebook(cells=[cell])
    book.metadata["happymaps"] = {"made_from": key or made_from(book)}
    nbformat.write(book, path)
    return path


def test_each_notebook_of_right_key_is_due_on_one_day_of_three(tmp_path):
    paths = [write(tmp_path / f"{name}.ipynb") for name in "abcd"]
    due = [[path.stem for path in due_notebooks(paths, today=day)] for day in DAYS]
    assert sorted(map(len, due)) == [1, 1, 2]
    assert sorted(name for names in due for name in names) == list("abcd")


def test_notebooks_of_another_key_and_some_always_are_due_each_day(tmp_path):
    paths = [write(tmp_path / f"{ALWAYS[0]}.ipynb"), write(tmp_path / "other.ipynb")]
    paths.append(write(tmp_path / "wrong.ipynb", key="0" * 20))
    for day in DAYS:
        assert {paths[0], paths[2]} <= set(due_notebooks(paths, today=day))


@pytest.mark.parametrize(
    "change",
    [
        {"source": "1 + 2"},
        {"text": "3"},
        {"source": "import happymaps as hm\nhm.logit"},
    ],
)
def test_key_follows_code_and_outputs(tmp_path, change):
    before, after = write(tmp_path / "a.ipynb"), write(tmp_path / "b.ipynb", **change)
    assert made_from(read_notebook(before)) != made_from(read_notebook(after))


def test_key_does_not_follow_how_lines_are_divided(tmp_path):
    path = write(tmp_path / "a.ipynb", source="1\n2\n", text="3\n4\n")
    assert made_from(read_notebook(path)) == made_from(json.loads(path.read_text()))


def test_notebooks_that_are_always_run_are_there():
    names = {path.stem for path in ROOT.rglob("*.ipynb") if ".venv" not in path.parts}
    assert set(ALWAYS) <= names
    assert len(ALWAYS) >= 6
