"""From a network that misbehaves to a better one, by what its page says first."""

import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from PIL import Image

from experiments.experiment7.measures.plants import Images
from experiments.experiment7.measures.specimens import (
    Specimen,
    accuracy,
    make_specimen,
    train,
)
from experiments.experiment7.measures.what_a_diagnosis_says import CLASSES
from happymaps.base.sweepable import sweepable
from happymaps.base.variable_labels import label_variables

# The finding that names the flaw, of each plant that is followed here.
FOLLOWED = {"mark": "place", "brightness": "cue", "inverted": "preprocessing"}
STEPS = ("as it is", "as advised", "at random")
_COMMAND = "happymaps diagnose network.keras folder:audit --outputs logits"
_FEW_MAPS = ("--units", "2", "--seeds", "2", "--steps", "20")
_RETRAINED = 500_000  # added to the seed
_MEANINGS = {
    "accuracy": ("accuracy on outside images without the flaw", "1"),
    "first": ("kind of the first finding, empty for none", ""),
}


@sweepable
def measure_workflow(*, plant: str = "mark", seed: int = 0) -> xr.Dataset:
    """Diagnose a flawed network by the command, and do what its page says first.

    Network and images of the audit are saved as a user has them. Where the page names a
    place first, that is covered in the images learned from; where it names light or
    contrast, these and all later images are brought to one; both times a network is
    trained on them anew. Where it names how pixels are read, its command is run. Beside
    it stands the same advice with its object exchanged: another place, contrast in the
    place of brightness.

    Args:
        plant: One of `FOLLOWED`.
        seed: As in `measure_flawed_network`.

    Returns:
        `accuracy` `(step,)`: as it was where the first finding is of another kind than
        these, and NaN where nothing stands beside it; and `first`.

    Raises:
        ValueError: Another plant.
        RuntimeError: The command failed.
    """
    if plant not in FOLLOWED:
        raise ValueError(
            f"plant must be one of {', '.join(FOLLOWED)}. Received: {plant!r}."
        )
    specimen = make_specimen(plant, "synthetic_faces", seed)
    before = accuracy(specimen.network, specimen.truth)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        specimen.network.save(folder / "network.keras")
        for name in ("audit", "truth"):
            _save_images(getattr(specimen, name), folder / name)
        told = _run(_COMMAND, folder)
        first = told["findings"][0] if told["findings"] else {"kind": ""}
        if first["kind"] == "preprocessing" and first["command"]:
            command = first["command"].replace("folder:audit", "folder:truth")
            found = before, _run(command, folder)["performance"]["accuracy"], np.nan
        elif first["kind"] == "place":
            found = before, *_follow_place(specimen, told["covering"]["window"], seed)
        elif first["kind"] == "cue":
            found = before, *_follow_cue(specimen, first["picture"], seed)
        else:
            found = before, before, np.nan
    variables = {"accuracy": ("step", [*found]), "first": first["kind"]}
    return label_variables(xr.Dataset(variables, {"step": list(STEPS)}), _MEANINGS)


def cover(images: np.ndarray, window: tuple[int, int, int, int]) -> np.ndarray:
    """Return images with their mean in a window: row, column, height, width."""
    row, column, height, width = window
    covered = images.copy()
    inside = (slice(None), slice(row, row + height), slice(column, column + width))
    covered[inside] = images[inside].mean(axis=0)
    return covered


def draw_apart(shape: tuple[int, int], window, rng) -> tuple[int, int, int, int]:
    """Return a window of the same size that shares no pixel with the given one."""
    sizes = window[2:]
    while True:
        place = [
            int(rng.integers(s - n + 1)) for s, n in zip(shape, sizes, strict=True)
        ]
        apart = [abs(p - w) >= n for p, w, n in zip(place, window, sizes, strict=False)]
        if any(apart):
            return (*place, *sizes)


def level_light(images: np.ndarray) -> np.ndarray:
    """Return images in [0, 1] that are brought to the brightness .5."""
    own = images.mean(axis=(1, 2, 3), keepdims=True)
    return np.clip(images + 0.5 - own, 0, 1).astype(np.float32)


def level_contrast(images: np.ndarray) -> np.ndarray:
    """Return images in [0, 1] that are brought to the deviation .2."""
    own = images.mean(axis=(1, 2, 3), keepdims=True)
    spread = images.std(axis=(1, 2, 3), keepdims=True)
    return np.clip(own + (images - own) * 0.2 / spread, 0, 1).astype(np.float32)


def _follow_place(specimen: Specimen, window, seed: int) -> tuple[float, float]:
    rng = np.random.default_rng([seed, 13])
    elsewhere = draw_apart(specimen.learned.images.shape[1:3], window, rng)
    return tuple(
        _retrain(specimen, lambda images, at=at: cover(images, at), seed)
        for at in (window, elsewhere)
    )


def _follow_cue(specimen: Specimen, picture: str, seed: int) -> tuple[float, float]:
    ways = [level_light, level_contrast]
    if picture != "leveled_brightness":
        ways.reverse()
    return tuple(_retrain(specimen, way, seed, in_use=True) for way in ways)


def _retrain(
    specimen: Specimen, change: Callable, seed: int, *, in_use: bool = False
) -> float:
    """Return the outside accuracy after training on changed images."""
    learned, truth = specimen.learned, specimen.truth
    network = train(
        Images(change(learned.images), learned.labels), seed=seed + _RETRAINED
    )
    shown = change(truth.images) if in_use else truth.images
    return accuracy(network, Images(shown, truth.labels))


def _run(command: str, folder: Path) -> dict:
    """Run a command of happymaps in a folder, and return the page's summary."""
    arguments = [
        *(sys.executable, "-m", "happymaps_cli.main", *shlex.split(command)[1:]),
        *(*_FEW_MAPS, "--out", "page"),
    ]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command} failed: {done.stderr.strip()[-500:]}")
    return json.loads((folder / "page" / "summary.json").read_text(encoding="utf-8"))


def _save_images(part: Images, folder: Path) -> None:
    for number, (image, label) in enumerate(zip(*part, strict=True)):
        place = folder / f"{label}_{CLASSES[label]}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.round(255 * image[..., 0]).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{number:03}.png")
