"""One run from end to end: real kernels, real failures, and what they leave behind."""

import hashlib
import json
import os
import threading
from pathlib import Path

import pytest
from places import NOTEBOOKS
from small_disks import small_disk

from happymaps_runs.notebooks.execution import run_notebook
from happymaps_runs.notebooks.records import RunError, RunRecord
from happymaps_runs.notebooks.worker import judge_cells


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def plant_older_run(folder: Path) -> dict[str, bytes]:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text('{"status": "completed"}')
    (folder / "notebook.ipynb").write_text("good")
    return snapshot(folder)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def read_record(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text())


def read_outputs(folder: Path) -> str:
    cells = json.loads((folder / "notebook.ipynb").read_text())["cells"]
    outputs = (output for cell in cells for output in cell.get("outputs", ()))
    return "".join("".join(output.get("text", "")) for output in outputs)


def test_a_run_leaves_notebook_metrics_answer_and_record(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_X", "hunter2")
    monkeypatch.setenv("GITHUB_TOKEN", "hunter2")
    # A folder with braces, which papermill would take for a format string.
    output = tmp_path / "with {braces} {0}" / "run"
    source = NOTEBOOKS / "report_settings.ipynb"
    record = run_notebook(source, {"seed": "5"}, output)

    assert record.status == "completed"
    assert record.folder == output
    assert names_in(output.parent) == ["run"]
    written = read_record(output)
    hashes = written.pop("artefact_sha256")
    assert written["notebook"] == "tests/notebooks/report_settings.ipynb"
    assert written["title"] == "Report the settings"
    assert written["parameters"] == {
        "seed": 5,
        "tv_weight": 0.01,
        "quick": True,
        "layer": "conv1",
        "sizes": [2, 3],
        "weights": [],
        "names": ["a"],
    }
    assert written["error"] is None
    assert written["source_sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert written["versions"]["papermill"]
    assert json.loads((output / "metrics.json").read_text())["seed"] == 5
    kept = {"headline": "Three.", "details": "Of 4."}
    assert json.loads((output / "answer.json").read_text()) == kept
    files = ["answer.json", "environment.txt", "metrics.json", "notebook.ipynb"]
    assert sorted(hashes) == files
    assert names_in(output) == sorted([*files, "run.json"])
    for name, digest in hashes.items():
        assert hashlib.sha256((output / name).read_bytes()).hexdigest() == digest
    # What native code writes is no output: it holds times and process ids.
    assert "native log line" not in read_outputs(output)
    # The kernel works beside the notebook, without Keras, and without secrets.
    assert read_outputs(output).startswith("notebooks False\n")
    assert b"hunter2" not in b"".join(snapshot(output).values())
    assert "SECRET_X" not in (output / "environment.txt").read_text()


@pytest.fixture(scope="module")
def announced(tmp_path_factory) -> RunRecord:
    """The run of a notebook in which an error was announced by its tag."""
    folder = tmp_path_factory.mktemp("announced") / "run"
    return run_notebook(NOTEBOOKS / "raise_on_purpose.ipynb", {}, folder)


def test_a_notebook_without_metrics_gets_an_empty_file(announced):
    assert json.loads((announced.folder / "metrics.json").read_text()) == {}
    # The cell after the error ran.
    assert read_outputs(announced.folder) == "after\n"


@pytest.mark.parametrize(
    ("name", "kind", "cell", "error_name"),
    [
        ("kill_the_kernel", "dead kernel", 4, "DeadKernelError"),
        ("exit_early", "cell error", 3, "SystemExit"),
    ],
)
def test_a_failed_run_is_told_and_kept_apart(tmp_path, name, kind, cell, error_name):
    see_it_fail(tmp_path, name, kind, cell, error_name)


def see_it_fail(tmp_path, name, kind, cell, error_name) -> RunError:
    """Run a notebook that fails beside an older run, and return its error."""
    output = tmp_path / "run"
    older = plant_older_run(output)
    with pytest.raises(RunError) as caught:
        run_notebook(NOTEBOOKS / f"{name}.ipynb", {}, output)
    failed = tmp_path / "failed" / "run"
    assert (caught.value.kind, caught.value.cell) == (kind, cell)
    assert f"tests/notebooks/{name}.ipynb failed in cell {cell}" in str(caught.value)
    assert str(failed) in str(caught.value)
    assert snapshot(output) == older
    assert names_in(tmp_path) == ["failed", "run"]
    written = read_record(failed)
    assert written["status"] == "failed"
    assert written["error"]["name"] == error_name
    outputs = read_outputs(failed)
    assert "after" not in outputs
    assert ("before" in outputs) == (name != "exit_early")
    return caught.value


def test_a_later_success_clears_the_failure(tmp_path):
    what = ("divide_by_zero", "cell error", 3, "ZeroDivisionError")
    error = see_it_fail(tmp_path, *what)
    assert error.parameters == {"divisor": 0}
    assert "ZeroDivisionError: division by zero" in str(error)
    notebook = NOTEBOOKS / "divide_by_zero.ipynb"
    run_notebook(notebook, {"divisor": 2}, tmp_path / "run")
    assert not (tmp_path / "failed" / "run").exists()
    assert read_record(tmp_path / "run")["parameters"] == {"divisor": 2}


def test_the_deadline_counts_for_the_whole_run(tmp_path, announced):
    older = plant_older_run(tmp_path / "run")
    # Long enough for the kernel to start, on this machine as it is now.
    seconds = round(2 + 3 * announced.seconds)
    with pytest.raises(RunError) as caught:
        run_notebook(NOTEBOOKS / "sleep.ipynb", {}, tmp_path / "run", timeout=seconds)
    assert caught.value.kind == "timeout"
    assert f"timeout: it took longer than {seconds} s" in str(caught.value)
    assert snapshot(tmp_path / "run") == older
    failed = tmp_path / "failed" / "run"
    assert read_record(failed)["error"]["cell"] == 4
    assert read_outputs(failed) == "before\n"
    assert_ended(failed / "started")


def test_a_run_is_stopped_from_another_thread(tmp_path):
    stop = threading.Event()
    threading.Timer(1.0, stop.set).start()
    with pytest.raises(RunError) as caught:
        run_notebook(NOTEBOOKS / "sleep.ipynb", {}, tmp_path / "run", stop=stop)
    assert caught.value.kind == "interrupted"
    assert names_in(tmp_path) == ["failed"]


def assert_ended(started: Path) -> None:
    """Check that the kernel and the worker, which `started` names, are gone."""
    for pid in map(int, started.read_text().split()):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_two_runs_into_one_folder_leave_one_whole_run(tmp_path):
    errors = []

    def run(divisor: int) -> None:
        try:
            notebook = NOTEBOOKS / "divide_by_zero.ipynb"
            run_notebook(notebook, {"divisor": divisor}, tmp_path / "run")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(each,)) for each in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert names_in(tmp_path) == ["run"]
    written = read_record(tmp_path / "run")
    for name, digest in written["artefact_sha256"].items():
        content = (tmp_path / "run" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
    value = f"divisor = {written['parameters']['divisor']}"
    assert value in (tmp_path / "run" / "notebook.ipynb").read_text()


def test_a_full_disk_is_told_and_harms_no_older_run(tmp_path):
    with small_disk(tmp_path / "disk", 230) as disk:
        older = plant_older_run(disk / "run")
        with pytest.raises(RunError) as caught:
            run_notebook(NOTEBOOKS / "fill_the_disk.ipynb", {}, disk / "run")
        assert caught.value.kind == "disk full"
        assert snapshot(disk / "run") == older
        assert names_in(disk) == ["failed", "run"]
        failed = disk / "failed" / "run"
        assert read_record(failed)["error"]["kind"] == "disk full"
        # What filled the disk is gone, or the next run would fail too.
        assert not (failed / "large.bin").exists()
        assert "No space left" in (failed / "notebook.ipynb").read_text()


def test_a_disk_nearly_full_is_refused_before_anything_runs(tmp_path):
    with small_disk(tmp_path / "disk", 10) as disk:
        with pytest.raises(OSError, match="A run needs 200 MB of free disk space"):
            run_notebook(NOTEBOOKS / "exit_early.ipynb", {}, disk / "run")
        assert names_in(disk) == []


@pytest.mark.parametrize(
    "name",
    [
        "https://example.org/a.ipynb",
        "s3://bucket/a.ipynb",
        "gs:/b/a.ipynb",
        "-",
        "a.py",
    ],
)
def test_only_a_notebook_on_this_machine_is_run(tmp_path, name):
    with pytest.raises(ValueError, match=r"A notebook must be "):
        run_notebook(name, {}, tmp_path / "run")
    assert names_in(tmp_path) == []


def test_a_folder_with_other_things_is_not_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match="must be new, empty, or an older run"):
        run_notebook(NOTEBOOKS / "exit_early.ipynb", {}, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_nothing_runs_with_a_misspelt_parameter(tmp_path):
    with pytest.raises(ValueError, match="Did you mean 'divisor'"):
        run_notebook(
            NOTEBOOKS / "divide_by_zero.ipynb", {"devisor": 1}, tmp_path / "run"
        )
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_deadline_must_lie_ahead(tmp_path, timeout):
    with pytest.raises(ValueError, match="timeout must be a positive number"):
        run_notebook(
            NOTEBOOKS / "exit_early.ipynb", {}, tmp_path / "run", timeout=timeout
        )


def code_cell(count: int | None = 1, source: str = "x", **metadata) -> dict:
    return {
        "cell_type": "code",
        "source": source,
        "execution_count": count,
        "outputs": [],
        "metadata": metadata,
    }


def test_a_cell_that_did_not_run_is_no_success():
    cells = [code_cell(1, tags=["injected-parameters"]), code_cell(2), code_cell(None)]
    outcome = judge_cells(cells)
    assert (outcome["kind"], outcome["cell"]) == ("not finished", 1)


def test_cells_without_code_need_not_run():
    markdown = {"cell_type": "markdown", "source": "x", "metadata": {}}
    cells = [
        code_cell(None, "  "),
        markdown,
        code_cell(None, tags=["skip-execution"]),
        code_cell(1),
    ]
    assert judge_cells(cells) == {"kind": None}


def test_an_error_of_the_disk_is_told_from_the_message():
    cell = code_cell(1)
    cell["outputs"] = [
        {
            "output_type": "error",
            "ename": "OSError",
            "evalue": "[Errno 28] No space left on device",
            "traceback": ["\x1b[31mred\x1b[0m"],
        }
    ]
    outcome = judge_cells([cell])
    assert outcome["kind"] == "disk full"
    assert outcome["traceback"] == "red"
