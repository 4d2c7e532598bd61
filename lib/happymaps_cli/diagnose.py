"""The command `happymaps diagnose`: what is wrong or right with a network."""

import json
import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from happymaps.base.sweepable import parse_image_size
from happymaps_cli.guard import report_errors
from happymaps_cli.opening import CustomObjects, SkipDamaged, set_opening
from happymaps_runs.folders import (
    check_free_space,
    check_writable,
    publish_folder,
    remove_leftovers,
    slug,
    staging_folder,
)
from happymaps_runs.inputs import resolve_dataset, resolve_model

_FOLDER = Path("reports") / "diagnosis"
_SUMMARY = "summary.json"
_PDF = "diagnosis.pdf"
_NUM_PRINTED = 3  # findings
_TARGET = "facing_left"
_MARK = {"made_by": "happymaps diagnose"}  # a folder with it may be replaced


@report_errors(interrupted="Nothing was written; the same command begins anew.")
def diagnose(
    model: Annotated[Path, typer.Argument(help="A network, a .keras or .h5 file.")],
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
    preprocessing: Annotated[
        str,
        typer.Option(
            metavar="caffe|torch|tf|raw",
            help="As preprocess_input of keras.applications, outside of the network: "
            "caffe for VGG and ResNet, torch for DenseNet, tf for MobileNet, Inception "
            "and Xception, raw where the network itself scales 0 to 255.",
        ),
    ] = "",
    mean: Annotated[
        str,
        typer.Option(
            metavar="NUMBER or A,B,C",
            help="Taken off the scaled pixels, by channel as the network takes them.",
        ),
    ] = "",
    deviation: Annotated[
        str,
        typer.Option(metavar="NUMBER or A,B,C", help="What they are divided by."),
    ] = "",
    channel_order: Annotated[
        str, typer.Option(metavar="rgb|bgr", help="bgr for blue first.")
    ] = "",
    outputs: Annotated[
        str,
        typer.Option(
            metavar="probabilities|logits",
            help="What its outputs are. [default: found by itself]",
        ),
    ] = "",
    target: Annotated[str, typer.Option(help="What faces are labeled for.")] = _TARGET,
    training_images: Annotated[
        str,
        typer.Option(
            metavar="DATASET",
            help="Those that it was trained with, to see what it learned by heart.",
        ),
    ] = "",
    pdf: Annotated[
        bool,
        typer.Option("--pdf", help="Print the page to diagnosis.pdf beside it, too."),
    ] = False,
    custom_objects: CustomObjects = None,
    skip_damaged: SkipDamaged = False,
) -> None:
    """Say what a network's decisions rest on, what its units do, and what to mend."""
    pixels = lowest_pixel, highest_pixel
    _check_numbers(seeds, units, steps, *pixels)
    _check_outputs(outputs)
    parts = {
        "pixel_range": pixels,
        "mean": _numbers(mean, "--mean"),
        "deviation": _numbers(deviation, "--deviation"),
        "channel_order": channel_order,
    }
    parse_image_size(image_size or "", "--image-size")  # before anything is opened
    again = {
        "--outputs": outputs,
        "--image-size": image_size or "",
        "--target": "" if target == _TARGET else target,
        "--custom-objects": Path(custom_objects).name if custom_objects else "",
    }
    path, images = resolve_model(model), resolve_dataset(dataset)
    learned = training_images and resolve_dataset(training_images)
    set_opening(custom_objects=custom_objects, skip_damaged=skip_damaged)
    fed = _preprocessing(preprocessing, parts)
    names = Path(path).stem, Path(images.partition(":")[2] or images).name
    folder = _check_out(out or _FOLDER / slug("-".join(names)))
    check_free_space(folder)
    found = _examine(
        path,
        (images, learned),
        {"image_size": image_size or "", "target": target},
        {
            "pixel_range": fed.pixel_range if fed.is_range else (0.0, 1.0),
            "layers": layers,
        },
        {
            "seeds": seeds,
            "maps_per_layer": units,
            "num_steps": steps,
            "preprocessing": "" if fed.is_range else fed,
            "outputs": outputs,
            "command": _command(model, dataset, again),
        },
    )
    why_not = _write(found, names, folder, pdf)
    print(f"\n{found.findings['headline']}")
    told = [each for each in found.findings["findings"] if each["weight"] != "note"]
    for each in told[:_NUM_PRINTED]:
        print(f"- {each['sentence']} {each['advice']} {each['command']}".rstrip())
    print(f"The diagnosis: {folder / 'index.html'}")
    if pdf:
        print(why_not or f"To attach: {folder / _PDF}")


def _examine(
    path: str, images: tuple[str, str], reading: dict, both: dict, options: dict
):
    """Open and diagnose a network; Keras is needed from here on, and takes seconds."""
    from happymaps.diagnosis import diagnose as diagnosis
    from happymaps.diagnosis.opening import open_classifier

    network, shown = open_classifier(path, images[0], **reading, **both)
    learned = images[1] and open_classifier(path, images[1], **reading, **both)[1]
    return diagnosis.diagnose(
        network,
        shown,
        **both,
        **options,
        learned=learned or None,
        report=lambda stage: print(f"{stage} ...", flush=True),
    )


def _write(found, names: tuple[str, str], folder: Path, pdf: bool = False) -> str:
    """Write the page beside its place, and put it there when it is whole.

    Returns:
        Why no PDF was made where one was asked for.
    """
    from happymaps_pages.html.assets import asset_files
    from happymaps_pages.pages.diagnosis_page import diagnosis_files
    from happymaps_pages.printing import print_page
    from happymaps_pages.publish import add_files

    files = diagnosis_files(_MARK | found.findings, found.units, found.pictures, names)
    # The page has no formulas.
    shared = {k: v for k, v in asset_files().items() if "/katex/" not in k}
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder.parent)
    with staging_folder(folder) as staging:
        add_files(staging, shared | files)
        why_not = print_page(staging / "index.html", staging / _PDF) if pdf else ""
        publish_folder(staging, folder)
    return why_not


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
    try:
        check_writable(parent)
    except OSError as error:
        raise ValueError(
            "--out must lie in a folder that can be written to. Received: a path in "
            f"{error.filename!r}, which cannot. Choose another."
        ) from error


def _preprocessing(mode: str, parts: dict):
    # Data sets bring pandas, which takes a second that --help shall not.
    from happymaps.datasets.preprocessing import make_preprocessing

    return make_preprocessing(mode, **parts)


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError:
        raise ValueError(
            f"{option} must be one number, or three with commas between. Received: "
            f"{text!r}. Give 103.939,116.779,123.68, say."
        ) from None


def _check_outputs(outputs: str) -> None:
    if outputs not in ("", "probabilities", "logits"):
        raise ValueError(
            "--outputs must be probabilities or logits. Received: "
            f"{outputs!r}. Leave it out to have it found."
        )


def _command(model: Path, dataset: str, options: Mapping[str, str]) -> str:
    """Return the command as it can be given again; where a path begins is not told."""
    kind, colon, path = dataset.rpartition(":")
    if Path(path).is_absolute():
        path = Path(path).name
    network = model.name if model.is_absolute() else str(model)
    given = [part for each in options.items() if each[1] for part in each]
    return shlex.join(
        ["happymaps", "diagnose", network, f"{kind}{colon}{path}", *given]
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
