"""Video clips of four drawn objects, for what needs clips whose truth is known.

Each clip shows one object; form, color, background, light and path are its own, drawn
by its seed. So images of one clip are alike, and clips of a class differ.
"""

from collections.abc import Callable
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
from PIL import Image, ImageDraw

KINDS = ("ball", "cup", "key", "scissors")
_CANVAS = 256  # pixels along each side of an object's drawing
_SHARE = 1.0  # of the image that the canvas takes at scale 1
_REACH = 0.11  # parts of the image that it moves to either side

Color = tuple[int, int, int, int]


def draw_clips(
    folder: Path | str,
    clips_per_kind: int = 12,
    *,
    seed: int = 0,
    seconds: float = 8.0,
    rate: int = 15,
    size: int = 64,
) -> dict[str, list[Path]]:
    """Draw clips of balls, cups, keys and scissors, and write them as H.264 files.

    Args:
        folder: Gets a subfolder for each kind; clips that lie there already stay.
        clips_per_kind: How many of each, >= 1.
        seed: Of all that is drawn.
        seconds: Length of each.
        rate: Images per second.
        size: Pixels along each side, even.

    Returns:
        By kind the files, `<kind>00.mp4` and so on.
    """
    found = {}
    for label, kind in enumerate(KINDS):
        (Path(folder) / kind).mkdir(parents=True, exist_ok=True)
        found[kind] = []
        for number in range(clips_per_kind):
            path = Path(folder) / kind / f"{kind}{number:02d}.mp4"
            if not path.exists():
                rng = np.random.default_rng((seed, label, number))
                frames = draw_clip(kind, rng, round(seconds * rate), rate, size)
                _write_clip(path, frames, rate)
            found[kind].append(path)
    return found


def draw_clip(
    kind: str, rng: np.random.Generator, num_frames: int, rate: int, size: int
) -> np.ndarray:
    """Return the frames of a clip, uint8 `(frames, size, size, 3)`."""
    stamp = _draw_object(kind, rng)
    background = _draw_background(rng, size)
    angle, turning = rng.uniform(0, 360), rng.uniform(-60, 60)  # degrees, and a second
    scale, phases = rng.uniform(0.75, 1.2), rng.uniform(0, 2 * np.pi, 3)
    frames = []
    for t in np.arange(num_frames) / rate:
        side = size * _SHARE * scale * (1 + 0.15 * np.sin(0.8 * t + phases[0]))
        turned = stamp.resize((round(side), round(side))).rotate(
            angle + turning * t + 8 * np.sin(2 * t),
            expand=True,
            resample=Image.Resampling.BILINEAR,
        )
        light = 1 + 0.05 * np.sin(t + phases[2])
        pixels = np.uint8(255 * np.clip(background * light, 0, 1))
        frame = Image.fromarray(pixels).convert("RGBA")
        x = size * (0.5 + _REACH * np.sin(0.9 * t + phases[0])) - turned.width / 2
        y = size * (0.5 + _REACH * np.cos(0.7 * t + phases[1])) - turned.height / 2
        frame.paste(turned, (round(x), round(y)), turned)
        noisy = np.asarray(frame.convert("RGB")) + rng.normal(0, 4, (size, size, 3))
        frames.append(np.uint8(np.clip(noisy, 0, 255)))
    return np.stack(frames)


def _draw_background(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a color, a slope across the image and soft blotches, in [0, 1]."""
    y, x = np.mgrid[:size, :size][..., None] / size - 0.5
    slopes = rng.normal(0, 0.15, (2, 3))
    coarse = np.uint8(np.clip(128 + 40 * rng.normal(size=(8, 8, 3)), 0, 255))
    soft = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
    blotches = np.asarray(soft) / 255 - 0.5
    color, strength = rng.uniform(0.1, 0.5, 3), rng.uniform(0.1, 0.4)
    return np.clip(color + slopes[0] * x + slopes[1] * y + strength * blotches, 0, 1)


def _draw_object(kind: str, rng: np.random.Generator) -> Image.Image:
    fill = (*rng.integers(150, 256, 3).tolist(), 255)
    edge = (*rng.integers(0, 120, 3).tolist(), 255)
    width, teeth = rng.integers(56, 96).item(), rng.integers(20, 44).item()
    image = Image.new("RGBA", (_CANVAS, _CANVAS))
    draw = ImageDraw.Draw(image)
    _DRAWN[kind](draw, fill, edge, width, teeth)
    return image


def _draw_ball(draw, fill: Color, edge: Color, width: int, _teeth: int) -> None:
    box = (128 - width, 128 - width, 128 + width, 128 + width)
    draw.ellipse(box, fill=fill, outline=edge, width=4)
    draw.arc((128 - width, 100, 128 + width, 180), 0, 180, fill=edge, width=6)


def _draw_cup(draw, fill: Color, edge: Color, width: int, _teeth: int) -> None:
    draw.rectangle((80, 70, 80 + width, 190), fill=fill, outline=edge, width=4)
    draw.arc((70 + width, 90, 130 + width, 160), -90, 90, fill=fill, width=14)


def _draw_key(draw, fill: Color, _edge: Color, width: int, teeth: int) -> None:
    ring = (40, 128 - width // 2, 40 + width, 128 + width // 2)
    draw.ellipse(ring, outline=fill, width=16)
    draw.rectangle((36 + width, 120, 216, 136), fill=fill)
    for left in (170, 192):
        draw.rectangle((left, 136, left + 10, 136 + teeth), fill=fill)


def _draw_scissors(draw, fill: Color, edge: Color, width: int, _teeth: int) -> None:
    for blade in ((60, 200, 196, 56), (196, 200, 60, 56)):
        draw.line(blade, fill=fill, width=14)
    for left in (34, 176):
        ring = (left, 180, left + width // 2, 180 + width // 2)
        draw.ellipse(ring, outline=edge, width=10)


_DRAWN: dict[str, Callable] = {
    "ball": _draw_ball, "cup": _draw_cup, "key": _draw_key, "scissors": _draw_scissors,
}  # fmt: skip


def _write_clip(path: Path, frames: np.ndarray, rate: int) -> None:
    partial = path.with_name(f".{path.name}")
    imageio.imwrite(
        partial, frames, plugin="FFMPEG", fps=rate, macro_block_size=2,
        output_params=["-loglevel", "error"],
    )  # fmt: skip
    partial.replace(path)
