"""Clips of video, turned into images of a class."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from happymaps.base.progress import progress_bar
from happymaps.datasets.dataset import SOURCE
from happymaps.datasets.ffmpeg import convert, read_streams
from happymaps.datasets.folder import GROUND_TRUTH, read_ground_truth

_COLUMNS = ("file", "label", SOURCE)
_RATE = re.compile(r" ([\d.]+) fps")


def write_frames(
    clips: Sequence[Path | str], folder: Path | str, *, rate: float = 1.0
) -> pd.DataFrame:
    """Write images of video clips into the folder of their class.

    `clip.mov` gives `clip0001.png`, `clip0002.png`, and so on, upright as the clip's
    rotation flag says, as ffmpeg's filter `fps` takes them: 4 seconds at 15, 1 and 0.25
    a second give 60, 4 and 1 image. Images of one clip are alike, so a network must be
    judged on clips that it has not seen. For that, `ground_truth.csv` beside the folder
    gets a row per image: `file`, `label` (the class), `source` (the clip's name);
    `split_dataset(by="person")` of the folder around it then holds out whole clips. Of
    a single clip, and no such table there, none is written.

    Args:
        clips: Files that ffmpeg reads as video.
        folder: The class's folder, `my_images/cup`; it is made where it is missing.
        rate: Images per second, > 0, at most the clip's own rate.

    Returns:
        The rows of the new images.

    Raises:
        ValueError: No clips, no such rate, a file without video, two clips of one name,
            images of that name that are there already, or no room for the table. All
            is checked before anything is written.
    """
    clips, folder = [Path(clip) for clip in clips], Path(folder).absolute()
    _check_clips(clips, folder, rate)
    table = _open_table(folder, len(clips))
    rows = []
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=".frames-", dir=folder.parent) as temporary,
        progress_bar(len(clips), "frames", "clip") as bar,
    ):
        frames: list[tuple[Path, str]] = []
        for number, clip in enumerate(clips):
            frames += _convert_clip(clip, Path(temporary) / str(number), rate)
            bar.update(1)
        folder.mkdir(exist_ok=True)
        for frame, source in frames:
            target = folder / frame.name
            frame.rename(target)
            rows.append((f"{folder.name}/{target.name}", folder.name, source))
    found = pd.DataFrame(rows, columns=_COLUMNS)
    if table is not None:
        whole = pd.concat([table, found])
        whole.to_csv(folder.parent / GROUND_TRUTH, index=False, lineterminator="\n")
    return found


def _check_clips(clips: list[Path], folder: Path, rate: float) -> None:
    if not clips or not rate > 0:
        raise ValueError(
            "Expected at least one clip, and a rate in images per second above 0. "
            f"Received: {len(clips)} clips and a rate of {rate:g}."
        )
    stems = [clip.stem.lower() for clip in clips]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ValueError(
            f"Images are named after their clip. Received: several called {twice[0]!r}."
            " Rename one."
        )
    for clip in clips:
        lines = read_streams(clip, "Video")
        if not lines:
            raise ValueError(
                f"Expected a file with a video stream. Received: {clip}, which has "
                "none. Is it sound alone?"
            )
        own = _RATE.search(lines[0])
        if own and rate > float(own[1]):
            raise ValueError(
                f"The rate must be at most the clip's own: images would repeat. "
                f"Received: {rate:g} a second for {clip}, which has {own[1]}."
            )
        taken = re.compile(re.escape(clip.stem) + r"\d{4,}\.png")
        names = [each.name for each in folder.glob("*")] if folder.is_dir() else []
        if there := [name for name in names if taken.fullmatch(name)]:
            raise ValueError(
                f"{folder} holds {len(there)} images of {clip.stem!r} already. Remove "
                "them, or name another folder."
            )
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"Expected a folder to write to. Received: the file {folder}.")


def _open_table(folder: Path, num_clips: int) -> pd.DataFrame | None:
    """Return the table that rows are added to; None for none."""
    root = folder.parent
    table = read_ground_truth(root)
    if table is not None and tuple(table.columns) != _COLUMNS:
        raise ValueError(
            f"{root / GROUND_TRUTH} must have the columns {', '.join(_COLUMNS)}. "
            f"Received: {', '.join(table.columns)}. Name a folder in another place."
        )
    if table is not None or num_clips == 1:
        return table
    others = [] if not root.is_dir() else [
        entry for entry in sorted(root.iterdir())
        if not entry.name.startswith(".") and entry != folder
    ]  # fmt: skip
    others += list(folder.glob("*"))[:1]
    if others:
        raise ValueError(
            f"{GROUND_TRUTH}, which says of which clip each image is, lies beside the "
            f"class's folder and must name all images there. Received: {root}, which "
            f"holds {others[0].name} and no such table. Name a class in a folder of "
            "its own, as in new_images/cup."
        )
    return pd.DataFrame(columns=_COLUMNS)


def _convert_clip(clip: Path, folder: Path, rate: float) -> list[tuple[Path, str]]:
    folder.mkdir()
    # Streams in capitals: no covers.
    how = ("-map", "0:V:0", "-vf", f"fps={rate!r}", "-pix_fmt", "rgb24")
    convert(clip, *how, str(folder / "%06d.png"))
    frames = sorted(folder.iterdir())
    if not frames:
        raise ValueError(
            f"Expected a clip long enough for an image. Received: {clip}, which gave "
            f"none at {rate:g} a second. Raise the rate, or leave it out."
        )
    return [
        (frame.rename(folder / f"{clip.stem}{number:04d}.png"), clip.stem)
        for number, frame in enumerate(frames, 1)
    ]
