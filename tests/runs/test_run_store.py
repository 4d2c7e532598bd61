"""The run store: keys, what is kept, what is believed, and what is made of it."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

import happymaps_runs
from happymaps.base.sweepable import sweepable
from happymaps_cli.main import app
from happymaps_runs.notebooks.process import Outcome
from happymaps_runs.store.cleaning import choose_runs
from happymaps_runs.store.functions import (
    coerce_arguments,
    find_function,
    keep_failure,
    run_function,
)
from happymaps_runs.store.identity import function_identity, key_of
from happymaps_runs.store.lists import named_keys, write_report
from happymaps_runs.store.opening import open_sweep
from happymaps_runs.store.recalling import load_or_run, load_or_run_in, read_result
from happymaps_runs.store.run_store import RunStore
from happymaps_runs.store.table import read_table, write_table

NAME = f"{__name__}:add"
calls = []


@sweepable
def add(*, a: int = 1, b: float = 0.5, word: str = "") -> xr.Dataset:
    """Add two numbers."""
    calls.append((a, b))
    if a == 13:
        raise ArithmeticError("thirteen is unlucky")
    maps = np.full((2, 3), a + b, np.float32)
    return xr.Dataset({"total": a + b, "maps": (("unit", "x"), maps)})


@sweepable
def count_up(*, a: int = 1) -> xr.Dataset:
    """Count, and spell the numbers."""
    numbers = np.arange(a)
    variables = {"number": ("count", numbers), "word": ("count", numbers.astype(str))}
    return xr.Dataset(variables | {"halves": (("half", "count"), np.ones((2, a)))})


def unmarked(*, a: int = 1) -> xr.Dataset:
    return xr.Dataset()


@pytest.fixture
def store(tmp_path):
    made = RunStore(tmp_path / "store")
    made.create()
    return made


def run(store, **parameters):
    return run_function(store, NAME, coerce_arguments(NAME, parameters))


def test_a_functions_run_leaves_result_numbers_and_record(store):
    record = run(store, a=2)
    assert record.status == "completed"
    folder = store.folder(record.key)
    names = {path.name for path in folder.iterdir()}
    assert names == {"result.nc", "metrics.json", "run.json"}
    assert json.loads((folder / "metrics.json").read_text()) == {"total": 2.5}
    kept = json.loads((folder / "run.json").read_text())
    assert kept["parameters"] == {"a": 2, "b": 0.5, "word": ""}
    assert kept["function"] == NAME
    assert kept["identity"] == function_identity(NAME, kept["parameters"])
    assert kept["artefact_sha256"].keys() == names - {"run.json"}
    assert read_result(store, record.key).maps.values.tolist() == [[2.5] * 3] * 2
    assert store.problems(record.key) == []
    assert store.find(record.key)["seconds"] >= 0


def test_a_failure_is_kept_apart_with_its_traceback(store):
    record = run(store, a=13)
    assert (record.status, record.error["kind"]) == ("failed", "function error")
    assert store.find(record.key) is None
    failure = store.find_failure(record.key)
    assert failure["error"]["message"] == "thirteen is unlucky"
    assert "ArithmeticError" in failure["error"]["traceback"]


def test_of_two_runs_of_one_key_the_first_stays_unless_it_is_to_give_way(store):
    first = run(store)
    path = store.folder(first.key) / "run.json"
    written = path.stat().st_mtime_ns
    assert run(store).status == "completed"
    assert path.stat().st_mtime_ns == written
    run_function(store, NAME, coerce_arguments(NAME, {}), replace=True)
    assert path.stat().st_mtime_ns > written
    assert not list(store.root.glob(".*"))


def test_a_key_depends_on_every_parameter_and_not_on_their_order():
    keys = {
        key_of(function_identity(NAME, coerce_arguments(NAME, given)))
        for given in ({}, {"a": 2}, {"b": 1}, {"word": "x"}, {"a": 2, "b": 1})
    }
    assert len(keys) == 5
    one = key_of(function_identity(NAME, {"a": 1, "b": 2.0}))
    assert one == key_of(function_identity(NAME, {"b": 2.0, "a": 1}))
    zeros = (coerce_arguments(NAME, {"b": zero}) for zero in (0, 0.0, "0"))
    assert len({key_of(function_identity(NAME, each)) for each in zeros}) == 1


def test_a_key_depends_on_what_is_in_the_files_that_are_named(tmp_path):
    folder = tmp_path / "images" / "left"
    folder.mkdir(parents=True)
    model = tmp_path / "network.keras"
    given = {"dataset": f"folder:{folder.parent}", "model": str(model)}
    keys = []
    for content in ("one", "two"):
        (folder / "a.png").write_text(content)
        model.write_text("network")
        keys.append(key_of(function_identity(NAME, given)))
    model.write_text("another network")
    keys.append(key_of(function_identity(NAME, given)))
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (
            lambda folder: (folder / "result.nc").write_text("x"),
            "result.nc changed after the run",
        ),
        (lambda folder: (folder / "result.nc").unlink(), "result.nc is missing"),
        (
            lambda folder: (folder / "run.json").write_text('{"sta'),
            "run.json is missing",
        ),
        (lambda folder: (folder / "run.json").unlink(), "run.json is missing"),
    ],
)
def test_damage_is_found_and_set_aside(store, spoil, problem):
    key = run(store).key
    spoil(store.folder(key))
    assert problem in store.problems(key)[0]
    aside = store.set_aside(key)
    assert aside.is_dir()
    assert store.find(key) is None
    assert store.problems(key) == []


def test_a_run_under_another_runs_key_is_no_run(store):
    key = run(store).key
    store.folder(key).rename(store.folder("0" * 20))
    assert store.problems("0" * 20) == [f"run.json is that of the key {key}"]


def test_a_folder_with_other_things_is_no_store(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match="holds other things"):
        RunStore(tmp_path)


@pytest.mark.parametrize("mark", ['{"format": 2}', "{}", "[1]", ""])
def test_a_store_that_cannot_be_read_is_refused_in_a_sentence(store, mark):
    (store.root / "store.json").write_text(mark)
    with pytest.raises(ValueError, match=r"must be that of a store of format 1\. Rec"):
        RunStore(store.root)


def test_runs_whose_keys_followed_the_whole_library_stay_and_are_not_reused(store):
    record = run(store, a=7)
    old = {"function": NAME, "library": "0" * 64, "parameters": record.parameters}
    key = key_of(old)
    store.folder(record.key).rename(store.folder(key))
    content = json.loads((store.folder(key) / "run.json").read_text())
    content |= {"key": key, "identity": old}
    (store.folder(key) / "run.json").write_text(json.dumps(content))
    assert store.problems(key) == []
    assert read_table(store).loc[key, "total"] == 7.5
    before = len(calls)
    assert load_or_run_in(store, NAME, record.parameters).total == 7.5
    assert len(calls) == before + 1
    assert {k for k, _ in store.records()} == {key, record.key}


def test_a_list_of_runs_that_cannot_be_read_is_refused(store):
    write_report(store, "mine", {"notebooks": [{"name": "a", "key": "0" * 20}]})
    assert named_keys(store) == {"0" * 20}
    (store.root / "reports" / "mine.json").write_text('{"notebooks": [{"name": "a"}]}')
    # What it names would else be removed.
    with pytest.raises(ValueError, match=r"mine\.json must list runs by their keys"):
        choose_runs(store, failed=False, unused=True)


@pytest.mark.parametrize("key", ["", "../../etc", "G" * 20, "a" * 19])
def test_what_is_no_key_leads_nowhere(store, key):
    with pytest.raises(ValueError, match="A key must be 20 hex digits"):
        store.folder(key)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("add", "'module:name'"),
        ("os:system", "marked for sweeps"),
        (f"{__name__}:unmarked", "marked for sweeps"),
        ("no_such_module:add", "can be imported"),
        (f"{__name__}:subtract", "can be imported"),
        ("__import__('os'):system", "'module:name'"),
    ],
)
def test_only_functions_meant_for_it_run(name, message):
    with pytest.raises(ValueError, match=message):
        find_function(name)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"aa": 1}, "Unknown parameter of .*'aa'. Did you mean 'a'"),
        ({"a": "one"}, "must be int"),
    ],
)
def test_arguments_are_checked_before_the_call(given, message):
    with pytest.raises(ValueError, match=message):
        coerce_arguments(NAME, given)


def test_load_or_run_calls_where_there_is_no_store(monkeypatch):
    monkeypatch.delenv("HAPPYMAPS_STORE", raising=False)
    assert load_or_run(add, a=4).total == 4.5


def test_load_or_run_computes_once(monkeypatch, store):
    monkeypatch.setenv("HAPPYMAPS_STORE", str(store.root))
    before = len(calls)
    assert (
        happymaps_runs.load_or_run(add, a=3).total == load_or_run(add, a=3).total == 3.5
    )
    assert len(calls) == before + 1
    key = key_of(function_identity(NAME, coerce_arguments(NAME, {"a": 3})))
    (store.folder(key) / "result.nc").write_text("damaged")
    assert load_or_run(add, a=3).total == 3.5
    assert len(calls) == before + 2


def test_load_or_run_tells_of_a_failure(monkeypatch, store):
    monkeypatch.setenv("HAPPYMAPS_STORE", str(store.root))
    with pytest.raises(
        RuntimeError, match=r"ArithmeticError: thirteen is unlucky\. See"
    ):
        load_or_run(add, a=13)


@pytest.fixture
def swept(store):
    """Return a store with a sweep of 2 x 3 points, of which one failed."""
    points = []
    for a in (2, 13):
        for b in (0.5, 1.0, 2.0):
            skip = (a, b) == (13, 2.0)
            record = run(store, a=a, b=b) if not skip else None
            arguments = coerce_arguments(NAME, {"a": a, "b": b})
            key = record.key if record else key_of(function_identity(NAME, arguments))
            points.append({"key": key, "page": key, "parameters": {"a": a, "b": b}})
    describe(store, "sums", {"a": [2, 13], "b": [0.5, 1.0, 2.0]}, points)
    return store


def describe(store, name, axes, points):
    folder = store.root / "sweeps" / name
    folder.mkdir(parents=True)
    content = {"name": name, "title": "Sums", "notebook": "n.ipynb", "function": NAME}
    content |= {"parameters": {"word": ""}, "axes": axes, "points": points}
    (folder / "sweep.json").write_text(json.dumps(content))


def test_a_sweep_opens_as_one_labeled_object(swept):
    sweep = open_sweep("sums", swept.root)
    assert dict(sweep.sizes) == {"a": 2, "b": 3, "unit": 2, "x": 3}
    assert sweep.total.dims == ("a", "b")
    assert sweep.maps.dims == ("a", "b", "unit", "x")
    assert sweep.total.sel(a=2).values.tolist() == [2.5, 3.0, 4.0]
    assert (sweep.maps.sel(a=2, b=2.0) == 4.0).all()
    assert np.isnan(sweep.maps.sel(a=13)).all()
    assert sweep.status.sel(a=2).values.tolist() == ["completed"] * 3
    assert sweep.status.sel(a=13).values.tolist() == ["failed", "failed", "missing"]
    assert json.loads(sweep.attrs["parameters"]) == {"word": ""}


def test_a_result_that_changed_is_left_out_with_a_warning(swept):
    key = key_of(function_identity(NAME, coerce_arguments(NAME, {"a": 2, "b": 0.5})))
    other = run(swept, a=77).key
    path = swept.folder(key) / "result.nc"
    path.write_bytes((swept.folder(other) / "result.nc").read_bytes())
    with pytest.warns(UserWarning, match=rf"{key} is left out: result.nc changed"):
        sweep = open_sweep("sums", swept.root)
    assert sweep.status.sel(a=2).values.tolist() == ["missing", *["completed"] * 2]
    assert np.isnan(sweep.total.sel(a=2, b=0.5))
    assert key in sweep.attrs["damaged"]


def test_listed_points_open_along_one_dimension(swept):
    points = [
        {
            "key": run(swept, a=a, b=b).key,
            "page": "0" * 20,
            "parameters": {"a": a, "b": b},
        }
        for a, b in ((1, 0.5), (4, 2.0))
    ]
    describe(swept, "pairs", {}, points)
    sweep = happymaps_runs.open_sweep("pairs", swept.root)
    assert sweep.total.dims == ("point",)
    assert sweep.total.values.tolist() == [1.5, 6.0]
    assert sweep.a.values.tolist() == [1, 4]


def test_results_of_other_lengths_end_in_nan(swept):
    name = f"{__name__}:count_up"
    keys = {
        a: run_function(swept, name, coerce_arguments(name, {"a": a})).key
        for a in (2, 4)
    }
    points = [
        {"key": key, "page": "0" * 20, "parameters": {"a": a}}
        for a, key in keys.items()
    ]
    describe(swept, "counts", {"a": [2, 4]}, points)
    sweep = open_sweep("counts", swept.root)
    assert dict(sweep.sizes) == {"a": 2, "half": 2, "count": 4}
    known = sweep.number.sel(a=2)
    assert known.values[:2].tolist() == [0, 1] and np.isnan(known[2:]).all()
    assert sweep.number.sel(a=4).values.tolist() == [0, 1, 2, 3]
    assert sweep.word.sel(a=2).values[:2].tolist() == ["0", "1"]
    assert sweep.word.sel(a=2).isnull().sum() == 2
    assert sweep.halves.sum().item() == 2 * (2 + 4)


def test_an_unknown_sweep_is_refused_with_the_known_ones(swept):
    with pytest.raises(ValueError, match=r"Unknown sweep 'sum'\. Did you mean 'sums'"):
        open_sweep("sum", swept.root)


def test_the_table_has_parameters_and_numbers_side_by_side(swept, tmp_path):
    table = read_table(swept)
    assert len(table) == 5
    row = table[(table.a == 2) & (table.b == 2.0)].iloc[0]
    assert (row.status, row.total, row.source) == ("completed", 4.0, NAME)
    assert (table[table.a == 13].error == "function error: thirteen is unlucky").all()
    for ending, read in ((".csv", pd.read_csv), (".parquet", pd.read_parquet)):
        write_table(table, tmp_path / f"runs{ending}")
        again = read(tmp_path / f"runs{ending}")
        assert sorted(again.total.dropna()) == [2.5, 3.0, 4.0]
    with pytest.raises(ValueError, match=r"ending in \.csv or \.parquet"):
        write_table(table, tmp_path / "runs.xlsx")


def test_only_what_is_asked_for_is_removed(swept):
    assert choose_runs(swept, failed=False, unused=False) == {}
    failed = choose_runs(swept, failed=True, unused=False)
    assert sorted(failed.values()) == ["failed", "failed"]
    extra, listed = run(swept, a=99).key, run(swept, a=98).key
    write_report(swept, "mine", {"notebooks": [{"name": "a", "key": listed}]})
    assert choose_runs(swept, failed=False, unused=True) == {
        (extra, "completed"): "in no report and no sweep"
    }


def test_a_later_failure_goes_and_the_completed_run_of_its_key_stays(swept):
    record = run(swept, a=97)
    keep_failure(swept, record, Outcome("function error", message="later"))
    assert swept.find(record.key) and swept.find_failure(record.key)
    assert command("clean", "--failed", "--out", swept.root)[0] == 0
    assert swept.find(record.key)["status"] == "completed"
    assert swept.problems(record.key) == []
    assert not swept.failed_folder(record.key).exists()
    assert command("clean", "--unused", "--out", swept.root)[0] == 0
    assert not swept.folder(record.key).exists()


def command(*words) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["runs", *map(str, words)])
    return result.exit_code, result.output


def test_the_commands_on_runs(swept, tmp_path):
    code, text = command("list", "--out", swept.root)
    assert code == 0
    assert text.count("completed") == 3
    key = next(key for key, record in swept.records() if record["status"] == "failed")
    code, text = command("show", key, "--out", swept.root)
    assert json.loads(text)["error"]["name"] == "ArithmeticError"
    assert command("show", "zzz", "--out", swept.root)[0] == 1
    assert command("export", tmp_path / "t.csv", "--out", swept.root)[0] == 0
    assert (
        "would remove"
        in command("clean", "--failed", "--dry-run", "--out", swept.root)[1]
    )
    assert swept.find_failure(key)
    assert command("clean", "--failed", "--out", swept.root)[0] == 0
    assert swept.find_failure(key) is None
    assert len(list(swept.records())) == 3
    code, text = command("list", "--out", tmp_path / "nowhere")
    assert (code, "There must be a run store" in text) == (1, True)
