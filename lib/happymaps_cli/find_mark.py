"""The command `happymaps find-mark`: which images of a folder hold a mark."""

import json
from pathlib import Path
from typing import Annotated

import typer

from happymaps_cli.guard import print_table, report_errors
from happymaps_cli.opening import SkipDamaged, set_opening
from happymaps_runs.inputs import resolve_dataset

_SUMMARY = "summary.json"
_SHOWN = 24  # images on the contact sheet
_PRINTED = 10


@report_errors
def find_mark(
    page: Annotated[
        Path, typer.Argument(help="Folder of a page that `happymaps diagnose` wrote.")
    ],
    dataset: Annotated[
        str,
        typer.Argument(help="folder:PATH of images to look at, such as training's."),
    ],
    mark: Annotated[int, typer.Option(help="Which of the page's marks.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Folder of results. [default: the page's]")
    ] = None,
    skip_damaged: SkipDamaged = False,
) -> None:
    """Rank the images of a mark's class by how much they hold of it.

    Writes all of them to mark-N.csv, and the first to mark-N.png.
    """
    found, size = _read_finding(page, mark)
    set_opening(custom_objects=None, skip_damaged=skip_damaged)
    folder = (out or page).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    _rank(found, resolve_dataset(dataset), size, folder / f"mark-{mark}")


def _read_finding(page: Path, number: int) -> tuple[dict, tuple[int, int, int]]:
    """Return a finding of a page, and the size of the network's images."""
    file = page / _SUMMARY if page.is_dir() else page
    try:
        summary = json.loads(file.read_text(encoding="utf-8"))
        marks, size = summary["marks"], summary["model"]["input"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(
            f"Expected the folder of a page by `happymaps diagnose`. Received: {page}, "
            f"which has no {_SUMMARY} with marks. Diagnose the network again."
        ) from None
    if not 1 <= number <= len(marks):
        raise ValueError(
            f"--mark must be the number of one of the page's {len(marks)} marks. "
            f"Received: {number}."
        )
    return marks[number - 1], tuple(size)


def _rank(found: dict, dataset: str, size: tuple[int, int, int], stem: Path) -> None:
    # Data sets bring pandas, and pictures matplotlib: --help shall not wait for them.
    import numpy as np
    import pandas as pd

    from happymaps.datasets import load_dataset
    from happymaps.diagnosis.marks.matching import (
        count_outstanding,
        match_mark,
        read_mark,
    )
    from happymaps.plots.sheets import map_sheet

    mark = read_mark(found)
    images = load_dataset(dataset, image_size=size[:2], channels=size[2])
    if found["class"] not in images.class_names:
        raise ValueError(
            f"The mark is one of the class {found['class']!r}. Received images of "
            f"{', '.join(images.class_names)}. Bring a folder with a subfolder of it."
        )
    matches = match_mark(images.images, mark)
    is_own = images.labels == images.class_names.index(found["class"])
    count, limit = count_outstanding(matches, is_own)
    own = np.flatnonzero(is_own)
    own = own[np.argsort(-matches[own], kind="stable")]
    table = pd.DataFrame(
        {"file": images.metadata["file"].values[own], "match": matches[own].round(4)}
    )
    table.to_csv(stem.with_suffix(".csv"), index=False)
    shown = own[:_SHOWN]
    columns = min(8, len(shown))
    rows = -(-len(shown) // columns)
    pictures = np.ones((rows * columns, *images.images.shape[1:]), np.float32)
    pictures[: len(shown)] = images.images[shown]
    captions = [f"{matches[k]:.2f}" for k in shown] + [""] * (
        len(pictures) - len(shown)
    )
    map_sheet(
        pictures.reshape(rows, columns, *pictures.shape[1:]),
        title=f"Images of {found['class']} that hold most of the mark",
        row_labels=[""] * rows,
        column_labels=[""] * columns,
        captions=np.reshape(captions, (rows, columns)).tolist(),
    ).savefig(stem.with_suffix(".png"))
    print_table(
        [(row.file, f"{row.match:.2f}") for row in table[:_PRINTED].itertuples()]
    )
    print(
        f"{count} of {len(own)} images of {found['class']} match the mark better than "
        f"99 % of the {len(matches) - len(own)} others (above {limit:.2f})."
    )
    print(f"All of them: {stem.with_suffix('.csv')}; the first {len(shown)}: "
          f"{stem.with_suffix('.png')}")  # fmt: skip
