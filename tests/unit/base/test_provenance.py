"""Versions and commit, in repositories made for it."""

import os
import platform
import re
import subprocess

import numpy as np
import pytest

from happymaps.base import provenance
from happymaps.base.provenance import (
    current_commit,
    installed_versions,
    print_provenance,
)


def git(folder, *arguments: str) -> str:
    """Run git without the user's settings and return what it says."""
    settings = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **settings},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    git(tmp_path, "init", "--quiet")
    (tmp_path / "a.txt").write_text("one")
    git(tmp_path, "add", "a.txt")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    monkeypatch.setattr(provenance, "repository_root", lambda: tmp_path)
    return tmp_path


def test_versions_are_those_that_are_running():
    versions = installed_versions()
    assert next(iter(versions)) == "python"
    assert set(versions) == {"python", *provenance.PACKAGES}
    assert versions["python"] == platform.python_version()
    assert versions["numpy"] == np.__version__


def test_commit_is_abbreviated(repository):
    full = git(repository, "rev-parse", "HEAD")
    assert re.fullmatch(r"[0-9a-f]{7,}", current_commit())
    assert full.startswith(current_commit())


def test_commit_is_marked_where_files_differ(repository):
    clean = current_commit()
    (repository / "a.txt").write_text("two")
    assert current_commit() == f"{clean}+"
    git(repository, "checkout", "--quiet", "a.txt")
    assert current_commit() == clean


def test_commit_is_named_by_its_hash_where_it_has_a_tag_too(repository):
    before = current_commit()
    git(repository, "tag", "--annotate", "v1", "--message", "v1")
    assert current_commit() == before


def test_commit_outside_a_repository_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "repository_root", lambda: tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert current_commit() is None


def test_commit_without_git_is_unknown(repository, monkeypatch):
    monkeypatch.setenv("PATH", str(repository))
    assert current_commit() is None


def test_provenance_prints_versions_then_seed_and_commit(repository, capsys):
    print_provenance(7)
    first, second = capsys.readouterr().out.splitlines()
    assert f"numpy {np.__version__}" in first.split(", ")
    assert second == f"seed 7, commit {current_commit()}"
