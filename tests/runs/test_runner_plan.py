"""The plan: its order, its parameters, and whole collections of runs."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from places import NOTEBOOKS

from happymaps.base import paths
from happymaps_runs.plans.collection import name_collection, run_plan
from happymaps_runs.plans.plan import choose_parameters, load_plan
from happymaps_runs.plans.refresh import committed_notebooks


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


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


def test_a_notebook_of_other_profiles_is_left_out(tmp_path):
    entries = [
        entry(tmp_path, "always", profiles={"full": {}}),
        entry(tmp_path, "rare", only=["full"]),
        entry(tmp_path, "rare_too", after=["rare"], only=["full"]),
    ]
    plan, out = write_plan(tmp_path, *entries), tmp_path / "reports"
    (record,) = run_plan(plan, out=out)
    assert record.notebook.endswith("always.ipynb")
    assert [record.status for record in run_plan(plan, profile="full", out=out)] == [
        "completed"
    ] * 3
    written = out / "synthetic_faces-quick" / "collection.json"
    assert len(json.loads(written.read_text())["notebooks"]) == 1


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


def test_nothing_runs_when_one_parameter_of_the_plan_is_wrong(tmp_path):
    first = entry(tmp_path, "first")
    second = entry(tmp_path, "second", profiles={"full": {"secnd": 1}})
    plan = write_plan(tmp_path, first, second)
    with pytest.raises(ValueError, match=r"second\.ipynb: .*'secnd'.*'second'"):
        run_plan(plan, profile="full", out=tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


def test_a_plan_runs_in_order_and_past_a_failure(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    entries = [
        entry(tmp_path, "fail", "divide_by_zero"),
        entry(tmp_path, "after_fail", after=["fail"]),
        entry(tmp_path, "first"),
        entry(tmp_path, "second", after=["first"], profiles={"full": {"first": 5}}),
        entry(tmp_path, "after_after_fail", after=["after_fail"]),
    ]
    plan = write_plan(tmp_path, *entries)
    records = run_plan(plan, profile="full", out=tmp_path / "reports", jobs=2)
    assert [record.status for record in records] == [
        *("failed", "not run", "completed", "completed", "not run")
    ]
    collection = tmp_path / "reports" / "synthetic_faces-full"
    names = ["collection.json", "failed", "first", "second"]
    assert names_in(collection) == names
    described = json.loads((collection / "collection.json").read_text())
    stems = [Path(each).stem for each in described["notebooks"]]
    assert stems == ["fail", "after_fail", "first", "second", "after_after_fail"]
    assert described["profile"] == "full"
    assert described["dataset"] == "synthetic_faces"
    metrics = json.loads((collection / "second" / "metrics.json").read_text())
    assert metrics["total"] == 7
    assert metrics["finished"] == ["first"]
    assert int(metrics["threads"]) == max(1, len(os.sched_getaffinity(0)) // 2)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("fail ") and "failed" in line for line in lines)
    assert "1 failed, 2 not run, 2 completed" in lines
    assert any("ZeroDivisionError" in line for line in lines)


def test_of_two_that_can_start_the_first_of_the_plan_does(tmp_path, capsys):
    entries = [
        entry(tmp_path, "first"),
        entry(tmp_path, "second", after=["first"]),
        entry(tmp_path, "third"),
    ]
    run_plan(write_plan(tmp_path, *entries), out=tmp_path / "reports", jobs=1)
    ended = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert ended[:3] == ["first", "second", "third"]


def test_a_timed_notebook_runs_after_the_others_with_all_threads(tmp_path, monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    entries = [
        entry(tmp_path, "timed", timed=True),
        entry(tmp_path, "fail", "divide_by_zero"),
        entry(tmp_path, "timed_after_fail", timed=True, after=["fail"]),
        entry(tmp_path, "first"),
    ]
    records = run_plan(write_plan(tmp_path, *entries), out=tmp_path / "reports")
    assert [record.status for record in records] == [
        *("completed", "failed", "not run", "completed")
    ]
    (collection,) = (tmp_path / "reports").iterdir()
    metrics = json.loads((collection / "timed" / "metrics.json").read_text())
    assert metrics["finished"] == ["first"]
    assert metrics["threads"] is None


def test_no_other_notebook_can_wait_for_a_timed_one(tmp_path):
    first, second = entry(tmp_path, "first"), entry(tmp_path, "second")
    plan = write_plan(tmp_path, first | {"timed": True}, second | {"after": ["first"]})
    with pytest.raises(ValueError, match="none of them can wait for it"):
        load_plan(plan)


def test_other_parameters_reach_those_that_declare_them_and_name_the_folder(tmp_path):
    plan = write_plan(tmp_path, entry(tmp_path, "one"))
    (record,) = run_plan(plan, others={"first": "5"}, out=tmp_path / "reports")
    assert record.parameters["first"] == 5
    (collection,) = (tmp_path / "reports").iterdir()
    assert collection.name.startswith("synthetic_faces-quick-")
    with pytest.raises(ValueError, match="must declare 'frist'"):
        run_plan(plan, others={"frist": "5"}, out=tmp_path / "reports")


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
def test_a_collection_is_named_after_the_choice(choice, expected):
    name = name_collection(*choice)
    assert name == expected


def test_a_long_or_strange_name_becomes_a_safe_one():
    name = name_collection("folder:/" + "x" * 200, None, None, "quick")
    assert len(name) == 64
    evil = name_collection("../../evil\n", None, None, "..")
    assert evil == "evil"
    assert name_collection("folder:/", None, None, "q").startswith("folder-unnamed-")
