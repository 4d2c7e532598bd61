"""The command `happymaps frames`: clips of video to images of a class."""

from pathlib import Path
from typing import Annotated

import typer

from happymaps_cli.guard import print_table, report_errors


@report_errors
def frames(
    clips: Annotated[list[Path], typer.Argument(help="Video files of one class.")],
    out: Annotated[Path, typer.Option(help="The class's folder, as in my_images/cup.")],
    rate: Annotated[float, typer.Option(help="Images per second, as 15 or 0.25.")] = 1,
) -> None:
    """Turn video clips into images, as PNG files named after their clip.

    Of several clips, ground_truth.csv beside the folder says of which each image is,
    so that a split by person holds out whole clips.
    """
    # It brings pandas: --help shall not wait for that.
    from happymaps.datasets.videos import write_frames

    counts = write_frames(clips, out, rate=rate).groupby("source").size()
    print_table([(source, f"{count} images") for source, count in counts.items()])
    print(f"{counts.sum()} images in {out}")
