"""The command `happymaps importance`: which columns of a table a network uses."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

from happymaps_cli.guard import print_table, report_errors
from happymaps_cli.opening import CustomObjects, set_opening
from happymaps_runs.folders import slug
from happymaps_runs.inputs import resolve_model

_FOLDER = Path("reports") / "importance"
_SHOWN = 40  # columns on the chart
_PRINTED = 15


@report_errors
def importance(
    model: Annotated[Path, typer.Argument(help="A network, a .keras or .h5 file.")],
    table: Annotated[
        Path,
        typer.Argument(help="A .csv file of rows that it did not learn from."),
    ],
    target: Annotated[str, typer.Option(help="The column that it tells.")],
    drop: Annotated[
        bool, typer.Option("--drop", help="Refit it without each column, too.")
    ] = False,
    groups: Annotated[
        bool, typer.Option(help="Shuffle columns that are alike together, too.")
    ] = True,
    loss: Annotated[
        str,
        typer.Option(
            metavar="cross_entropy|squared_error", help="[default: by the target]"
        ),
    ] = "",
    repeats: Annotated[int, typer.Option(help="How often each is shuffled.")] = 20,
    epochs: Annotated[int, typer.Option(help="Of each refit.")] = 30,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of results. [default: reports/importance/NAMES]"),
    ] = None,
    custom_objects: CustomObjects = None,
) -> None:
    """Say which columns of a table a network uses.

    The columns besides the target are its inputs, in its order. Writes importance.csv
    and importance.png.
    """
    path = resolve_model(model)
    set_opening(custom_objects=custom_objects)
    folder = out or _FOLDER / slug(f"{model.stem}-{table.stem}")
    options = {
        "drop": drop, "groups": groups, "loss": loss, "num_repeats": repeats,
        "epochs": epochs, "seed": seed,
    }  # fmt: skip
    _measure(path, table, target, options, folder.absolute())


def _measure(model: str, file: Path, target: str, options: dict, folder: Path) -> None:
    # Tables bring pandas, networks TensorFlow: --help shall not wait for them.
    from happymaps import importance, load_model, plots
    from happymaps.datasets.tables import read_table

    columns, answers = read_table(file, target)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        found = importance(load_model(model), columns, answers, **options)
    quality = found.attrs
    key = "group_importance" if options["groups"] else "importance"
    found = found.sort_values([key, "importance"], ascending=False, kind="stable")
    folder.mkdir(parents=True, exist_ok=True)
    found.round(6).to_csv(folder / "importance.csv", index=False)
    shown = found.head(_SHOWN)
    beside = {}
    if options["groups"]:
        sizes = found.group.map(found.group.value_counts())
        beside["with its group"] = found.group_importance.where(sizes > 1)[shown.index]
    if options["drop"]:
        beside["refitted without it"] = shown["drop"]
    is_entropy = quality["loss_name"] == "cross_entropy"
    unit = "nats" if is_entropy else "unit of the target, squared"
    plots.bar_chart(
        list(shown.column),
        shown.importance,
        title=f"What {Path(model).name} loses when a column is shuffled",
        x_label=f"rise of the loss ({unit})",
        intervals=shown[["low", "high"]].to_numpy(),
        beside=beside,
    ).savefig(folder / "importance.png")
    numbers = found.drop(columns="column").columns
    rows = [tuple(name.replace("_", " ") for name in found.columns)]
    rows += [
        (
            row.column,
            *(
                str(int(row[name])) if name == "group" else f"{row[name]:.4f}"
                for name in numbers
            ),
        )
        for _, row in found.head(_PRINTED).iterrows()
    ]
    print_table(rows)
    print(
        f"Loss {quality['loss']:.4g} on {len(columns)} rows, "
        f"{quality['loss_of_guessing']:.4g} of guessing ({quality['loss_name']})."
    )
    if quality["classes"]:
        print(f"Classes, in the order of the outputs: {', '.join(quality['classes'])}.")
    for each in told:
        print(f"Note: {each.message}")
    print(f"All of them: {folder / 'importance.csv'}; a chart: "
          f"{folder / 'importance.png'}")  # fmt: skip
