"""Faults that a sweep survives on a cluster: workers, kernels, disk, store.

The scheduler and the workers are processes of their own, as they would be on a cluster;
the sweep itself runs in this process.
"""

import contextlib
import json
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from small_disks import small_disk
from sweep_cases import (
    Case,
    Cluster,
    cluster,
    descendants,
    is_gone,
    seeds,
    wait_until,
    write_notebook,
)

from happymaps.base.paths import CUSTOM_OBJECTS, SKIP_DAMAGED
from happymaps_runs.sweeps.running import Options, Workers, run_sweep

OPENING = (CUSTOM_OBJECTS, SKIP_DAMAGED)


@pytest.fixture(scope="module")
def workers(tmp_path_factory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


def run(case: Case, workers: Cluster, **options: object) -> int:
    """Return how many points failed."""
    where = Workers(scheduler=workers.address)
    return run_sweep(case.sweep, case.store, where, Options(**options))


@contextlib.contextmanager
def running(case: Case, workers: Cluster) -> Iterator[Future]:
    """Run a sweep beside the test."""
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(run, case, workers)
        finally:
            case.give_sign()


def dask_worker_of(pid: int) -> psutil.Process:
    """Return the worker that a run's process is, or belongs to."""
    process = psutil.Process(pid)
    chain = [process, *process.parents()]
    return next(p for p in chain if "multiprocessing" in " ".join(p.cmdline()))


# ----------------------------------------------------------------- workers and kernels


@pytest.mark.parametrize("function", [True, False], ids=["function", "notebook"])
def test_a_run_whose_worker_is_killed_is_repeated_and_no_other(
    tmp_path, workers, function
):
    case = Case(tmp_path, seeds(4, "wait"), function=function)
    with running(case, workers) as failed:
        victim = dask_worker_of(case.pid(0))
        case.pid(1)
        kernel = psutil.Process(case.pid(0))
        victim.send_signal(signal.SIGKILL)
        case.give_sign()
        assert failed.result() == 0
    assert case.statuses() == dict.fromkeys(range(4), "completed")
    assert case.counts() == {0: 2, 1: 1, 2: 1, 3: 1}
    wait_until(lambda: is_gone(kernel))
    # Nothing is left to do.
    assert run(case, workers) == 0
    assert sum(case.counts().values()) == 5


def test_the_other_worker_finishes_when_nanny_and_worker_are_killed(tmp_path, workers):
    case = Case(tmp_path, seeds(4, "wait"))
    with running(case, workers) as failed:
        worker = dask_worker_of(case.pid(0))
        case.pid(1)
        nanny = worker.parent()
        for process in [nanny, *descendants(nanny.pid)]:
            process.send_signal(signal.SIGKILL)
        case.give_sign()
        try:
            assert failed.result() == 0
        finally:
            workers.start_worker()
    assert case.statuses() == dict.fromkeys(range(4), "completed")
    assert case.counts() == {0: 2, 1: 1, 2: 1, 3: 1}


def test_only_the_run_that_kills_its_worker_fails(tmp_path, workers):
    case = Case(tmp_path, [{"seed": 0, "deed": "die"}, *seeds(5)[1:]])
    assert run(case, workers) == 1
    expected = {0: "lost worker"} | dict.fromkeys(range(1, 5), "completed")
    assert case.statuses() == expected
    assert {case.counts()[seed] for seed in range(1, 5)} == {1}
    # Twice beside others, and twice alone.
    assert case.counts()[0] == 4
    # It is not tried again unless that is asked for.
    assert run(case, workers) == 1
    assert case.counts()[0] == 4


def test_a_killed_kernel_is_a_failure_that_is_not_repeated(tmp_path, workers):
    points = [{"seed": 0, "deed": "die"}, *seeds(3)[1:]]
    case = Case(tmp_path, points, function=False)
    assert run(case, workers) == 1
    assert case.statuses() == {0: "dead kernel", 1: "completed", 2: "completed"}
    assert case.counts() == {0: 1, 1: 1, 2: 1}
    assert case.leftovers() == []


@pytest.mark.parametrize("function", [True, False], ids=["function", "notebook"])
def test_a_run_past_its_deadline_fails_alone(tmp_path, workers, function):
    case = Case(tmp_path, seeds(1, "hang") + seeds(3)[1:], function=function)
    # The other runs meet this deadline on a busy machine too; kernels take long.
    assert run(case, workers, timeout=5 if function else 15) == 1
    assert case.statuses() == {0: "timeout", 1: "completed", 2: "completed"}
    assert case.counts() == {0: 1, 1: 1, 2: 1}
    assert is_gone_by_id(case.pid(0))


def is_gone_by_id(pid: int) -> bool:
    return not psutil.pid_exists(pid) or is_gone(psutil.Process(pid))


def test_a_function_that_asks_for_too_much_memory_is_told_apart(tmp_path, workers):
    case = Case(tmp_path, seeds(1, "raise MemoryError") + seeds(2)[1:])
    assert run(case, workers) == 1
    assert case.statuses() == {0: "out of memory", 1: "completed"}
    assert case.counts() == {0: 1, 1: 1}


def test_workers_elsewhere_open_networks_as_each_command_says(
    tmp_path, workers, monkeypatch
):
    module = tmp_path / "blocks.py"
    module.touch()
    case = Case(tmp_path, seeds(1, "show environment"))
    expected = {f"{CUSTOM_OBJECTS}={module}", f"{SKIP_DAMAGED}=1"}
    for given, found in (((str(module), "1"), expected), (("", ""), set())):
        for name, value in zip((CUSTOM_OBJECTS, SKIP_DAMAGED), given, strict=True):
            monkeypatch.setenv(name, value)
        assert run(case, workers, force=True) == 0
        shown = (case.traces / "environment").read_text().splitlines()
        assert {each for each in shown if each.split("=")[0] in OPENING} == found
    monkeypatch.setenv(CUSTOM_OBJECTS, str(tmp_path / "elsewhere.py"))
    with pytest.raises(ConnectionError, match="must see the module of --custom"):
        run(case, workers, force=True)


# ------------------------------------------------------------------ disk and store


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        ("fill the disk", "No space left on device"),
        ("leave no room", "The result needs 30 MB of free disk space"),
    ],
)
def test_a_full_disk_is_told_and_costs_no_earlier_result(
    tmp_path, workers, capsys, deed, message
):
    with small_disk(tmp_path / "disk", 260) as disk:
        case = Case(disk, [*seeds(2), {"seed": 2, "deed": deed}])
        # Enough was free when the third began, too little at its end.
        assert run(case, workers) == 1
        assert case.statuses() == {0: "completed", 1: "completed", 2: "disk full"}
        error = case.store.find_failure(case.keys()[2])["error"]
        assert message in error["message"]
        assert case.leftovers() == []

        # Nothing begins on a disk that is nearly full.
        assert run(case, workers, retry_failed=True) == 1
        assert case.counts() == {0: 1, 1: 1, 2: 1}
        assert "A run needs 200 MB of free disk space" in capsys.readouterr().err

        (case.traces / "filler").unlink()
        case.give_sign()
        assert run(case, workers, retry_failed=True) == 0
        assert case.statuses() == dict.fromkeys(range(3), "completed")
        assert case.counts() == {0: 1, 1: 1, 2: 2}


def damage_artefact(folder: Path) -> None:
    content = bytearray((folder / "result.nc").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "result.nc").write_bytes(content)


def cut_record(folder: Path) -> None:
    text = (folder / "run.json").read_text()
    (folder / "run.json").write_text(text[: len(text) // 2])


def remove_artefact(folder: Path) -> None:
    (folder / "result.nc").unlink()


def exchange_record(folder: Path) -> None:
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | {"key": "0" * 20}))


def test_damaged_runs_are_named_set_aside_and_repeated(tmp_path, workers, capsys):
    damages = {
        damage_artefact: "result.nc changed",
        cut_record: "run.json is missing or damaged",
        remove_artefact: "result.nc is missing",
        exchange_record: "run.json is that of the key 0000",
    }
    case = Case(tmp_path, seeds(5))
    assert run(case, workers) == 0
    keys = case.keys()
    for seed, (damage, problem) in enumerate(damages.items()):
        damage(case.store.folder(keys[seed]))
        assert problem in case.store.problems(keys[seed])[0]
    capsys.readouterr()
    assert run(case, workers) == 0
    printed = capsys.readouterr().out
    for seed, problem in enumerate(damages.values()):
        aside = case.store.root / "corrupt" / keys[seed]
        assert f"corrupt, to be run again: deed=, seed={seed}: {problem}" in printed
        assert f"See {aside}." in printed
        assert aside.is_dir()
    assert "4 to run, 1 in the store" in printed
    assert case.statuses() == dict.fromkeys(range(5), "completed")
    assert case.counts() == {0: 2, 1: 2, 2: 2, 3: 2, 4: 1}


# --------------------------------------------------------------------- the second call


def test_a_second_call_runs_what_the_first_did_not_have(tmp_path, workers):
    first = Case(tmp_path, seeds(2))
    assert run(first, workers) == 0
    (tmp_path / "more").mkdir()
    second = Case(tmp_path / "more", seeds(4), store=first.store.root)
    second.point_at(first.traces)
    assert run(second, workers) == 0
    assert second.counts() == Counter()
    assert first.counts() == dict.fromkeys(range(4), 1)


def test_prose_repeats_no_run_of_a_notebook_and_code_repeats_all(tmp_path, workers):
    case = Case(tmp_path, seeds(2), function=False)
    assert run(case, workers) == 0
    write_notebook(case.notebook, prose="Act, in other words.")
    assert run(case, workers) == 0
    assert case.counts() == {0: 1, 1: 1}
    write_notebook(case.notebook, code="print('more')")
    assert run(case, workers) == 0
    assert case.counts() == {0: 2, 1: 2}


def test_numbers_that_are_equal_are_one_run(tmp_path, workers):
    first = Case(tmp_path, [{"seed": 0, "weight": 0}])
    assert run(first, workers) == 0
    (tmp_path / "more").mkdir()
    points = [{"seed": 0, "weight": 0.0}]
    second = Case(tmp_path / "more", points, store=first.store.root)
    second.point_at(first.traces)
    assert second.keys() == first.keys()
    assert run(second, workers) == 0
    assert first.counts() == {0: 1}
