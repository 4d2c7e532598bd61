"""`happymaps frames` as a stranger meets it."""

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from happymaps.datasets import draw_clips, load_dataset
from happymaps_cli.main import app


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["frames", *map(str, arguments)])


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> dict[str, list[Path]]:
    return draw_clips(tmp_path_factory.mktemp("clips"), 2, seconds=1)


def test_clips_of_each_class_become_a_folder_that_is_read_as_any_other(clips, tmp_path):
    for kind, files in clips.items():
        done = call(*files, "--rate", 3, "--out", tmp_path / "images" / kind)
        assert done.exit_code == 0, done.output
        assert done.stdout.splitlines()[:2] == [f"{kind}0{n}  3 images" for n in (0, 1)]
    images = load_dataset(f"folder:{tmp_path / 'images'}", image_size=None)
    assert images.images.shape == (24, 64, 64, 3)
    assert images.metadata["source"].nunique() == 8


def test_what_is_wrong_is_said_in_a_line(clips, tmp_path):
    done = call(clips["cup"][0].parent, "--out", tmp_path / "cup")
    assert done.exit_code == 1
    assert done.stderr.startswith("happymaps: Expected a file of sound or video.")
    assert "which is a folder. Give the files in it" in done.stderr
    assert done.stderr.count("\n") == 1
    done = call(clips["cup"][0], "--out", tmp_path / "cup", "--rate", 0)
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert not (tmp_path / "cup").exists()
