"""The command `happymaps sweep` on this machine: faults, and what it lays open."""

import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from sweep_cases import (
    FUNCTION,
    MODULE,
    Case,
    descendants,
    environment,
    finish,
    is_gone,
    seeds,
    wait_until,
)
from typer.testing import CliRunner

from happymaps_cli.main import app
from happymaps_runs.store.functions import run_function

MEMORY = Path("/sys/fs/cgroup/memory")
SECRETS = {"MY_SECRET_TOKEN": "hunter2", "OTHER": "hunter2"}


def assert_closed_to_others(case: Case, command: subprocess.Popen) -> None:
    """Check that a sweep, given `SECRETS`, is reached by loopback and tells none.

    The first point has shown its environment, and another one is waiting.
    """
    tree = [psutil.Process(command.pid), *descendants(command.pid)]
    listening = {
        connection.laddr.ip
        for process in tree
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    shown = (case.traces / "environment").read_text()
    assert "PATH=" in shown
    assert "hunter2" not in shown
    hidden = [Path(f"/proc/{process.pid}/environ").read_bytes() for process in tree[1:]]
    assert not any(b"hunter2" in each for each in hidden)


def assert_no_secret_is_kept(case: Case) -> None:
    kept = b"".join(p.read_bytes() for p in case.store.root.rglob("*") if p.is_file())
    assert b"hunter2" not in kept
    assert b"completed" in kept
    json.loads((case.store.folder(case.keys()[0]) / "run.json").read_text())


def test_a_killed_worker_costs_one_repetition_among_many_points(tmp_path):
    case = Case(tmp_path, [*seeds(4, "wait"), *seeds(100)[4:]])
    command = case.start("--workers", "2")
    os.kill(case.pid(0), signal.SIGKILL)
    case.give_sign()
    code, output = finish(command)
    assert (code, "100 completed, 0 failed" in output) == (0, True), output
    assert case.statuses() == dict.fromkeys(range(100), "completed")
    assert case.counts() == dict.fromkeys(range(100), 1) | {0: 2}


def test_ctrl_c_keeps_what_had_finished_and_leaves_no_process(tmp_path):
    points = [*seeds(1, "show environment"), *seeds(2)[1:], *seeds(4, "wait")[2:]]
    case = Case(tmp_path, points)
    command = case.start("--workers", "2", **SECRETS)
    case.pid(2)
    wait_until(lambda: case.statuses()[1] == "completed")
    assert_closed_to_others(case, command)
    below = descendants(command.pid)
    assert len(below) >= 2
    os.killpg(command.pid, signal.SIGINT)
    code, output = finish(command)
    assert code == 130, output
    assert "happymaps: interrupted. What had completed is kept" in output
    assert "Traceback" not in output
    wait_until(lambda: all(map(is_gone, below)))
    expected = {0: "completed", 1: "completed", 2: "missing", 3: "missing"}
    assert case.statuses() == expected
    assert_no_secret_is_kept(case)

    before = case.counts()
    case.give_sign()
    code, output = case.run("--workers", "2")
    assert (code, "2 to run, 2 in the store" in output) == (0, True), output
    assert case.statuses() == dict.fromkeys(range(4), "completed")
    assert case.counts() - before == {2: 1, 3: 1}


def test_a_sweep_told_to_stop_leaves_no_process_and_no_temporary_file(tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    case = Case(tmp_path, [*seeds(1), *seeds(3, "wait")[1:]])
    command = case.start("--workers", "2", TMPDIR=str(temporary))
    case.pid(1), case.pid(2)
    below = descendants(command.pid)
    assert {case.pid(1), case.pid(2)} <= {process.pid for process in below}
    # As `kill` does, and a batch system: to the command alone.
    command.send_signal(signal.SIGTERM)
    code, output = finish(command)
    assert (code, "Traceback" in output) == (143, False), output
    assert "happymaps: interrupted. What had completed is kept" in output
    wait_until(lambda: all(map(is_gone, below)))
    assert case.statuses() == {0: "completed", 1: "missing", 2: "missing"}
    assert list(temporary.iterdir()) == []


def test_ctrl_c_ends_the_kernels_of_a_notebook_sweep(tmp_path):
    points = [*seeds(1, "show environment"), *seeds(2, "wait")[1:]]
    case = Case(tmp_path, points, function=False)
    command = case.start("--workers", "1", **SECRETS)
    case.pid(1)
    assert_closed_to_others(case, command)
    below = descendants(command.pid)
    assert psutil.Process(case.pid(1)) in below
    os.killpg(command.pid, signal.SIGINT)
    code, output = finish(command)
    assert (code, "Traceback" in output) == (130, False), output
    wait_until(lambda: all(map(is_gone, below)))
    assert case.statuses() == {0: "completed", 1: "missing"}
    assert_no_secret_is_kept(case)


def test_two_sweeps_at_once_over_the_same_points_leave_each_once(tmp_path):
    case = Case(tmp_path, seeds(12))
    with ThreadPoolExecutor(2) as pool:
        started = [case.start("--workers", "1") for _ in range(2)]
        both = [pool.submit(finish, command) for command in started]
        for each in both:
            code, output = each.result()
            assert code == 0, output
    assert case.statuses() == dict.fromkeys(range(12), "completed")
    assert sorted(key for key, _ in case.store.records()) == sorted(
        case.keys().values()
    )
    assert case.leftovers() == []


CLOCK = """\
import time
from pathlib import Path
true, days = time.time, Path(__file__).with_name("days")
def jumping():
    return true() + 86400 * int(days.read_text())
time.time = jumping
time.time_ns = lambda: int(1e9 * jumping())
"""


def test_a_clock_that_jumps_costs_nothing_and_proves_nothing(tmp_path):
    # Every process of the sweep reads this clock.
    jumps = tmp_path / "jumps"
    jumps.mkdir()
    (jumps / "sitecustomize.py").write_text(CLOCK)
    (jumps / "days").write_text("0")

    def jump_to(days: int) -> None:
        (jumps / "partial").write_text(str(days))
        (jumps / "partial").replace(jumps / "days")

    points = [
        *seeds(2, "wait"),
        *seeds(6)[2:],
        {"seed": 6, "deed": "raise MemoryError"},
    ]
    case = Case(tmp_path, points)
    case.store.create()
    # What another sweep is at work on, by the clock from tomorrow.
    half = case.store.root / f".tmp-{case.keys()[0]}-00000000"
    half.mkdir()
    (half / "result.nc").write_bytes(b"half")
    future = time.time() + 86400
    os.utime(half, (future, future))

    paths = os.pathsep.join([str(jumps), environment()["PYTHONPATH"]])
    command = case.start("--workers", "2", PYTHONPATH=paths)
    case.pid(0), case.pid(1)
    for days in (3, -3):
        jump_to(days)
        time.sleep(1)
    case.give_sign()
    code, output = finish(command)
    assert (code, "6 completed, 1 failed" in output) == (1, True), output
    expected = dict.fromkeys(range(6), "completed") | {6: "out of memory"}
    assert case.statuses() == expected
    assert set(case.counts().values()) == {1}

    for path in case.store.root.rglob("*"):
        if not path.name.startswith("."):
            os.utime(path, (future, future))
    code, output = case.run("--workers", "2")
    assert "0 to run, 7 in the store" in output, output
    assert case.statuses() == expected


def test_a_worker_above_its_memory_fails_its_run_alone(tmp_path):
    case = Case(tmp_path, [{"seed": 0, "deed": "take memory"}, *seeds(3)[1:]])
    code, output = case.run("--workers", "2", "--worker-memory", "400MB")
    assert (code, "2 completed, 1 failed" in output) == (1, True), output
    expected = {0: "out of memory", 1: "completed", 2: "completed"}
    assert case.statuses() == expected
    assert "more memory than --worker-memory allows" in output


@pytest.fixture
def memory_group(tmp_path):
    """Return a memory cgroup (version 1) in which 1.5 GB can be taken."""
    group = MEMORY / f"happymaps-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text("1500M")
    except OSError:
        pytest.skip("a memory cgroup can be made here by no test")
    yield group
    wait_until(lambda: not (group / "cgroup.procs").read_text())
    group.rmdir()


def test_a_kernel_that_the_system_ends_for_its_memory_is_told_apart(
    tmp_path, memory_group
):
    points = [{"seed": 0, "deed": "take memory"}, *seeds(2)[1:]]
    case = Case(tmp_path, points, function=False)
    command = case.start("--workers", "1")
    (memory_group / "cgroup.procs").write_text(str(command.pid))
    code, output = finish(command)
    assert code == 1, output
    assert case.statuses() == {0: "out of memory", 1: "completed"}
    assert case.counts() == {0: 1, 1: 1}


def test_status_tells_of_each_failure_and_runs_nothing(tmp_path):
    case = Case(tmp_path, [*seeds(1, "raise MemoryError"), *seeds(3)[1:]])
    case.store.create()
    for point in case.sweep.points[:2]:
        run_function(case.store, FUNCTION, point.parameters)
    words = ["sweep", "status", str(case.file), "--out", str(case.store.root)]
    result = CliRunner().invoke(app, [*words, "--module", MODULE])
    assert result.exit_code == 0, result.output
    output = result.output
    assert "1 completed, 1 failed, 1 missing" in output
    where = case.store.failed_folder(case.keys()[0])
    assert (
        "failed: deed=raise MemoryError, seed=0: out of memory: MemoryError: too large "
        f"See {where}.\n"
    ) in output
    assert case.counts() == {0: 1, 1: 1}


def test_a_sweep_stands_on_the_start_page_and_is_not_run_twice(tmp_path):
    case = Case(tmp_path, seeds(2))
    page = case.store.root / "sweeps" / "case" / "index.html"
    for to_run in (2, 0):
        code, output = case.run("--workers", "2")
        assert code == 0, output
        assert f"{to_run} to run, {2 - to_run} in the store" in output
        assert f"The report: {tmp_path / 'index.html'}" in output
        assert f"The sweep's page: {page}" in output
    start = (tmp_path / "index.html").read_text()
    assert 'href="store/sweeps/case/index.html"' in start
    assert page.is_file()
    assert case.counts() == {0: 1, 1: 1}
