"""Bars of music, cut from files of one's own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from happymaps.base.progress import progress_bar
from happymaps.datasets.ffmpeg import convert, read_streams

RATE = 8820  # samples a second
BEATS_PER_MINUTE = 128.0
_BEATS = 4
BAR_SECONDS = 60 * _BEATS / BEATS_PER_MINUTE
BAR_SAMPLES = round(RATE * BAR_SECONDS)  # 16,538, of 16,537.5
_STRETCH = (0.5, 2.0)  # beyond, music is no longer itself
_SLACK = 441  # samples that coding and stretching may cost the last bar


def read_loops(files: Sequence[Path | str], bpm: float | Sequence[float]) -> np.ndarray:
    """Return the bars of pieces of music, all brought to 128 beats a minute.

    A bar has four beats: 1.875 seconds, 16,538 samples at 8,820 a second. Pieces of
    another tempo are stretched without change of pitch, channels are averaged, and what
    is left after the last whole bar is dropped. The first bar begins where the file
    does.

    Args:
        files: Whatever ffmpeg reads: WAV, MP3, Ogg, FLAC, the sound of a video.
        bpm: Beats per minute of each file, or of all, 64 to 256.

    Returns:
        float32, shape `(bars, 16538)`, about -1 to 1.

    Raises:
        ValueError: No files, a tempo for another number of files or beyond 64 to 256,
            a file without sound, or one shorter than a bar.
    """
    files = [Path(file) for file in files]
    tempi = [float(bpm)] * len(files) if np.isscalar(bpm) else [float(b) for b in bpm]
    if not files or len(tempi) != len(files):
        raise ValueError(
            "Expected files of music, and a tempo for each or one for all. Received: "
            f"{len(files)} files and {len(tempi)} tempi."
        )
    for file, tempo in zip(files, tempi, strict=True):
        if not _STRETCH[0] <= tempo / BEATS_PER_MINUTE <= _STRETCH[1]:
            raise ValueError(
                f"The tempo must lie between 64 and 256 beats a minute. Received: "
                f"{tempo:g} for {file.name}. Count twice or half as many."
            )
        if not read_streams(file, "Audio"):
            raise ValueError(
                f"Expected a file with sound. Received: {file}, which has none."
            )
    found = []
    with progress_bar(len(files), "music", "file") as bar:
        for file, tempo in zip(files, tempi, strict=True):
            found.append(_read_bars(file, tempo))
            bar.update(1)
    return np.concatenate(found)


def _read_bars(file: Path, tempo: float) -> np.ndarray:
    how = ["-map", "0:a:0", "-ac", "1", "-ar", str(RATE)]
    if tempo != BEATS_PER_MINUTE:
        how += ["-af", f"atempo={BEATS_PER_MINUTE / tempo!r}"]
    wave = np.frombuffer(convert(file, *how, "-f", "f32le", "-"), "<f4")
    # A bar is half a sample off a whole number: the error must not add up.
    length = RATE * BAR_SECONDS
    count = int((len(wave) + _SLACK) // length)
    if not count:
        raise ValueError(
            f"Expected a bar of music or more, {BAR_SECONDS} seconds. Received: "
            f"{file}, which gave {len(wave) / RATE:.2f}. Leave it out."
        )
    whole = np.append(wave, np.zeros(_SLACK + 1, np.float32))
    starts = [int(number * length) for number in range(count)]
    return np.stack([whole[start : start + BAR_SAMPLES] for start in starts])
