"""Films of maps: frames in, a GIF or MP4 file out."""

import os
from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as imageio
import numpy as np

_SUFFIXES = (".gif", ".mp4")
_SHOWN_SIZE = 240  # pixels that the longer side has at least


def save_film(
    path: str | Path,
    frames: Sequence[np.ndarray],
    *,
    input_range: tuple[float, float] = (0.0, 1.0),
    frames_per_second: float = 10.0,
    zoom: int | None = None,
) -> Path:
    """Write frames to a GIF or MP4 file, whole or not at all, and return its path.

    The frames are what a callback of `maximize` is given: the birth of a map is

        frames = []
        maximize(..., callback=lambda step, images, scores: frames.append(images[0]))
        save_film("birth.gif", frames)

    Args:
        path: Ends in `.gif` (plays for ever) or `.mp4` (H.264, smaller).
        frames: Images of one shape `(height, width, channels)`, 1 or 3 channels.
        input_range: What is black and what is white; values beyond are cut off.
        frames_per_second: Speed, > 0. A GIF counts in hundredths of a second.
        zoom: Screen pixels along each side of a pixel; None for a film of 240 or more.

    Raises:
        ValueError: Another suffix, no frames, or frames of another form.
    """
    path, frames = Path(path), _check_frames(frames)
    if path.suffix not in _SUFFIXES:
        raise ValueError(
            f"A film's path ends in {' or '.join(_SUFFIXES)}. Received: {path.name!r}. "
            f"Save it as {path.stem + '.gif'!r}."
        )
    if not 0 < frames_per_second < np.inf or (zoom is not None and zoom < 1):
        raise ValueError(
            "Expected frames_per_second > 0 and zoom >= 1. Received: "
            f"{frames_per_second} and {zoom}."
        )
    pictures = _as_bytes(frames, input_range, zoom)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        if path.suffix == ".gif":
            duration = 1000 / frames_per_second
            imageio.imwrite(partial, pictures, duration=duration, loop=0)
        else:
            _write_mp4(partial, pictures, frames_per_second)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _check_frames(frames: Sequence[np.ndarray]) -> np.ndarray:
    shapes = {np.shape(frame) for frame in frames}
    shape = next(iter(shapes), ())
    if len(shapes) != 1 or len(shape) != 3 or shape[-1] not in (1, 3):
        raise ValueError(
            "A film needs frames of one shape (height, width, 1 or 3). Received: "
            f"{len(frames)} frames of shapes {sorted(shapes)}. Of a batch of maps, "
            "take one: images[0]."
        )
    return np.stack([np.asarray(frame, np.float64) for frame in frames])


def _as_bytes(
    frames: np.ndarray, input_range: tuple[float, float], zoom: int | None
) -> np.ndarray:
    """Return uint8 pictures, (frames, height, width) or with a last axis of 3."""
    low, high = input_range
    if not low < high:
        raise ValueError(
            f"input_range must be (lowest, highest). Received: {input_range}."
        )
    shares = np.nan_to_num(np.clip((frames - low) / (high - low), 0, 1))
    zoom = zoom or -(-_SHOWN_SIZE // max(frames.shape[1:3]))
    pictures = np.rint(255 * shares).astype(np.uint8)
    pictures = pictures.repeat(zoom, axis=1).repeat(zoom, axis=2)
    return pictures[..., 0] if pictures.shape[-1] == 1 else pictures


def _write_mp4(path: Path, pictures: np.ndarray, frames_per_second: float) -> None:
    if pictures.ndim == 3:
        pictures = np.stack([pictures] * 3, axis=-1)
    # The format wants even lengths.
    odd = [(0, length % 2) for length in pictures.shape[1:3]]
    pictures = np.pad(pictures, [(0, 0), *odd, (0, 0)], mode="edge")
    imageio.imwrite(
        path, pictures, plugin="FFMPEG", fps=frames_per_second, macro_block_size=2,
        output_params=["-loglevel", "error"],
    )  # fmt: skip
