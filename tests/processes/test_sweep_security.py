"""What a sweep file must not be able to do: run code, leave its folder, reach a URL."""

import asyncio
import json
import os

import pytest
import yaml
from distributed.comm import connect
from distributed.security import Security
from sweep_cases import Case, cluster

from happymaps_pages import build_site
from happymaps_runs.store.functions import find_function
from happymaps_runs.store.run_store import RunStore
from happymaps_runs.sweeps.cluster import local_client
from happymaps_runs.sweeps.running import Options, Workers, run_sweep
from happymaps_runs.sweeps.sweep_file import load_sweep

CODE = "seed = 1; open({path!r}, 'w'); y"


def write(case: Case, **content: object) -> None:
    case.file.write_text(yaml.safe_dump({"notebook": case.notebook.name} | content))


@pytest.mark.parametrize("place", ["parameters", "grid", "points"])
@pytest.mark.parametrize("name", [CODE, "../seed", "seed\nimport os", "__import__"])
def test_a_parameters_name_is_one_of_the_notebooks_or_refused(tmp_path, place, name):
    case = Case(tmp_path, [])
    name = name.format(path=str(tmp_path / "escaped"))
    values = {"parameters": {name: 1}, "grid": {name: [1]}, "points": [{name: 1}]}
    write(case, **{place: values[place]})
    with pytest.raises(ValueError, match="Unknown parameter"):
        load_sweep(case.file)
    assert not (tmp_path / "escaped").exists()


HOSTILE = [
    "'; open({path!r}, 'w'); '",
    '"; open({path!r}, "w"); "',
    "\\'\nopen({path!r}, 'w')\n'",
    '"""\nopen({path!r}, \'w\')\n"""',
    "{{seed}} $(touch {path}) `touch {path}`",
    "../../evil https://example.org/evil",
    "/absolute/evil",
    "<script>alert(1)</script>",
]


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.mark.parametrize("function", [True, False], ids=["function", "notebook"])
def test_a_text_as_value_stays_a_text(tmp_path, workers, function):
    escaped = tmp_path / "escaped"
    # A path, a URL and a tag are no code to the program that fills in parameters.
    hostile = HOSTILE if function else HOSTILE[:5]
    texts = [text.format(path=str(escaped)) for text in hostile]
    points = [{"seed": n, "deed": text} for n, text in enumerate(texts)]
    case = Case(tmp_path, points, function=function)
    where = Workers(scheduler=workers.address)
    assert run_sweep(case.sweep, case.store, where, Options()) == 0
    assert set(case.statuses().values()) == {"completed"}
    for seed, key in case.keys().items():
        record = json.loads((case.store.folder(key) / "run.json").read_text())
        assert record["parameters"]["deed"] == texts[seed]
    assert not escaped.exists()
    expected = {"act.ipynb", "case.yaml", "store", "traces"}
    assert {path.name for path in tmp_path.iterdir()} == expected
    build_site(case.store)
    page = (case.store.root / "sweeps" / "case" / "index.html").read_text()
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    "stem", ["..evil", ".hidden", "a b; touch x", "con\nsole", "é", "failed", "x" * 200]
)
def test_a_files_name_is_a_folder_below_the_store(tmp_path, stem):
    case = Case(tmp_path, [], name=stem, function=False)
    given = {"deed": "../../evil"}
    for name in (load_sweep(case.file).name, load_sweep(case.file, given=given).name):
        folder = (tmp_path / "store" / "sweeps" / name).resolve()
        assert folder.parent == (tmp_path / "store" / "sweeps").resolve()
        assert len(name) <= 64
        assert name.replace("-", "").replace(".", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "address", ["https://example.org/a.ipynb", "s3://bucket/a.ipynb", "http:/a.ipynb"]
)
def test_a_notebook_elsewhere_is_refused(tmp_path, address):
    case = Case(tmp_path, [])
    write(case, notebook=address)
    with pytest.raises(ValueError, match="must be a file on this machine"):
        load_sweep(case.file)


@pytest.mark.parametrize("address", ["https://example.org", "inproc://", "127.0.0.1:1"])
def test_a_scheduler_is_named_by_protocol_host_and_port(tmp_path, address):
    case = Case(tmp_path, [{"seed": 0}])
    with pytest.raises(ValueError, match="must be tcp://HOST:PORT"):
        run_sweep(case.sweep, case.store, Workers(scheduler=address), Options())


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch {path}']",
        "!!python/name:os.system ''",
        "!!python/object/new:os.system ['touch {path}']",
    ],
)
def test_a_tag_that_makes_objects_is_refused(tmp_path, text):
    case = Case(tmp_path, [])
    text = text.format(path=tmp_path / "escaped")
    case.file.write_text(f"notebook: act.ipynb\nparameters:\n  deed: {text}\n")
    with pytest.raises(ValueError, match="must be plain YAML"):
        load_sweep(case.file)
    assert not (tmp_path / "escaped").exists()


@pytest.mark.parametrize(
    "text",
    [
        "notebook: act.ipynb\nnotebook: act.ipynb\n",
        "notebook: act.ipynb\nparameters: {seed: 1, seed: 2}\n",
        "notebook: act.ipynb\npoints: [{seed: 1, seed: 2}]\n",
    ],
)
def test_a_key_that_is_there_twice_is_refused(tmp_path, text):
    case = Case(tmp_path, [])
    case.file.write_text(text)
    with pytest.raises(ValueError, match="is there twice"):
        load_sweep(case.file)


@pytest.mark.parametrize("name", ["os:system", "sweep_functions:perform", "yaml:load"])
def test_a_function_without_the_mark_is_refused(tmp_path, name):
    case = Case(tmp_path, [])
    write(case, function=name)
    with pytest.raises(ValueError, match="must be marked for sweeps"):
        load_sweep(case.file, modules=[name.partition(":")[0]])


@pytest.mark.parametrize("name", ["marked", "happymaps_evil", "experiments2.marked"])
def test_a_module_is_run_where_the_command_names_it_and_not_before(
    tmp_path, monkeypatch, name
):
    monkeypatch.syspath_prepend(tmp_path)
    case, path = Case(tmp_path, []), tmp_path / f"{name.replace('.', '/')}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "import pathlib\nfrom happymaps.base.sweepable import sweepable\n"
        f"pathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
        "@sweepable\ndef act(*, seed: int = 0): pass\n"
    )
    case.file.write_text(f"function: {name}:act\ntitle: Act\n")
    with pytest.raises(ValueError, match=f"if you trust it, add --module {name}"):
        load_sweep(case.file)
    assert not (tmp_path / "ran").exists()
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(["", str(tmp_path / "other")]))
        with pytest.raises(ValueError, match="of a folder in PYTHONPATH"):
            load_sweep(case.file)
        assert not (tmp_path / "ran").exists()
        patch.setenv("PYTHONPATH", os.pathsep.join(["", str(tmp_path)]))
        assert len(load_sweep(case.file).points) == 1
    (point,) = load_sweep(case.file, modules=[name]).points
    assert point.parameters == {"seed": 0}


@pytest.mark.parametrize(
    "module", ["unasked", "package.unasked", "package", "spaces.unasked"]
)
def test_a_module_is_not_run_to_see_that_it_has_no_mark(tmp_path, monkeypatch, module):
    monkeypatch.syspath_prepend(tmp_path)
    trace = tmp_path / "ran"
    code = f"open({str(trace)!r}, 'w')\ndef act(): pass\n"
    for path in ("unasked.py", "package/__init__.py", "package/unasked.py",
                 "spaces/unasked.py"):  # fmt: skip
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(code)
    with pytest.raises(ValueError, match="must be marked for sweeps"):
        find_function(f"{module}:act")
    with pytest.raises(ValueError, match="must be one that can be imported"):
        find_function(f"{module}.absent:act")
    assert not trace.exists()


def test_a_marked_function_is_found_in_a_package(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "spaced").mkdir()
    (tmp_path / "spaced" / "marked.py").write_text(
        "import happymaps.base.sweepable as s\n@s.sweepable\ndef act(): return 7\n"
    )
    assert find_function("spaced.marked:act")() == 7


def test_only_the_key_of_the_call_opens_the_local_workers():
    async def answers(address, security):
        options = security.get_connection_args("client") if security else {}
        comm = await connect(address, timeout=5, **options)
        await comm.write({"op": "identity", "reply": True})
        answer = await comm.read()
        comm.abort()
        return answer["type"]

    with local_client(1) as client:
        workers = client.scheduler_info(n_workers=-1)["workers"]
        addresses = [client.scheduler.address, *workers]
        addresses += [worker["nanny"] for worker in workers.values()]
        assert len(addresses) == 3
        for address in addresses:
            assert asyncio.run(answers(address, client.security))
            with pytest.raises(OSError):
                asyncio.run(answers(address, Security.temporary()))
            with pytest.raises(OSError):
                asyncio.run(answers(address.replace("tls:", "tcp:"), None))


@pytest.mark.parametrize(
    "name", ["os.system('x')", "os", "../os:system", "os:system; x", "os:path.join"]
)
def test_a_function_is_a_module_and_a_name(name):
    with pytest.raises(ValueError, match="must be 'module:name'"):
        find_function(name)


@pytest.mark.parametrize("key", ["../evil", "", "a" * 21, "A" * 20, f"{'a' * 19}/"])
def test_a_key_is_no_path(tmp_path, key):
    with pytest.raises(ValueError, match="A key must be 20 hex digits"):
        RunStore(tmp_path / "store").folder(key)
    assert list(tmp_path.iterdir()) == []
