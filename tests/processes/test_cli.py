"""The command line as a user meets it: exit codes, messages, signals."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
import yaml
from click.testing import Result
from places import NOTEBOOKS
from typer.testing import CliRunner

from happymaps_cli.main import app
from happymaps_runs.notebooks.notebooks import read_notebook
from happymaps_runs.plans.due import made_from
from happymaps_runs.store.run_store import RunStore

COMMAND = [sys.executable, "-m", "happymaps_cli.main"]
# A command that is told to stop is a process of its own here. What others start, such
# as kernels, are processes anyway: the command itself runs in that of the tests.


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def answer(*arguments: object) -> Result:
    """Return what the command says."""
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_run_puts_each_notebook_into_a_folder_of_its_own(tmp_path):
    notebook = NOTEBOOKS / "divide_by_zero.ipynb"
    words = ["run", str(notebook), "-p", "divisor=2", "--out", str(tmp_path)]
    result = subprocess.run([*COMMAND, *words], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    (folder,) = tmp_path.iterdir()
    assert re.fullmatch(r"divide_by_zero-[0-9a-f]{6}", folder.name)
    assert "divide_by_zero.ipynb completed in" in result.stdout
    assert result.stderr == ""


def test_run_without_a_folder_keeps_the_run_in_the_store_and_shows_it(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = ("run", NOTEBOOKS / "divide_by_zero.ipynb", "-p", "divisor=2")
    result = answer(*words)
    assert (result.exit_code, result.stderr) == (0, "")
    store = RunStore(tmp_path / "reports" / "store")
    ((key, record),) = store.records()
    assert (record["status"], record["key"]) == ("completed", key)
    assert str(store.folder(key)) in result.stdout
    start = (tmp_path / "reports" / "index.html").read_text()
    assert f"store/{key}/index.html" in start
    # What is asked for runs, and takes the earlier run's place.
    assert answer(*words).exit_code == 0
    ((again, second),) = store.records()
    assert again == key and second["started"] >= record["started"]
    listed = answer("runs", "list").stdout
    assert listed.count("completed") == 1 and "divide_by_zero.ipynb" in listed
    # A failure is shown, too.
    failed = answer(*words[:2])
    assert (failed.exit_code, "ZeroDivisionError" in failed.stderr) == (1, True)
    start = (tmp_path / "reports" / "index.html").read_text()
    assert "ZeroDivisionError: division by zero" in start


def test_run_fails_without_a_traceback(tmp_path):
    result = answer("run", NOTEBOOKS / "divide_by_zero.ipynb", "--out", tmp_path)
    assert result.exit_code == 1
    assert "ZeroDivisionError: division by zero" in result.stderr
    assert "Traceback" not in result.stderr
    assert str(tmp_path / "failed" / "divide_by_zero") in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["divide_by_zero.ipynb", "-p", "devisor=1"], 1, "Did you mean 'divisor'?"),
        (["divide_by_zero.ipynb", "-p", "divisor=x"], 1, "must be int"),
        (
            ["divide_by_zero.ipynb", "-p", "divisor = 1; print('INJECTED'); x=1"],
            1,
            "Unknown parameter",
        ),
        (
            ["divide_by_zero.ipynb", "exit_early.ipynb", "-p", "divisor=1"],
            1,
            "exit_early.ipynb declares none",
        ),
        (["no_parameters.ipynb"], 1, "Add the tag"),
        (["s3://bucket/a.ipynb"], 1, "must be a file on this machine"),
        (["absent.ipynb"], 1, "must be an existing .ipynb file"),
        (["divide_by_zero.ipynb", "-p", "divisor"], 2, "NAME=VALUE"),
        (["exit_early.ipynb", "exit_early.ipynb"], 1, "must differ in name"),
        ([], 2, "Missing argument"),
    ],
)
def test_run_refuses_before_anything_runs(
    tmp_path, monkeypatch, arguments, code, message
):
    monkeypatch.chdir(NOTEBOOKS)
    result = answer("run", *arguments, "--out", tmp_path)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.stderr
    assert "INJECTED\n" not in result.stdout
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--model", "absent.keras"), "There is no file 'absent.keras'"),
        (("--model", "sleep.ipynb"), "must be a saved network"),
        (("--dataset", "folder:absent"), "must name an existing folder"),
        (("--dataset", "cmu_face"), "Did you mean 'cmu_faces'?"),
        (("--image-size", "60"), "as in 60x64"),
        (("--image-size", "0x64"), "as in 60x64"),
        (("--jobs", "0"), "jobs must be at least 1"),
        (("--profile", "ful"), "Unknown profile 'ful'"),
    ],
)
def test_report_refuses_before_anything_runs(tmp_path, monkeypatch, option, message):
    plan = write_plan(tmp_path, "sleep")
    out = tmp_path / "reports"
    monkeypatch.chdir(NOTEBOOKS)
    result = answer("report", "--plan", plan, "--out", out, *option)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not out.exists()


def write_plan(folder: Path, *fixtures: str) -> Path:
    entries = [{"notebook": str(NOTEBOOKS / f"{name}.ipynb")} for name in fixtures]
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump({"notebooks": entries}))
    return path


def test_report_is_built_although_a_notebook_failed(tmp_path):
    plan = write_plan(tmp_path, "divide_by_zero", "add_numbers")
    older = tmp_path / "reports" / "cmu_faces-quick"
    older.mkdir(parents=True)
    (older / "collection.json").write_text("{}")
    result = answer("report", "--plan", plan, "--out", tmp_path / "reports")
    assert result.exit_code == 1
    assert result.stderr == ""
    assert "1 failed, 1 completed" in result.stdout
    index = tmp_path / "reports" / "index.html"
    assert f"The report: {index}" in result.stdout
    assert "Add two numbers" in index.read_text()
    assert f"{older} holds runs of an older HappyMaps, which lie in no" in result.stdout
    again = answer("report", "--plan", plan, "--out", tmp_path / "reports")
    assert "1 of 2 reused" in again.stdout


@pytest.mark.parametrize(
    ("signal_number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_run_told_to_stop_takes_its_kernel_along(tmp_path, signal_number, code):
    older = tmp_path / "sleep"
    older.mkdir()
    (older / "run.json").write_text("{}")
    process = start("run", NOTEBOOKS / "sleep.ipynb", "--out", tmp_path)
    (started,) = wait_for(tmp_path, 1)
    process.send_signal(signal_number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code
    assert "happymaps: interrupted" in errors
    assert "Traceback" not in errors
    assert_ended(started)
    assert names_in(tmp_path) == ["failed", "sleep"]
    assert (older / "run.json").read_text() == "{}"
    written = json.loads((tmp_path / "failed" / "sleep" / "run.json").read_text())
    assert written["error"]["kind"] == "interrupted"


def test_a_killed_run_takes_its_kernel_along(tmp_path):
    process = start("run", NOTEBOOKS / "sleep.ipynb", "--out", tmp_path)
    (started,) = wait_for(tmp_path, 1)
    process.kill()
    process.communicate(timeout=120)
    assert_ended(started)
    assert names_in(tmp_path) == []


def test_report_told_to_stop_takes_its_kernels_along(tmp_path):
    shutil.copy(NOTEBOOKS / "sleep.ipynb", tmp_path / "doze.ipynb")
    plan = write_plan(tmp_path, "sleep", tmp_path / "doze")
    process = start("report", "--plan", plan, "--out", tmp_path / "reports")
    started = wait_for(tmp_path, 2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "give the same command again" in errors
    assert_ended(*started)
    store = tmp_path / "reports" / "store"
    assert names_in(store) == ["failed", "reports", "store.json"]


def start(*arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        # Tests that run in the background would hand down that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(folder: Path, count: int) -> list[list[int]]:
    """Return the process ids that `count` sleeping notebooks have written."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        texts = [path.read_text() for path in folder.rglob("started")]
        if len(texts) == count and all(texts):
            return [[int(pid) for pid in text.split()] for text in texts]
        time.sleep(0.05)
    raise TimeoutError("the notebooks did not start")


def assert_ended(*started: list[int]) -> None:
    deadline = time.monotonic() + 60
    alive = [pid for pids in started for pid in pids]
    while alive and time.monotonic() < deadline:
        alive = [pid for pid in alive if Path("/proc", str(pid), "exe").exists()]
        time.sleep(0.05)
    assert alive == []


def test_parameters_are_listed_with_their_help():
    result = answer("parameters", NOTEBOOKS / "divide_by_zero.ipynb")
    assert result.stdout == "divisor  int  0  what to divide by\n"


def test_data_sets_are_listed():
    names = [line.split()[0] for line in answer("data", "list").stdout.splitlines()]
    assert names == ["synthetic_faces", "cmu_faces", "folder:PATH"]


def test_refresh_fills_in_outputs_and_stays_the_same(tmp_path):
    path = tmp_path / "print_numbers.ipynb"
    shutil.copy(NOTEBOOKS / "print_numbers.ipynb", path)
    source = json.loads(path.read_text())
    assert answer("refresh", path).exit_code == 0
    content = json.loads(path.read_text())
    cells = content["cells"]
    assert [cell["id"] for cell in cells] == [cell["id"] for cell in source["cells"]]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == [1, 2, 3]
    assert code[1]["outputs"][0]["text"] == [
        "accuracy 0.930 of 640 images\n",
        "run folder: None\n",
    ]
    assert [cell["metadata"] for cell in cells] == [
        *({}, {"tags": ["parameters"]}, {}, {})
    ]
    key = content["metadata"].pop("happymaps")["made_from"]
    assert key == made_from(read_notebook(path))
    assert content["metadata"] == source["metadata"]
    first = path.read_bytes()
    assert answer("refresh", path).exit_code == 0
    assert path.read_bytes() == first
    assert names_in(tmp_path) == ["print_numbers.ipynb"]


def test_refresh_leaves_a_notebook_that_fails_as_it_was(tmp_path):
    path = tmp_path / "divide_by_zero.ipynb"
    shutil.copy(NOTEBOOKS / "divide_by_zero.ipynb", path)
    result = answer("refresh", path)
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stderr
    assert path.read_bytes() == (NOTEBOOKS / "divide_by_zero.ipynb").read_bytes()
    assert names_in(tmp_path) == ["divide_by_zero.ipynb"]


@pytest.fixture
def takes_files(tmp_path):
    """A notebook with the parameters `dataset` and `model`, in a folder of its own."""
    source = 'dataset: str = "synthetic_faces"  # images\nmodel: str = ""  # network'
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    path = tmp_path / "notebooks" / "takes_files.ipynb"
    path.parent.mkdir()
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(notebook, path)
    return path


def test_run_takes_relative_paths_from_where_the_caller_stands(
    tmp_path, monkeypatch, takes_files
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.keras").touch()
    (tmp_path / "images").mkdir()
    given = ("-p", "model=mine.keras", "-p", "dataset=folder:images")
    result = answer("run", takes_files, *given, "--out", "out")
    assert result.exit_code == 0, result.stderr
    (record,) = (tmp_path / "out").glob("*/run.json")
    assert json.loads(record.read_text())["parameters"] == {
        "model": str(tmp_path / "mine.keras"),
        "dataset": f"folder:{tmp_path / 'images'}",
    }


@pytest.mark.parametrize("given", ["model=absent.keras", "dataset=folder:absent"])
def test_run_checks_the_files_before_anything_runs(
    tmp_path, monkeypatch, takes_files, given
):
    monkeypatch.chdir(tmp_path)
    result = answer("run", takes_files, "-p", given, "--out", "out")
    assert result.exit_code == 1
    assert "must" in result.stderr
    assert "absent" in result.stderr
    assert names_in(tmp_path) == ["notebooks"]
