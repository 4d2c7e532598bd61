"""Clips to images: counts known beforehand, and clips as strangers bring them."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from happymaps.datasets import load_dataset, split_dataset, write_frames


def ffmpeg(*arguments: object) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


def make_clip(path: Path, *, seconds: float = 4, rate: float = 30, hue: str = "red"):
    picture = f"color={hue}:duration={seconds}:rate={rate}:size=32x16"
    ffmpeg("-f", "lavfi", "-i", picture, "-pix_fmt", "yuv420p", path)
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> dict[int, Path]:
    """Return clips of 4 and 8 seconds, 30 images a second."""
    root = tmp_path_factory.mktemp("clips")
    return {n: make_clip(root / f"clip{n}.mp4", seconds=n) for n in (4, 8)}


@pytest.mark.parametrize(
    ("seconds", "rate", "count"),
    [(4, 15, 60), (4, 1, 4), (4, 0.25, 1), (8, 15, 120), (8, 1, 8), (8, 0.25, 2)],
)
def test_number_of_images_is_known_beforehand(clips, tmp_path, seconds, rate, count):
    rows = write_frames([clips[seconds]], tmp_path / "cup", rate=rate)
    names = sorted(path.name for path in (tmp_path / "cup").iterdir())
    assert names == [f"clip{seconds}{n:04d}.png" for n in range(1, count + 1)]
    assert sorted(rows["file"]) == [f"cup/{name}" for name in names]
    assert [path.name for path in tmp_path.iterdir()] == ["cup"]


def test_clips_take_the_place_of_people_when_a_folder_is_split(tmp_path):
    for kind, hues in (("cup", ("red", "blue")), ("key", ("green", "gray"))):
        made = [
            make_clip(tmp_path / f"{kind}{i}.mp4", seconds=1, hue=hue)
            for i, hue in enumerate(hues)
        ]
        write_frames(made, tmp_path / "images" / kind, rate=5)
    images = load_dataset(f"folder:{tmp_path / 'images'}", image_size=(16, 32))
    assert images.class_names == ("cup", "key")
    assert images.metadata["source"].tolist() == [
        name for name in ("cup0", "cup1", "key0", "key1") for _ in range(5)
    ]
    learned, held_out = split_dataset(images, by="person", test_fraction=0.25)
    sources = [set(part.metadata["source"]) for part in (learned, held_out)]
    assert not sources[0] & sources[1]
    assert len(sources[1]) == 1


def test_a_phones_rotation_flag_turns_the_images_upright(tmp_path):
    flat = tmp_path / "flat.mp4"
    half = (
        "color=white:size=32x16:duration=1:rate=10,drawbox=w=16:h=16:color=black:t=fill"
    )
    ffmpeg("-f", "lavfi", "-i", half, "-pix_fmt", "yuv420p", flat)
    ffmpeg("-display_rotation", "90", "-i", flat, "-c", "copy", tmp_path / "phone.mov")
    write_frames([tmp_path / "phone.mov"], tmp_path / "cup", rate=1)
    image = np.asarray(Image.open(tmp_path / "cup" / "phone0001.png"), float)
    assert image.shape == (32, 16, 3)
    # Turned counterclockwise, what was left lies at the bottom.
    assert image[:12].mean() > 220 and image[-12:].mean() < 35


def test_odd_names_are_taken_as_they_are(clips, tmp_path):
    odd = tmp_path / "50%d -x: ü.mp4"
    odd.write_bytes(clips[4].read_bytes())
    rows = write_frames([odd], tmp_path / "cup", rate=0.25)
    assert rows["file"].tolist() == ["cup/50%d -x: ü0001.png"]


def check_refused(match: str, clips, folder: Path, **options) -> None:
    before = sorted(folder.parent.rglob("*"))
    with pytest.raises(ValueError, match=match):
        write_frames(clips, folder, **options)
    assert sorted(folder.parent.rglob("*")) == before


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_rate_must_be_above_zero(clips, tmp_path, rate):
    check_refused("above 0. Received: 1 clips", [clips[4]], tmp_path / "a", rate=rate)


def test_rate_above_the_clips_own_is_refused(clips, tmp_path):
    match = "at most the clip's own.*Received: 31 .*which has 30"
    check_refused(match, [clips[4]], tmp_path / "cup", rate=31)


def test_what_is_no_video_is_refused(clips, tmp_path):
    sound, cover = tmp_path / "sound.mp3", tmp_path / "cover.png"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", sound)
    Image.new("RGB", (16, 16)).save(cover)
    song = tmp_path / "song.mp3"
    ffmpeg("-i", sound, "-i", cover, "-map", "0", "-map", "1", "-c", "copy",
           "-disposition:v", "attached_pic", song)  # fmt: skip
    (tmp_path / "text.mov").write_text("no video")
    (tmp_path / "empty.mov").touch()
    for name, match in (
        ("sound.mp3", "a video stream. Received: .*sound.mp3, which has none"),
        ("song.mp3", "a video stream. Received: .*song.mp3, which has none"),
        ("text.mov", "text.mov cannot be read .*Invalid data"),
        ("empty.mov", "empty.mov cannot be read"),
        ("none.mov", "none.mov, which is no file. Correct the path"),
        ("", r"which is a folder. Give the files in it: .*/\*"),
    ):
        # The good clip before it is not converted either.
        check_refused(match, [clips[4], tmp_path / name], tmp_path / "out" / "cup")


def test_nothing_is_overwritten_and_no_clip_hides_another(clips, tmp_path):
    folder = tmp_path / "cup"
    write_frames([clips[4]], folder, rate=1)
    check_refused("holds 4 images of 'clip4' already", [clips[4]], folder)
    twin = tmp_path / "twins" / "CLIP4.mov"
    twin.parent.mkdir()
    twin.write_bytes(clips[4].read_bytes())
    match = "several called 'clip4'"
    check_refused(match, [clips[4], twin], tmp_path / "key")


def test_table_is_written_where_it_can_name_all_images(clips, tmp_path):
    (tmp_path / "key").mkdir()
    both = [clips[4], clips[8]]
    check_refused("which holds key and no such table", both, tmp_path / "cup")
    (tmp_path / "ground_truth.csv").write_text("file,person\nkey/1.png,Ann\n")
    match = "must have the columns file, label, source. Received: file, person"
    check_refused(match, [clips[4]], tmp_path / "cup")
    write_frames(both, tmp_path / "new" / "cup", rate=0.25)
    write_frames([clips[4]], tmp_path / "new" / "key", rate=0.25)
    table = pd.read_csv(tmp_path / "new" / "ground_truth.csv")
    assert table["label"].tolist() == ["cup", "cup", "cup", "key"]
    assert table["source"].tolist() == ["clip4", "clip8", "clip8", "clip4"]


def test_clip_too_short_for_an_image_is_refused(tmp_path):
    picture = tmp_path / "picture.png"
    Image.new("RGB", (16, 16)).save(picture)
    with pytest.raises(ValueError, match="none at 1 a second"):
        write_frames([picture], tmp_path / "cup")
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]
