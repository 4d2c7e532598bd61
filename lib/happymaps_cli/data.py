"""The commands `happymaps data`: which data sets there are, and what is in one."""

from typing import Annotated

import typer

from happymaps_cli.guard import print_table, report_errors
from happymaps_cli.opening import SkipDamaged
from happymaps_runs.inputs import resolve_dataset

data = typer.Typer(help="The data sets.", no_args_is_help=True)


@data.command("list")
@report_errors
def list_data() -> None:
    """List the data sets that --dataset takes."""
    print_table(
        [
            ("synthetic_faces", "drawn faces; the pixels that matter are known"),
            ("cmu_faces", "640 photographs of 20 people, found or downloaded once"),
            ("folder:PATH", "your own images, a subfolder a class"),
        ]
    )


@data.command()
@report_errors
def fetch(
    name: Annotated[str, typer.Argument(help="As --dataset.")],
    skip_damaged: SkipDamaged = False,
) -> None:
    """Load a data set, download it if it is missing, and print what came."""
    from happymaps.datasets import load_dataset

    dataset = load_dataset(resolve_dataset(name), skip_damaged=skip_damaged or None)
    print(dataset)
    print(dataset.class_counts().to_string())
    for skipped in dataset.skipped:
        print(f"skipped: {skipped}")
