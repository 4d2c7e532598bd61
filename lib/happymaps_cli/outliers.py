"""The command `happymaps outliers`: which images of a folder are unlike known ones."""

from pathlib import Path
from typing import Annotated

import typer

from happymaps.base.sweepable import parse_image_size
from happymaps_cli.guard import print_table, report_errors
from happymaps_cli.opening import SkipDamaged, set_opening
from happymaps_runs.folders import slug
from happymaps_runs.inputs import resolve_dataset

_FOLDER = Path("reports") / "outliers"
_SHEET = 12  # images
_PRINTED = 12
_ALARM = 0.05


@report_errors
def outliers(
    known: Annotated[
        str, typer.Argument(help="folder:PATH of images as they should be.")
    ],
    new: Annotated[str, typer.Argument(help="folder:PATH of images to look at.")],
    image_size: Annotated[
        str,
        typer.Option(
            metavar="HxW",
            help="That all are brought to; larger ones show finer things, and want "
            "more known images.",
        ),
    ] = "32x32",
    seed: Annotated[
        int, typer.Option(help="Of the known images that are held out.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of results. [default: reports/outliers/NAMES]"),
    ] = None,
    skip_damaged: SkipDamaged = False,
) -> None:
    """Rank images by how unlike known ones they are.

    Subfolders are read, too; classes do not matter. Writes outliers.csv, and the
    strangest to outliers.png.
    """
    size = parse_image_size(image_size, "--image-size")
    names = resolve_dataset(known), resolve_dataset(new)
    set_opening(custom_objects=None, skip_damaged=skip_damaged)
    stems = (Path(name.partition(":")[2] or name).name for name in names)
    folder = (out or _FOLDER / slug("-".join(stems))).absolute()
    _rank(*names, size or (32, 32), seed, folder)


def _rank(known: str, new: str, size: tuple[int, int], seed: int, folder: Path) -> None:
    # Data sets bring pandas, and pictures matplotlib: --help shall not wait for them.
    from happymaps.diagnosis.outliers import find_outliers
    from happymaps.plots.sheets import contact_sheet

    learned, _ = _load(known, size)
    images, files = _load(new, size, learned.shape[-1])
    found = find_outliers(learned, images, seed=seed)
    table, held_out = found.table, found.known
    table.insert(0, "file", files)
    table = table.sort_values("log_likelihood", kind="stable")
    folder.mkdir(parents=True, exist_ok=True)
    table.round(4).to_csv(folder / "outliers.csv", index=False)
    shown = table.head(_SHEET)
    contact_sheet(
        images[shown.index],
        title=f"Least like the {len(learned)} known images",
        captions=[f"p {row.p:.3f}, {row.mostly}" for row in shown.itertuples()],
        columns=6,
    ).savefig(folder / "outliers.png")
    rows = [("file", "p", "inside", "residual", "mostly")]
    rows += [
        (row.file, f"{row.p:.4f}", f"{row.inside:.0f}", f"{row.residual:.0f}",
         row.mostly)
        for row in table.head(_PRINTED).itertuples()
    ]  # fmt: skip
    medians = held_out[["inside", "residual"]].median()
    rows.append(("known, median", "", f"{medians.inside:.0f}",
                 f"{medians.residual:.0f}", ""))  # fmt: skip
    print_table(rows)
    count, least = int((table.p <= _ALARM).sum()), 1 / (1 + len(held_out))
    print(
        f"{count} of {len(table)} images have a p of {_ALARM} or less, as 1 in 20 "
        f"known has; {len(held_out)} known ones were held out for that: no p is below "
        f"{least:.2g}."
    )
    if found.num_copies:
        print(
            f"{found.num_copies} of the {len(table)} are among the known images: it is "
            "no wonder that these are likely. Leave them out of one folder."
        )
    print("inside: a strange mixture of known things; residual: something new.")
    print(f"All of them: {folder / 'outliers.csv'}; the strangest: "
          f"{folder / 'outliers.png'}")  # fmt: skip


def _load(name: str, size: tuple[int, int], channels: int | None = None):
    from happymaps.datasets.loading import load_dataset
    from happymaps.datasets.unlabeled import load_unlabeled

    kind, _, path = name.partition(":")
    if kind == "folder":
        return load_unlabeled(Path(path), image_size=size, channels=channels)
    found = load_dataset(name, image_size=size, channels=channels)
    return found.images, found.metadata["file"].tolist()
