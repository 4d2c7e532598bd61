"""Published folders: whole or absent, whatever happens in between."""

import os
import signal
import subprocess
import sys
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


def killed_while_staging(parent: Path, deed: str = "") -> None:
    """Let a process begin a folder `run`, do a deed, and be killed."""
    code = (
        "import os, sys, signal\nfrom pathlib import Path\n"
        "from happymaps_runs import folders\n"
        "target = Path(sys.argv[1]) / 'run'\n"
        "with folders.staging_folder(target) as staging:\n"
        "    (staging / 'file').write_text('half')\n"
        f"    {deed}\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    process = subprocess.run([sys.executable, "-c", code, parent], check=False)
    assert process.returncode == -signal.SIGKILL


def test_a_folder_is_published_by_renaming(tmp_path):
    with folders.staging_folder(tmp_path / "run") as staging:
        (staging / "file").write_text("new")
        folders.publish_folder(staging, tmp_path / "run")
    assert contents(tmp_path) == {"run/file": "new"}


def test_publishing_replaces_an_older_folder(tmp_path):
    make_folder(tmp_path / "run", "old")
    with folders.staging_folder(tmp_path / "run") as staging:
        (staging / "file").write_text("new")
        folders.publish_folder(staging, tmp_path / "run")
    assert contents(tmp_path) == {"run/file": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_older_folder_comes_back_when_publishing_fails(tmp_path):
    make_folder(tmp_path / "run", "old")
    with folders.staging_folder(tmp_path / "run") as staging:
        staging.rmdir()
        with pytest.raises(FileNotFoundError):
            folders.publish_folder(staging, tmp_path / "run")
    assert contents(tmp_path) == {"run/file": "old"}


def test_what_a_kill_left_aside_is_brought_back(tmp_path):
    make_folder(tmp_path / "run", "old")
    killed_while_staging(tmp_path, "target.rename(staging.with_name('old'))")
    folders.remove_leftovers(tmp_path)
    assert contents(tmp_path) == {"run/file": "old"}


def test_what_a_kill_left_aside_is_removed_when_the_new_one_is_there(tmp_path):
    make_folder(tmp_path / "run", "old")
    deed = "target.rename(staging.with_name('old')); staging.rename(target)"
    killed_while_staging(tmp_path, deed)
    folders.remove_leftovers(tmp_path)
    assert contents(tmp_path) == {"run/file": "half"}
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_stale_staging_folder_is_removed(tmp_path):
    killed_while_staging(tmp_path)
    folders.remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [".tmp-photos", ".tmp-run-12ab34cd", ".old-thesis-2024", ".old-run-12ab34cd"],
)
def test_folders_of_others_stay_whatever_they_are_called(tmp_path, name):
    make_folder(tmp_path / name, "mine")
    os.utime(tmp_path / name, (1e9, 1e9))
    folders.remove_leftovers(tmp_path)
    assert contents(tmp_path) == {f"{name}/file": "mine"}


def test_the_staging_folder_of_a_living_run_stays(tmp_path):
    with folders.staging_folder(tmp_path / "run") as staging:
        (staging / "file").write_text("half")
        os.utime(staging.parent, (1e9, 1e9))
        folders.remove_leftovers(tmp_path)
        assert contents(staging) == {"file": "half"}
    assert list(tmp_path.iterdir()) == []


def test_a_disk_with_too_little_space_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "LEAST_FREE_BYTES", 10**18)
    with pytest.raises(OSError, match=r"1000000000000 MB of free disk space"):
        folders.check_free_space(tmp_path / "not" / "yet" / "there")


def test_a_temporary_folder_is_for_its_owner_and_goes_after_a_kill(tmp_path):
    code = (
        "import os, sys, signal\nfrom happymaps_runs import folders\n"
        "with folders.temporary_folder(sys.argv[1]) as folder:\n"
        "    (folder / 'file').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    (left,) = tmp_path.iterdir()
    assert (left / "file").exists()
    make_folder(tmp_path / "happymaps-of-mine", "mine")
    with folders.temporary_folder(tmp_path) as one:
        assert not left.exists()
        assert one.stat().st_mode & 0o777 == 0o700
        with folders.temporary_folder(tmp_path):
            assert one.exists()
    assert contents(tmp_path) == {"happymaps-of-mine/file": "mine"}
