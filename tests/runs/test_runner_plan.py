"""The plan: its order, its parameters, and reports, of which only what changed runs."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
import yaml
from places import NOTEBOOKS

from happymaps.base import paths
from happymaps_runs.plans.plan import choose_parameters, load_plan
from happymaps_runs.plans.refresh import committed_notebooks
from happymaps_runs.plans.report import name_report, run_plan
from happymaps_runs.store.lists import read_reports
from happymaps_runs.store.run_store import RunStore


@pytest.fixture
def store(tmp_path) -> RunStore:
    return RunStore(tmp_path / "store")


def statuses(records) -> list[str]:
    return [record.status for record in records]


def metrics_of(record) -> dict:
    return json.loads((record.folder / "metrics.json").read_text())


def write_plan(folder: Path, *entries: dict) -> Path:
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump({"notebooks": list(entries)}))
    return path


def entry(folder: Path, name: str, fixture: str = "add_numbers", **more) -> dict:
    path = folder / f"{name}.ipynb"
    shutil.copy(NOTEBOOKS / f"{fixture}.ipynb", path)
    return {"notebook": str(path), **more}


def test_the_plan_of_the_repository_is_in_order():
    entries = load_plan(paths.repository_root() / "experiments" / "plan.yaml")
    names = [each.name for each in entries]
    assert names[:3] == [
        "experiment0_create_dataset",
        "experiment0_train",
        "experiment0_test",
    ]
    for each in entries:
        assert each.notebook.is_relative_to(paths.repository_root() / "experiments")
        assert all(names.index(name) < names.index(each.name) for name in each.after)
        assert "full" in each.profiles


def test_no_notebook_of_the_plan_reads_what_another_has_left():
    # Else its key would have to hold theirs.
    for each in load_plan(paths.repository_root() / "experiments" / "plan.yaml"):
        cells = json.loads(each.notebook.read_text())["cells"]
        code = "".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        assert not re.search(r"HAPPYMAPS_|\.json|\.nc\b|reports/|open_sweep", code)


def test_committed_notebooks_are_refreshed_in_the_order_of_the_plan():
    plan = load_plan(paths.repository_root() / "experiments" / "plan.yaml")
    planned = [each.notebook for each in plan if each.notebook.exists()]
    assert committed_notebooks()[: len(planned)] == planned


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"afterr": []}, "Unknown key of the plan 'afterr'. Did you mean 'after'"),
        ({"after": ["frist"]}, "Unknown notebook 'frist'. Did you mean 'first'"),
        ({"after": ["second"]}, "must not lead back"),
        ({"notebook": "My Notebook.ipynb"}, "must have a file name of small letters"),
        ({"notebook": "failed.ipynb"}, "must have a file name of small letters"),
        ({"notebook": None}, "must name its `notebook`"),
        ({"notebook": "elsewhere/first.ipynb"}, "Received twice: first"),
        ({"after": ["rare"]}, "in no other profiles than those that it waits for"),
        ({"after": ["rare"], "only": ["full", "x"]}, "in no other profiles than"),
    ],
)
def test_a_faulty_plan_is_refused(tmp_path, change, message):
    first, second = entry(tmp_path, "first"), entry(tmp_path, "second")
    rare = entry(tmp_path, "rare", only=["full"])
    with pytest.raises(ValueError, match=message):
        load_plan(write_plan(tmp_path, first, second | change, rare))


def test_a_notebook_of_other_profiles_is_left_out(tmp_path, store):
    entries = [
        entry(tmp_path, "always", profiles={"full": {}}),
        entry(tmp_path, "rare", only=["full"]),
        entry(tmp_path, "rare_too", after=["rare"], only=["full"]),
    ]
    plan = write_plan(tmp_path, *entries)
    (record,) = run_plan(plan, store)
    assert record.notebook.endswith("always.ipynb")
    assert statuses(run_plan(plan, store, profile="full")) == ["completed"] * 3
    listed = {each["name"]: len(each["notebooks"]) for each in read_reports(store)}
    assert listed == {"synthetic_faces-quick": 1, "synthetic_faces-full": 3}


@pytest.mark.parametrize("text", ["", "notebooks: 3", "- a", "!!python/object:os.x {}"])
def test_a_file_that_is_no_plan_is_refused(tmp_path, text):
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises((ValueError, yaml.YAMLError)):
        load_plan(tmp_path / "plan.yaml")


def choose(tmp_path: Path, profile: str = "quick", **shared) -> dict:
    first = entry(tmp_path, "first", profiles={"full": {"first": "1_0"}})
    second = entry(tmp_path, "second", profiles={"full": {"first": 10}})
    third = entry(tmp_path, "third", "divide_by_zero")
    entries = load_plan(write_plan(tmp_path, first, second, third))
    return choose_parameters(entries[1:], profile, shared)


def test_the_quick_profile_is_the_defaults(tmp_path):
    assert choose(tmp_path) == {
        "second": {"first": 1, "second": 2, "dataset": "synthetic_faces"},
        "third": {"divisor": 0},
    }


def test_another_profile_overrides_defaults(tmp_path):
    assert choose(tmp_path, "full")["second"]["first"] == 10


def test_a_shared_value_reaches_those_that_declare_it(tmp_path):
    chosen = choose(tmp_path, dataset="cmu_faces", model=None)
    assert chosen["second"]["dataset"] == "cmu_faces"
    assert chosen["third"] == {"divisor": 0}


def test_a_shared_value_that_nobody_declares_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must declare 'model'"):
        choose(tmp_path, model="/a.keras")


def test_an_unknown_profile_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'ful'\. Did you mean 'full'"):
        choose(tmp_path, "ful")


@pytest.mark.parametrize(
    ("declared", "expected"),
    [("list[int] = [1, 1]", [60, 64]), ("str = ''", "60x64"), ("list[int] = []", None)],
)
def test_the_image_size_is_given_as_declared(tmp_path, declared, expected):
    item = entry(tmp_path, "size")
    path = Path(item["notebook"])
    text = path.read_text().replace("first: int = 1", f"image_size: {declared}")
    path.write_text(text)
    entries = load_plan(write_plan(tmp_path, item))
    chosen = choose_parameters(entries, "quick", {"image_size": expected and (60, 64)})
    assert chosen["size"]["image_size"] == (expected or [])


def test_nothing_runs_when_one_parameter_of_the_plan_is_wrong(tmp_path, store):
    first = entry(tmp_path, "first")
    second = entry(tmp_path, "second", profiles={"full": {"secnd": 1}})
    plan = write_plan(tmp_path, first, second)
    with pytest.raises(ValueError, match=r"second\.ipynb: .*'secnd'.*'second'"):
        run_plan(plan, store, profile="full")
    assert not store.exists


def test_a_plan_runs_in_order_and_past_a_failure(tmp_path, store, capsys, monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    entries = [
        entry(tmp_path, "fail", "divide_by_zero"),
        entry(tmp_path, "after_fail", after=["fail"]),
        entry(tmp_path, "first"),
        entry(tmp_path, "second", after=["first"], profiles={"full": {"first": 5}}),
        entry(tmp_path, "after_after_fail", after=["after_fail"]),
    ]
    plan = write_plan(tmp_path, *entries)
    records = run_plan(plan, store, profile="full", jobs=2)
    assert statuses(records) == [
        *("failed", "not run", "completed", "completed", "not run")
    ]
    (report,) = read_reports(store)
    stems = ["fail", "after_fail", "first", "second", "after_after_fail"]
    assert [each["name"] for each in report["notebooks"]] == stems
    keys = [each["key"] for each in report["notebooks"]]
    assert keys == [record.key for record in records]
    assert (report["profile"], report["dataset"]) == ("full", "synthetic_faces")
    assert {key for key, _ in store.records()} == {keys[0], keys[2], keys[3]}
    metrics = metrics_of(records[3])
    assert metrics["total"] == 7
    assert metrics["finished"] == [keys[2]]
    assert int(metrics["threads"]) == max(1, len(os.sched_getaffinity(0)) // 2)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("fail ") and "failed" in line for line in lines)
    assert "1 failed, 2 not run, 2 completed" in lines
    assert any("ZeroDivisionError" in line for line in lines)


def test_of_two_that_can_start_the_first_of_the_plan_does(tmp_path, store, capsys):
    entries = [
        entry(tmp_path, "first"),
        entry(tmp_path, "second", after=["first"]),
        entry(tmp_path, "third"),
    ]
    run_plan(write_plan(tmp_path, *entries), store, jobs=1)
    ended = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert ended[1:4] == ["first", "second", "third"]


def test_a_timed_notebook_runs_after_the_others_with_all_threads(
    tmp_path, store, monkeypatch
):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    entries = [
        entry(tmp_path, "timed", timed=True),
        entry(tmp_path, "fail", "divide_by_zero"),
        entry(tmp_path, "timed_after_fail", timed=True, after=["fail"]),
        entry(tmp_path, "first"),
    ]
    plan = write_plan(tmp_path, *entries)
    records = run_plan(plan, store)
    assert statuses(records) == ["completed", "failed", "not run", "completed"]
    metrics = metrics_of(records[0])
    assert metrics["finished"] == [records[3].key]
    assert metrics["threads"] is None
    # What it measures is the machine's.
    made_on = [store.find(records[i].key)["identity"].get("machine") for i in (0, 3)]
    assert made_on[0]["cpus"] == os.cpu_count() and made_on[1] is None


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


def test_a_second_report_runs_what_has_changed_alone(tmp_path, store, capsys):
    names = ("first", "second")
    entries = [entry(tmp_path, "first"), entry(tmp_path, "second", after=["first"])]
    plan = write_plan(tmp_path, *entries)

    def report(**options) -> tuple[str, set[str]]:
        """Return how many were reused, and the names of those that ran."""
        records = run_plan(plan, store, **options)
        assert statuses(records) == ["completed"] * 2
        first, *lines = capsys.readouterr().out.splitlines()
        return first, {line.split()[0] for line in lines} & set(names)

    assert report() == ("0 of 2 reused", {"first", "second"})
    assert report() == ("2 of 2 reused", set())
    # `after` tells the order, and no notebook reads what another has left.
    edit(tmp_path / "first.ipynb", "total=first", "total=1 * first")
    assert report() == ("1 of 2 reused", {"first"})
    # The page shows the prose.
    edit(tmp_path / "second.ipynb", "Add two numbers", "Add two whole numbers")
    assert report() == ("1 of 2 reused", {"second"})
    # Back where it was: that run is there still.
    edit(tmp_path / "first.ipynb", "total=1 * first", "total=first")
    assert report() == ("2 of 2 reused", set())
    assert report(force=True) == ("0 of 2 reused", {"first", "second"})


def test_a_failed_run_is_never_reused(tmp_path, store, capsys):
    plan = write_plan(tmp_path, entry(tmp_path, "fail", "divide_by_zero"))
    for _ in range(2):
        (record,) = run_plan(plan, store)
        assert (record.status, record.error["name"]) == ("failed", "ZeroDivisionError")
    assert capsys.readouterr().out.count("0 of 1 reused") == 2


def test_a_damaged_run_of_a_report_is_named_and_run_again(tmp_path, store, capsys):
    plan = write_plan(tmp_path, entry(tmp_path, "one"), entry(tmp_path, "two"))
    first, second = run_plan(plan, store)
    (first.folder / "metrics.json").write_text('{"total": 4}')
    capsys.readouterr()
    assert statuses(run_plan(plan, store)) == ["completed"] * 2
    printed = capsys.readouterr().out
    assert "one is run again: metrics.json changed after the run. See " in printed
    assert "1 of 2 reused" in printed
    assert metrics_of(first)["total"] == 3
    assert store.problems(first.key) == store.problems(second.key) == []


def test_a_run_that_cannot_begin_is_kept_as_failed(tmp_path, store):
    plan = write_plan(tmp_path, entry(tmp_path, "one"))
    (record,) = run_plan(plan, store, timeout=-1)
    assert record.status == "failed"
    error = store.find_failure(record.key)["error"]
    assert "must be a positive number of seconds" in error["message"]
    assert statuses(run_plan(plan, store)) == ["completed"]
    assert store.find_failure(record.key) is None


def test_no_other_notebook_can_wait_for_a_timed_one(tmp_path):
    first, second = entry(tmp_path, "first"), entry(tmp_path, "second")
    plan = write_plan(tmp_path, first | {"timed": True}, second | {"after": ["first"]})
    with pytest.raises(ValueError, match="none of them can wait for it"):
        load_plan(plan)


def test_other_parameters_reach_those_that_declare_them_and_name_the_report(
    tmp_path, store
):
    plan = write_plan(tmp_path, entry(tmp_path, "one"))
    (record,) = run_plan(plan, store, others={"first": "5"})
    assert record.parameters["first"] == 5
    (report,) = read_reports(store)
    assert report["name"].startswith("synthetic_faces-quick-")
    with pytest.raises(ValueError, match="must declare 'frist'"):
        run_plan(plan, store, others={"frist": "5"})


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (("synthetic_faces", None, None, "quick"), "synthetic_faces-quick"),
        ((None, None, None, "quick"), "default-quick"),
        (("cmu_faces", None, (60, 64), "full"), "cmu_faces-60x64-full"),
        (("folder:/a/My Faces", None, None, "quick"), "folder-my-faces-4ead8f-quick"),
        (("cmu_faces", "/m/Net.keras", None, "quick"), "cmu_faces-net-d2d3bb-quick"),
    ],
)
def test_a_report_is_named_after_the_choice(choice, expected):
    name = name_report(*choice)
    assert name == expected


def test_a_long_or_strange_name_becomes_a_safe_one():
    name = name_report("folder:/" + "x" * 200, None, None, "quick")
    assert len(name) == 64
    evil = name_report("../../evil\n", None, None, "..")
    assert evil == "evil"
    assert name_report("folder:/", None, None, "q").startswith("folder-unnamed-")
