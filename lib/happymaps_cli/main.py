"""The command line, `happymaps`: a thin skin over the runner and the report."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from happymaps.base import paths
from happymaps.base.messages import Faults
from happymaps.base.sweepable import parse_image_size
from happymaps_cli.data import data
from happymaps_cli.diagnose import diagnose
from happymaps_cli.find_mark import find_mark
from happymaps_cli.frames import frames
from happymaps_cli.guard import (
    NEXT_TIME,
    print_page,
    print_table,
    report_errors,
    split_parameters,
)
from happymaps_cli.opening import CustomObjects, SkipDamaged, set_opening
from happymaps_cli.sweeps import compare, runs, sweep
from happymaps_runs.folders import check_writable, short_hash, slug
from happymaps_runs.inputs import resolve_dataset, resolve_inputs, resolve_model
from happymaps_runs.notebooks.environment import store_environment
from happymaps_runs.notebooks.execution import run_notebook
from happymaps_runs.notebooks.notebooks import local_notebook
from happymaps_runs.notebooks.parameters import coerce_parameters, read_parameters
from happymaps_runs.notebooks.records import RunError
from happymaps_runs.plans.refresh import (
    ENVIRONMENT,
    committed_notebooks,
    refresh_notebooks,
)
from happymaps_runs.plans.report import run_plan
from happymaps_runs.store.identity import article_identity, key_of
from happymaps_runs.store.run_store import RunStore

_REPORTS = Path("reports")
_PLAN = paths.repository_root() / "experiments" / "plan.yaml"

app = typer.Typer(
    help="Run notebooks on Keras networks, and report what they found.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data, name="data")
app.add_typer(runs, name="runs")
for command in (sweep, compare, diagnose, find_mark, frames):
    app.command(command.__name__.replace("_", "-"))(command)

Notebook = Annotated[str, typer.Argument(help="Path of an .ipynb file.")]
Given = Annotated[
    list[str] | None,
    typer.Option(
        "-p",
        metavar="NAME=VALUE",
        help="Value of a parameter: `run` wants it in every notebook given, `report` "
        "passes it to those that declare it.",
    ),
]
Seconds = Annotated[float | None, typer.Option(help="Time for each notebook.")]


@app.command()
@report_errors(interrupted="Notebooks that had completed are kept.")
def run(
    notebooks: Annotated[list[str], typer.Argument(help="Paths of .ipynb files.")],
    parameter: Given = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the runs. [default: the store, reports/store]"),
    ] = None,
    timeout: Seconds = None,
    custom_objects: CustomObjects = None,
    skip_damaged: SkipDamaged = False,
) -> None:
    """Run notebooks one after the other, each into a folder of its own.

    What the store has of them gives way; the start page of the reports shows them.
    """
    set_opening(custom_objects=custom_objects, skip_damaged=skip_damaged)
    # A notebook runs in its own folder, where the caller's relative paths lead nowhere.
    given, faults = split_parameters(parameter), Faults()
    with faults.gather():
        given = resolve_inputs(given)
    for notebook in notebooks:
        with faults.gather(f"{Path(notebook).name}: " if len(notebooks) > 1 else ""):
            coerce_parameters(local_notebook(notebook), given)
    faults.tell()
    store = RunStore(_REPORTS / "store") if out is None else None
    plan = _plan_runs(list(map(local_notebook, notebooks)), given, store, out)
    if store:
        store.create()
    environment = store_environment(store.root if store else out / "store")
    try:
        for notebook, (folder, identity) in plan.items():
            record = run_notebook(
                notebook,
                given,
                folder,
                timeout=timeout,
                environment=environment,
                identity=identity,
            )
            seconds = f"{record.seconds:.1f} s"
            print(f"{notebook.name} completed in {seconds}: {record.folder}")
    except RunError:
        if store:
            print_page(store)
        raise
    if store:
        print_page(store)


def _plan_runs(
    notebooks: list[Path],
    given: dict[str, object],
    store: RunStore | None,
    out: Path | None,
) -> dict[Path, tuple[Path, dict[str, object] | None]]:
    """Return the folder of each run, and in a store what its key stands for."""
    plan = {}
    for notebook in notebooks:
        values = coerce_parameters(notebook, given)
        if store:
            identity = article_identity(notebook, values)
            folder = store.folder(key_of(identity))
        else:
            identity, folder = None, out / _name_run(notebook, values)
        if folder in [known for known, _ in plan.values()]:
            raise ValueError(
                "Notebooks run together must differ in name. Received twice: "
                f"{notebook.name}. Run one of them with another --out."
            )
        plan[notebook] = folder, identity
    return plan


def _name_run(notebook: Path, parameters: dict[str, object]) -> str:
    """Return the notebook's name, with a hash unless all parameters are defaults."""
    if parameters == coerce_parameters(notebook, {}):
        return slug(notebook.stem)
    text = json.dumps(parameters, sort_keys=True)
    return slug(f"{notebook.stem}-{short_hash(text)}")


@app.command()
@report_errors(interrupted=NEXT_TIME)
def report(
    dataset: Annotated[
        str | None, typer.Option(help="Name of a data set, or folder:PATH.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="A network of your own, .keras or .h5.")
    ] = None,
    image_size: Annotated[
        str | None, typer.Option(metavar="HxW", help="Height and width in pixels.")
    ] = None,
    parameter: Given = None,
    profile: Annotated[str, typer.Option(help="quick or full.")] = "quick",
    out: Annotated[Path, typer.Option(help="Folder of the reports.")] = _REPORTS,
    jobs: Annotated[int, typer.Option(help="Notebooks at a time.")] = 3,
    timeout: Seconds = None,
    plan: Annotated[
        Path, typer.Option(help="Which notebooks, in which order.")
    ] = _PLAN,
    force: Annotated[
        bool, typer.Option("--force", help="Run what has not changed, too.")
    ] = False,
    custom_objects: CustomObjects = None,
    skip_damaged: SkipDamaged = False,
) -> None:
    """Run what has changed of the experiments, and build the report, an index.html."""
    set_opening(custom_objects=custom_objects, skip_damaged=skip_damaged)
    store = RunStore(out / "store")
    records = run_plan(
        plan,
        store,
        dataset=None if dataset is None else resolve_dataset(dataset),
        model=None if model is None else resolve_model(model),
        image_size=parse_image_size(image_size or "", "--image-size"),
        others=split_parameters(parameter),
        profile=profile,
        force=force,
        jobs=jobs,
        timeout=timeout,
    )
    print_page(store)
    if any(record.status != "completed" for record in records):
        raise typer.Exit(1)


@app.command()
@report_errors
def parameters(notebook: Notebook) -> None:
    """List the parameters of a notebook: type, default, meaning."""
    rows = [
        (each.name, each.type, repr(each.default), each.help)
        for each in read_parameters(local_notebook(notebook)).values()
    ]
    print_table(rows)


@app.command()
@report_errors
def refresh(
    notebooks: Annotated[
        list[str] | None,
        typer.Argument(help="Paths; none for all in experiments/ and notebooks/."),
    ] = None,
    timeout: Seconds = None,
    jobs: Annotated[int, typer.Option(help="Notebooks at a time.")] = 1,
    networks: Annotated[
        bool,
        typer.Option("--networks", help="Train the networks of experiments/networks/."),
    ] = False,
) -> None:
    """Execute committed notebooks in place, with their defaults.

    With --networks, train the networks that they look into instead.
    """
    if networks:
        if notebooks:
            raise ValueError(
                "--networks trains all kept networks and takes no notebooks. Received: "
                f"{', '.join(notebooks)}. Refresh them in a second call."
            )
        os.environ.update(ENVIRONMENT)
        from happymaps.networks.keeping import keep_networks

        keep_networks()
        return
    chosen = [local_notebook(name) for name in notebooks or committed_notebooks()]
    failed = refresh_notebooks(chosen, timeout=timeout, jobs=jobs)
    for error in failed:
        print(f"happymaps: {error}", file=sys.stderr)
    if failed:
        raise typer.Exit(1)


@app.command()
@report_errors
def benchmark(
    profile: Annotated[
        str, typer.Option(help="quick (a minute) or full (a quarter of an hour).")
    ] = "quick",
    out: Annotated[
        Path | None, typer.Option(help="A .json file for all numbers.")
    ] = None,
) -> None:
    """Time maps beside keras-vis and tf-keras-vis, and what the machine can do."""
    os.environ["HAPPYMAPS_QUIET"] = "1"  # a bar would be part of the time
    if out is not None:
        check_writable(out.absolute().parent)
    from experiments.benchmarks.measures.report import run_benchmark

    run_benchmark(profile, out)


def main() -> None:
    """Run the command line."""
    app(prog_name="happymaps")


if __name__ == "__main__":
    main()
