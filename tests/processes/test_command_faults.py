"""Commands that are given what is odd, hostile or too much, or are interrupted."""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import h5py
import nbformat
import numpy as np
import psutil
import pytest
import typer
import xarray as xr
import yaml
from click.testing import Result
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from places import NOTEBOOKS, ROOT
from small_disks import forbid_writing, small_disk
from typer.testing import CliRunner

from happymaps_cli.guard import report_errors
from happymaps_cli.main import app
from happymaps_runs.netcdf import write_dataset
from happymaps_runs.notebooks.process import Outcome
from happymaps_runs.notebooks.records import RunRecord
from happymaps_runs.store.functions import keep_failure
from happymaps_runs.store.run_store import RunStore
from happymaps_runs.sweeps.sweep_file import load_sweep

COMMAND = [sys.executable, "-m", "happymaps_cli.main"]


def answer(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def write_images(folder, classes, number=2, size=4):
    rng = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(number):
            pixels = rng.integers(0, 255, (size, size), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


def write_notebook(path, code, parameters="x: int = 0"):
    first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[first, new_code_cell(code)]), path)
    return path


@pytest.mark.parametrize(
    "control",
    ["\x1b]0;title\x07", "\x1b[31m", "\x9b31m", "\x08", "\x7f", "\u202e", "\u2066"],
)
def test_controls_in_names_are_shown_and_not_sent(tmp_path, control):
    images = write_images(tmp_path / "images", [f"cat{control}dog", "b"])
    listed = answer("data", "fetch", f"folder:{images}")
    refused = answer("data", "fetch", f"folder:{tmp_path}/none{control}")
    assert (listed.exit_code, refused.exit_code) == (0, 1)
    for text in (listed.output, refused.output):
        assert control[0] not in text
        assert ascii(control)[1:-1] in text or repr(control)[1:-1] in text


def test_an_error_does_not_go_back_to_the_start_of_its_line(tmp_path):
    result = answer("parameters", tmp_path / "good\rbad.ipynb")
    assert result.exit_code == 1
    assert "\r" not in result.output


CELL = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "x: int=0",
        "outputs": [], "execution_count": None, "id": "a"}  # fmt: skip
NOTEBOOK = {"cells": [CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
ODD = [
    {**NOTEBOOK, "cells": [{k: v for k, v in CELL.items() if k != "cell_type"}]},
    {**NOTEBOOK, "cells": [CELL | {"cell_type": 7}]},
    {**NOTEBOOK, "cells": [CELL | {"metadata": {"tags": 5}}]},
    {**NOTEBOOK, "cells": [CELL | {"metadata": {"tags": [["parameters"]]}}]},
    {**NOTEBOOK, "cells": [CELL | {"metadata": [1]}]},
    {**NOTEBOOK, "cells": [CELL | {"metadata": None}]},
    {**NOTEBOOK, "cells": [CELL | {"source": 5}]},
    {**NOTEBOOK, "cells": [5]},
    {**NOTEBOOK, "cells": {"a": 1}},
    {**NOTEBOOK, "cells": None},
    {**NOTEBOOK, "cells": [CELL | {"source": "x: int = " + "-" * 50_000 + "1"}]},
    {**NOTEBOOK, "cells": [CELL | {"source": "x: int = " + "(" * 5_000}]},
    {**NOTEBOOK, "cells": [CELL | {"source": "x: str = " + "[" * 150 + "]" * 150}]},
    {**NOTEBOOK, "cells": [CELL | {"source": "x: int = {[]: 1}"}]},
    {**NOTEBOOK, "cells": [CELL | {"source": "x: int = 0\0"}]},
    {**NOTEBOOK, "cells": [CELL | {"source": "x: int = '''"}]},
    [],
    None,
    "[" * 100_000 + "]" * 100_000,
    '{"nbformat": 4, "cells": ' + '{"a":' * 100_000,
    "",
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ODD)))
def test_an_odd_notebook_is_refused_in_a_line(tmp_path, number):
    path = tmp_path / "odd.ipynb"
    content = ODD[number]
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    for words in (["run", path, "--out", tmp_path / "runs"], ["parameters", path]):
        result = answer(*words)
        assert result.exit_code == 1, result.output
        assert result.output.startswith("happymaps: "), result.output
        assert "not foreseen" not in result.output
        assert len(result.output) < 3000


@pytest.mark.parametrize(
    "text",
    [
        "grid: " + "[" * 20_000 + "]" * 20_000,
        "grid: " + "{a: " * 20_000,
        "grid: {x: [1], [1]: [2]}",
        "grid: {x: [1], {a: 1}: [2]}",
        "parameters: {x: [[[1]]]}",
        "grid: {x: [2020-01-01]}",
        "points: [[1]]",
        "points: [{x: !!binary aGk=}]",
        "? [1, 2]\n: 3",
        "\0",
    ],
)
def test_an_odd_sweep_file_is_refused_in_a_line(tmp_path, text):
    write_notebook(tmp_path / "t.ipynb", "1")
    (tmp_path / "odd.yaml").write_text(f"notebook: {tmp_path}/t.ipynb\n{text}\n")
    result = answer(
        "sweep", tmp_path / "odd.yaml", "--out", tmp_path / "s", "--dry-run"
    )
    assert result.exit_code == 1, result.output
    assert result.output.startswith("happymaps: "), result.output
    assert "not foreseen" not in result.output


def test_what_nobody_foresaw_is_a_line_too(monkeypatch, capsys):
    @report_errors
    def command():
        return {}["key"]

    with pytest.raises(typer.Exit) as caught:
        command()
    assert caught.value.exit_code == 1
    said = capsys.readouterr().err
    assert said.startswith("happymaps: KeyError: 'key' (test_command_faults.py, line ")
    assert said.count("\n") == 1
    monkeypatch.setenv("HAPPYMAPS_TRACEBACK", "1")
    with pytest.raises(typer.Exit):
        command()
    assert "Traceback" in capsys.readouterr().err


def test_a_run_may_leave_a_file_whose_name_is_not_utf_8(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = (
        "import os\n"
        "folder = os.fsencode(os.environ['HAPPYMAPS_RUN_DIR'])\n"
        "open(folder + b'/caf\\xe9.txt', 'w').write('x')"
    )
    path = write_notebook(tmp_path / "t.ipynb", code)
    result = answer("run", path)
    assert result.exit_code == 0, result.stderr
    (record,) = (tmp_path / "reports" / "store").glob("*/run.json")
    sums = json.loads(record.read_text(encoding="utf-8"))["artefact_sha256"]
    assert os.fsdecode(b"caf\xe9.txt") in sums
    listing = answer("runs", "list", "--out", tmp_path / "reports" / "store")
    assert listing.exit_code == 0


@pytest.fixture(scope="module")
def read_only_disk(tmp_path_factory):
    """A disk with what commands take and what they left, that cannot be written to."""
    with small_disk(tmp_path_factory.mktemp("disks") / "disk", 230) as disk:
        store = RunStore(disk / "reports" / "store")
        store.create()
        write_notebook(disk / "t.ipynb", "1")
        (disk / "plan.yaml").write_text(f"notebooks: [{{notebook: {disk}/t.ipynb}}]")
        (disk / "sweep.yaml").write_text("{notebook: t.ipynb, grid: {x: [1, 2]}}")
        write_images(disk / "images", "ab", size=12)
        for name in ("one.nc", "other.nc"):
            image = (("unit", "y", "x"), np.zeros((1, 4, 4), np.float32))
            write_dataset(xr.Dataset({"image": image}), disk / name)
        with h5py.File(disk / "net.h5", "w") as file:
            file.attrs["model_config"] = "{}"
        point = load_sweep(disk / "sweep.yaml").points[0]
        record = RunRecord("t.ipynb", "T", point.parameters, "completed")
        keep_failure(store, replace(record, key=point.key), Outcome("error"))
        forbid_writing(disk)
        yield disk


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("report --plan plan.yaml --out reports", "--out"),
        ("report --plan plan.yaml --out new", "--out"),
        ("run t.ipynb", "--out"),
        ("run t.ipynb --out new", "--out"),
        ("sweep sweep.yaml", "--out"),
        ("sweep sweep.yaml --out new", "--out"),
        ("compare one.nc other.nc", "--out"),
        ("diagnose net.h5 folder:images --out new", "--out must lie"),
        ("benchmark --out new/numbers.json", "--out"),
        ("refresh t.ipynb", "Make it writable"),
        ("runs clean --failed", "--out"),
        ("runs export table.csv", "--out"),
    ],
)
def test_what_cannot_be_written_is_a_line_with_a_remedy(
    read_only_disk, monkeypatch, words, remedy
):
    monkeypatch.chdir(read_only_disk)
    result = answer(*words.split())
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("happymaps: ")
    assert remedy in result.stderr
    assert "read-only file system" in result.stderr or "diagnose" in words
    assert "completed" not in result.output


def test_a_disk_that_cannot_be_written_to_is_read(read_only_disk, monkeypatch):
    monkeypatch.chdir(read_only_disk)
    for words in ("runs list", "sweep status sweep.yaml", "sweep --dry-run sweep.yaml"):
        result = answer(*words.split())
        assert (result.exit_code, result.stderr) == (0, ""), result.output


def call_without_writing(folders, *words, **options) -> subprocess.CompletedProcess:
    """Return what a command says where folders are of a disk that is only read."""
    mounts = [f"mount -t tmpfs -o ro tmpfs {folder}" for folder in folders]
    command = shlex.join([*COMMAND, *map(str, words)])
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", " && ".join([*mounts, f"exec {command}"])],
        capture_output=True,
        text=True,
        **options,
    )
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip("mounting a disk needs root")
    return done


def test_the_cache_of_data_sets_names_the_variable_that_helps():
    environment = {k: v for k, v in os.environ.items() if k != "HAPPYMAPS_DATA"}
    words = ("data", "fetch", "cmu_faces")
    done = call_without_writing([ROOT / "data"], *words, env=environment)
    assert done.returncode == 1
    assert "cannot be written to: read-only file system" in done.stderr
    assert "set HAPPYMAPS_DATA to a folder that has the data" in done.stderr


def test_networks_are_not_trained_where_they_cannot_be_kept():
    kept = ROOT / "experiments" / "networks"
    done = call_without_writing([kept], "refresh", "--networks")
    assert (done.returncode, done.stdout) == (1, "")
    assert "read-only file system" in done.stderr
    assert "Make it writable" in done.stderr


def test_a_run_without_room_for_temporary_files_names_the_variable_that_helps():
    environment = {k: v for k, v in os.environ.items() if k not in ("TMPDIR", "TMP")}
    notebook = NOTEBOOKS / "exit_early.ipynb"
    with tempfile.TemporaryDirectory(dir="/dev/shm") as out:
        done = call_without_writing(
            [folder for folder in ("/tmp", "/var/tmp") if Path(folder).is_dir()],
            *("run", notebook, "--out", out),
            env=environment,
            cwd="/proc",
        )
        assert done.returncode == 1
        assert "Set TMPDIR to a folder that can be written to." in done.stderr


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def gone(processes) -> bool:
    return not any(p.is_running() and p.status() != "zombie" for p in processes)


def mind_signals() -> None:
    """Undo what a shell does to a command in the background: it ignores these."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_report_that_is_ended_leaves_no_process_and_no_folder(
    tmp_path, monkeypatch, number
):
    code = (
        "import pathlib, subprocess, sys, time\n"
        f"pathlib.Path({str(tmp_path / 'begun')!r}).touch()\n"
        "time.sleep(600)"
    )
    path = write_notebook(tmp_path / "t.ipynb", code)
    plan = tmp_path / "plan.yaml"
    plan.write_text(yaml.safe_dump({"notebooks": [{"notebook": str(path)}]}))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        [*COMMAND, "report", "--plan", plan, "--out", tmp_path / "reports"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
        preexec_fn=mind_signals,
    )
    wait_for((tmp_path / "begun").exists)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2  # the worker and its kernel
    process.send_signal(number)
    said = process.communicate(timeout=60)[0]
    wait_for(lambda: gone(children), 30)
    store = tmp_path / "reports" / "store"
    wait_for(lambda: not list(store.glob(".tmp-*")), 30)
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number
        assert "interrupted. What had completed is kept" in said
        assert list(temporary.iterdir()) == []
        return
    # All that it has left is ours to clear, and the next command does.
    (temporary / "happymaps-of-somebody").mkdir()
    assert {path.name[:10] for path in temporary.iterdir()} == {"happymaps-"}
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    answer("data", "list")
    assert [path.name for path in temporary.iterdir()] == ["happymaps-of-somebody"]


def test_an_interrupted_diagnosis_says_that_nothing_is_kept(tmp_path, keras):
    images = write_images(tmp_path / "images", "ab", number=20, size=32)
    inputs = keras.Input((32, 32, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(inputs))
    keras.Model(inputs, keras.layers.Dense(2, "softmax")(pooled)).save(
        tmp_path / "net.keras"
    )
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        [*COMMAND, "diagnose", tmp_path / "net.keras", f"folder:{images}", "--out",
         tmp_path / "out" / "page", "--steps", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
        preexec_fn=mind_signals,
    )  # fmt: skip
    for line in process.stdout:
        if line.startswith("units"):
            break
    process.send_signal(signal.SIGHUP)
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 128 + signal.SIGHUP
    assert "interrupted. Nothing was written" in said
    assert not (tmp_path / "out").exists()
    assert list(temporary.iterdir()) == []
