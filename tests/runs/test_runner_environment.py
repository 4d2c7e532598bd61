"""The kernel's environment: what gets in, and above all what does not."""

from pathlib import Path

import pytest

from happymaps_runs.notebooks.environment import (
    allowed_environment,
    held_back,
    kernel_environment,
    store_environment,
)


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "HOME", "LANG", "LC_ALL", "HAPPYMAPS_DATA", "TF_DETERMINISTIC_OPS"),
        *("KERAS_HOME", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "XLA_FLAGS"),
        *("LD_LIBRARY_PATH", "VIRTUAL_ENV", "SSL_CERT_FILE", "XDG_CACHE_HOME"),
    ],
)
def test_a_harmless_variable_passes(name):
    assert allowed_environment({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "AWS_SECRET_ACCESS_KEY",
            "GITHUB_TOKEN",
            "SECRET_X",
            "DATABASE_URL",
            "PGPASS",
        ),
        *("HAPPYMAPS_TOKEN", "KERAS_API_KEY", "TF_TOKEN_host", "TF_VAR_password"),
        *("HAPPYMAPS_KEY", "TF_AUTH", "XDG_COOKIE", "KERAS_PAT", "LC_SIGNING_KEYS"),
        *("TF_VAR_anything", "MPLBACKEND", "JUPYTER_PATH", "SSH_AUTH_SOCK"),
    ],
)
def test_a_secret_or_unknown_variable_does_not_pass(name):
    assert allowed_environment({name: "value"}) == {}


def test_a_proxy_passes_unless_it_holds_a_password():
    plain = {"HTTPS_PROXY": "http://proxy:3128", "https_proxy": "http://proxy:3128"}
    assert allowed_environment(plain) == plain
    assert allowed_environment({"HTTPS_PROXY": "http://me:word@proxy:3128"}) == {}


def test_variables_that_are_named_pass_unless_they_look_secret():
    given = {"HAPPYMAPS_PASS": "PROJECT, MY_TOKEN", "PROJECT": "1", "MY_TOKEN": "2"}
    passed = allowed_environment(given | {"OTHER": "3"})
    assert passed == {"HAPPYMAPS_PASS": "PROJECT, MY_TOKEN", "PROJECT": "1"}


def code(*sources: str) -> dict:
    return {"cells": [{"cell_type": "code", "source": source} for source in sources]}


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.environ['PROJECT']",
        'from os import environ\nenviron.get("PROJECT", "default")',
        "import os; os.getenv('PROJECT')",
    ],
)
def test_variables_that_are_read_and_kept_back_are_told(source, monkeypatch):
    monkeypatch.setenv("PROJECT", "somewhere")
    told = held_back(code("1", source))
    assert "PROJECT are set and kept back" in told
    assert "HAPPYMAPS_PASS=PROJECT" in told
    monkeypatch.setenv("HAPPYMAPS_PASS", "PROJECT")
    assert held_back(code("1", source)) == ""


def test_no_way_is_told_around_the_guard_of_secrets(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "1")
    told = held_back(code("import os; os.environ['MY_TOKEN']"))
    assert "MY_TOKEN" in told and "HAPPYMAPS_PASS" not in told


def test_variables_that_are_absent_passed_or_unread_are_not_told(monkeypatch):
    monkeypatch.setenv("PROJECT", "somewhere")
    monkeypatch.delenv("ABSENT", raising=False)
    assert held_back(code("import os; os.environ['HOME'], os.getenv('ABSENT')")) == ""
    assert held_back(code("print('PROJECT')")) == ""


def test_the_kernel_gets_keras_backend_and_scratch_folder(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("HAPPYMAPS_RUN_DIR", "/of/another/run")
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    environment = kernel_environment(Path("/scratch"), extra={"EXTRA": "1"})
    assert environment["KERAS_BACKEND"] == "tensorflow"
    assert environment["TF_CPP_MIN_LOG_LEVEL"] == "3"
    assert environment["TMPDIR"] == "/scratch"
    assert environment["EXTRA"] == "1"
    assert "HAPPYMAPS_RUN_DIR" not in environment


def test_notebooks_find_the_store(tmp_path, monkeypatch):
    monkeypatch.delenv("HAPPYMAPS_STORE", raising=False)
    assert store_environment(tmp_path) == {}  # a folder, and no store
    (tmp_path / "store.json").write_text("{}")
    assert store_environment(tmp_path) == {"HAPPYMAPS_STORE": str(tmp_path)}
    monkeypatch.setenv("HAPPYMAPS_STORE", "elsewhere")
    assert store_environment(tmp_path) == {}  # the caller's own choice reaches them
