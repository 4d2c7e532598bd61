"""Published folders: whole or absent, whatever happens in between."""

import os
import time
from pathlib import Path

import pytest

from happymaps_runs import folders


def make_folder(path: Path, text: str) -> Path:
    path.mkdir(parents=True)
    (path / "file").write_text(text)
    return path


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def age(path: Path) -> None:
    past = time.time() - 3600
    os.utime(path, (past, past))


def test_a_folder_is_published_by_renaming(tmp_path):
    staging = make_folder(tmp_path / "staging", "new")
    folders.publish_folder(staging, tmp_path / "run")
    assert contents(tmp_path) == {"run/file": "new"}


def test_publishing_replaces_an_older_folder(tmp_path):
    make_folder(tmp_path / "run", "old")
    folders.publish_folder(make_folder(tmp_path / "staging", "new"), tmp_path / "run")
    assert contents(tmp_path) == {"run/file": "new"}


def test_an_older_folder_comes_back_when_publishing_fails(tmp_path):
    make_folder(tmp_path / "run", "old")
    with pytest.raises(FileNotFoundError):
        folders.publish_folder(tmp_path / "absent", tmp_path / "run")
    assert contents(tmp_path) == {"run/file": "old"}


def test_what_a_kill_left_aside_is_brought_back(tmp_path):
    make_folder(tmp_path / ".old-my-run-12ab34cd", "old")
    folders.remove_leftovers(tmp_path)
    assert contents(tmp_path) == {"my-run/file": "old"}


def test_what_a_kill_left_aside_is_removed_when_the_new_one_is_there(tmp_path):
    make_folder(tmp_path / ".old-run-12ab34cd", "old")
    make_folder(tmp_path / "run", "new")
    folders.remove_leftovers(tmp_path)
    assert contents(tmp_path) == {"run/file": "new"}


def test_a_stale_staging_folder_is_removed(tmp_path):
    age(make_folder(tmp_path / ".tmp-run-12ab34cd", "half"))
    folders.remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_staging_folder_of_a_living_run_stays(tmp_path):
    with folders.staging_folder(tmp_path / "run") as staging:
        (staging / "file").write_text("half")
        age(staging)
        folders.remove_leftovers(tmp_path)
        assert contents(staging) == {"file": "half"}
    assert list(tmp_path.iterdir()) == []


def test_a_disk_with_too_little_space_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "LEAST_FREE_BYTES", 10**18)
    with pytest.raises(OSError, match=r"1000000000000 MB of free disk space"):
        folders.check_free_space(tmp_path / "not" / "yet" / "there")
