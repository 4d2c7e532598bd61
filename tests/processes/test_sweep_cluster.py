"""Clusters of their own: a scheduler that is lost, and encrypted connections."""

import os
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from sweep_cases import (
    Case,
    Cluster,
    cluster,
    environment,
    finish,
    seeds,
    wait_until,
)

import happymaps
from happymaps_runs.sweeps.cluster import tls_security
from happymaps_runs.sweeps.running import Options, Workers, run_sweep


def test_a_lost_scheduler_ends_the_command_and_costs_nothing_finished(tmp_path):
    case = Case(tmp_path, [*seeds(2), *seeds(4, "wait")[2:]])
    with cluster(tmp_path / "cluster") as found:
        command = case.start("--scheduler", found.address)
        case.pid(2)
        wait_until(lambda: case.statuses()[1] == "completed")
        began = case.counts()
        found.processes[0].send_signal(signal.SIGKILL)
        found.processes[0].wait()
        code, output = finish(command)
        assert code == 1, output
        assert "happymaps: The scheduler was lost. What had finished is kept" in output
        assert "Traceback" not in output
        case.give_sign()

        found.start_scheduler()
        found.start_worker()
        code, output = case.run("--scheduler", found.address)
        assert code == 0, output
        assert case.statuses() == dict.fromkeys(range(4), "completed")
        # What was under way may be repeated, and nothing else is.
        assert case.counts() - began <= Counter([2, 3, 3])


def test_nobody_at_the_address_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("happymaps_runs.sweeps.cluster._CONNECT_SECONDS", 2)
    case = Case(tmp_path, seeds(1))
    where = Workers(scheduler=Cluster(tmp_path / "cluster").address)
    with pytest.raises(OSError, match=f"No scheduler answers at {where.scheduler}"):
        run_sweep(case.sweep, case.store, where, Options())


def other_machine(folder: Path) -> dict[str, str]:
    """Return variables with which a worker has another numpy and another library."""
    library = Path(happymaps.__file__).parent
    copy = shutil.copytree(library, folder / library.name)
    with (copy / "base" / "sweepable.py").open("a") as opened:
        opened.write("# edited\n")
    metadata = folder / "numpy-9.9.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 9.9\n")
    paths = [str(folder), environment()["PYTHONPATH"]]
    return {"PYTHONPATH": os.pathsep.join(paths)}


# Dask itself warns, of the packages that it knows.
@pytest.mark.filterwarnings("ignore:Mismatched versions found")
@pytest.mark.parametrize("function", [True, False], ids=["function", "notebook"])
def test_a_worker_that_would_make_another_key_says_what_differs(
    tmp_path, capsys, function
):
    case = Case(tmp_path, seeds(2), function=function)
    other = other_machine(tmp_path / "other")
    with cluster(tmp_path / "cluster", workers=0) as found:
        strange = found.start_worker(**other)
        found.wait_for_workers()
        where = Workers(scheduler=found.address)
        assert run_sweep(case.sweep, case.store, where, Options()) == 2
        assert case.statuses() == dict.fromkeys(range(2), "another worker")
        told = capsys.readouterr().err
        assert "numpy 9.9 instead of 2." in told
        assert ("another version of our own modules" in told) == function
        assert "give --retry-failed" in told
        # Nothing ran, and nothing lies under a key that the sweep does not look at.
        assert case.counts() == Counter()
        assert {key for key, _ in case.store.records()} == set(case.keys().values())

        strange.terminate()
        strange.wait()
        found.start_worker()
        assert run_sweep(case.sweep, case.store, where, Options(retry_failed=True)) == 0
        assert case.statuses() == dict.fromkeys(range(2), "completed")


def make_certificates(folder: Path) -> dict[str, Path]:
    """Make an authority, and a certificate that it signs."""
    folder.mkdir()
    names = ("ca.key", "ca.pem", "node.key", "node.csr", "node.pem")
    ca_key, ca, key, request, certificate = (str(folder / name) for name in names)
    new_key = ("-newkey", "rsa:2048", "-nodes", "-subj")
    for words in (
        ("req", "-x509", *new_key, "/CN=authority", "-keyout", ca_key, "-out", ca),
        ("req", *new_key, "/CN=node", "-keyout", key, "-out", request),
        (
            *("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key),
            *("-CAcreateserial", "-out", certificate),
        ),
    ):
        try:
            subprocess.run(["openssl", *words], check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip("openssl is not installed")
    paths = {"ca-file": ca, "cert": certificate, "key": key}
    return {name: Path(path) for name, path in paths.items()}


def test_an_encrypted_cluster_takes_who_has_a_certificate_and_nobody_else(
    tmp_path, monkeypatch
):
    files = make_certificates(tmp_path / "certificates")
    options = [text for name in files for text in (f"--tls-{name}", str(files[name]))]
    case = Case(tmp_path, seeds(3))
    with cluster(tmp_path / "cluster", workers=1, tls=tuple(options)) as found:
        code, output = case.run("--scheduler", found.address, *options)
        assert code == 0, output
        assert case.statuses() == dict.fromkeys(range(3), "completed")

        code, output = case.run("--scheduler", found.address, "--force")
        assert code == 1
        assert "happymaps: A scheduler at tls://... needs --tls-ca-file" in output

        monkeypatch.setattr("happymaps_runs.sweeps.cluster._CONNECT_SECONDS", 2)
        others = make_certificates(tmp_path / "others").values()
        plain = found.address.replace("tls:", "tcp:")
        for where in (
            Workers(scheduler=plain),
            Workers(scheduler=found.address, certificates=tuple(others)),
        ):
            with pytest.raises(OSError, match="No scheduler answers"):
                run_sweep(case.sweep, case.store, where, Options(force=True))
    assert case.counts() == dict.fromkeys(range(3), 1)


@pytest.mark.parametrize("missing", ["ca-file", "cert", "key"])
def test_a_certificate_that_is_missing_is_named(tmp_path, missing):
    paths = {name: tmp_path / name for name in ("ca-file", "cert", "key")}
    for name, path in paths.items():
        if name != missing:
            path.touch()
    with pytest.raises(
        ValueError, match=f"Received for --tls-{missing}: {paths[missing]}"
    ):
        tls_security(*paths.values())
    paths[missing] = None
    with pytest.raises(ValueError, match=f"Received for --tls-{missing}: None"):
        tls_security(*paths.values())
