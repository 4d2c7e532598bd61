"""The command `happymaps diagnose`: what is wrong or right with a network."""

import json
import math
import os
from pathlib import Path
from typing import Annotated

import typer

from happymaps.base.sweepable import parse_image_size
from happymaps_cli.guard import report_errors
from happymaps_runs.folders import (
    check_free_space,
    publish_folder,
    remove_leftovers,
    slug,
    staging_folder,
)
from happymaps_runs.inputs import resolve_dataset, resolve_model

_FOLDER = Path("reports") / "diagnosis"
_SUMMARY = "summary.json"
_MARK = {"made_by": "happymaps diagnose"}  # a folder with it may be replaced


@report_errors(interrupted="Nothing was written; the same command begins anew.")
def diagnose(
    model: Annotated[Path, typer.Argument(help="A network, a .keras file.")],
    dataset: Annotated[
        str, typer.Argument(help="folder:PATH with a subfolder a class, or a name.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the page. [default: reports/diagnosis/NAMES]"),
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option(help="A layer to look into; repeat it. [default: all]"),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Random starts of each map.")] = 4,
    units: Annotated[
        int, typer.Option(help="Units of each layer that get maps, evenly spread.")
    ] = 16,
    steps: Annotated[int, typer.Option(help="Steps of each map.")] = 100,
    image_size: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="[default: what the network takes]"),
    ] = None,
    lowest_pixel: Annotated[
        float, typer.Option(help="What black is for the network.")
    ] = 0.0,
    highest_pixel: Annotated[
        float, typer.Option(help="What white is for the network; many take 255.")
    ] = 1.0,
    target: Annotated[
        str, typer.Option(help="What faces are labeled for.")
    ] = "facing_left",
) -> None:
    """Say what a network's decisions rest on, what its units do, and what to mend."""
    pixels = lowest_pixel, highest_pixel
    _check_numbers(seeds, units, steps, *pixels)
    parse_image_size(image_size or "", "--image-size")  # before anything is opened
    path, images = resolve_model(model), resolve_dataset(dataset)
    names = Path(path).stem, Path(images.partition(":")[2] or images).name
    folder = _check_out(out or _FOLDER / slug("-".join(names)))
    check_free_space(folder)
    found = _examine(
        path,
        images,
        {"image_size": image_size or "", "target": target},
        {"pixel_range": pixels, "layers": layers},
        {"seeds": seeds, "maps_per_layer": units, "num_steps": steps},
    )
    _write(found, names, folder)
    print(f"\n{found.findings['summary'][0]}")
    print(f"The diagnosis: {folder / 'index.html'}")


def _examine(path: str, images: str, reading: dict, both: dict, options: dict):
    """Open and diagnose a network; Keras is needed from here on, and takes seconds."""
    from happymaps.diagnosis import diagnose as diagnosis
    from happymaps.diagnosis.opening import open_classifier

    network, shown = open_classifier(path, images, **reading, **both)
    return diagnosis.diagnose(
        network,
        shown,
        **both,
        **options,
        report=lambda stage: print(f"{stage} ...", flush=True),
    )


def _write(found, names: tuple[str, str], folder: Path) -> None:
    """Write the page beside its place, and put it there when it is whole."""
    from happymaps_pages.html.assets import asset_files
    from happymaps_pages.pages.diagnosis_page import diagnosis_files
    from happymaps_pages.publish import add_files

    files = diagnosis_files(_MARK | found.findings, found.units, found.pictures, names)
    # The page has no formulas.
    shared = {k: v for k, v in asset_files().items() if "/katex/" not in k}
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder.parent)
    with staging_folder(folder) as staging:
        add_files(staging, shared | files)
        publish_folder(staging, folder)


def _check_out(folder: Path) -> Path:
    """Return the folder as an absolute path, unless something else lies there."""
    folder = folder.absolute()
    is_ours = False
    if (folder / _SUMMARY).is_file():
        try:
            record = json.loads((folder / _SUMMARY).read_text(encoding="utf-8"))
            is_ours = _MARK.items() <= record.items()
        except (ValueError, AttributeError):
            is_ours = False
    _check_writable(folder.parent)
    is_empty = folder.is_dir() and not any(folder.iterdir())
    if folder.exists() and not (is_ours or is_empty):
        raise ValueError(
            "--out must be a new folder, or one that `happymaps diagnose` wrote, which "
            f"is then replaced. Received: {str(folder)!r}, which "
            f"{'holds other files' if folder.is_dir() else 'is a file'}. "
            "Choose another."
        )
    return folder


def _check_writable(parent: Path) -> None:
    existing = next(path for path in (parent, *parent.parents) if path.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        raise ValueError(
            "--out must lie in a folder that can be written to. Received: a path in "
            f"{str(existing)!r}, which cannot. Choose another."
        )


def _check_numbers(
    seeds: int, units: int, steps: int, lowest: float, highest: float
) -> None:
    for name, value, least in (("seeds", seeds, 2), ("units", units, 1),
                               ("steps", steps, 1)):  # fmt: skip
        if value < least:
            raise ValueError(f"--{name} must be at least {least}. Received: {value}.")
    if not (math.isfinite(lowest) and math.isfinite(highest) and lowest < highest):
        raise ValueError(
            "--lowest-pixel must be below --highest-pixel. Received: "
            f"{lowest:g} and {highest:g}. Give 0 and 255, say, or -1 and 1."
        )
