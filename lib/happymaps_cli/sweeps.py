"""The commands `happymaps sweep` and `happymaps runs`."""

import functools
import json
from pathlib import Path
from typing import Annotated

import typer

from happymaps_cli.guard import (
    NEXT_TIME,
    print_page,
    report_errors,
    split_parameters,
)
from happymaps_cli.opening import CustomObjects, SkipDamaged, set_opening
from happymaps_runs.folders import check_writable
from happymaps_runs.store.run_store import RunStore
from happymaps_runs.sweeps.sweep_file import Sweep, load_sweep

runs = typer.Typer(help="The runs of a store.", no_args_is_help=True)

_STORE = Path("reports") / "store"
Store = Annotated[Path, typer.Option("--out", help="Folder of the run store.")]
StorePath = Annotated[Path | None, typer.Option(help="A file.")]


@report_errors(interrupted=NEXT_TIME)
def sweep(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[status] FILE",
            help="A sweep file (YAML), to run; with `status` before it, to look at.",
        ),
    ],
    workers: Annotated[
        int | None, typer.Option(help="Processes on this machine; default: its cores.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="tcp://HOST:PORT of a Dask cluster instead.")
    ] = None,
    out: Store = _STORE,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", metavar="NAME=VALUE", help="In the place of a fixed value."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run what failed before, too.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Run what has completed, too.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, and stop.")
    ] = False,
    pages: Annotated[
        bool, typer.Option("--pages", help="Run the notebook for each point, too.")
    ] = False,
    timeout: Annotated[float | None, typer.Option(help="Seconds for each run.")] = None,
    worker_memory: Annotated[
        str | None, typer.Option(help="What each worker may take, such as 4GB.")
    ] = None,
    tls_ca_file: StorePath = None,
    tls_cert: StorePath = None,
    tls_key: StorePath = None,
    module: Annotated[
        list[str] | None,
        typer.Option(
            help="A module besides happymaps's own and experiments, whose functions "
            "the file may name; its code is run."
        ),
    ] = None,
    custom_objects: CustomObjects = None,
    skip_damaged: SkipDamaged = False,
) -> None:
    """Run a notebook or a function over a grid of parameters, where it is missing."""
    set_opening(custom_objects=custom_objects, skip_damaged=skip_damaged)
    load = functools.partial(
        load_sweep, given=split_parameters(parameter), modules=module or ()
    )
    if words[0] == "status" and len(words) == 2:
        _print_status(load(words[1]), out)
        return
    if len(words) != 1:
        raise typer.BadParameter(f"one FILE, or status FILE: {' '.join(words)}")
    _check_numbers(workers, timeout)
    # What is imported here takes a second, which the other commands need not wait.
    from happymaps_runs.sweeps.running import Options, Workers, run_sweep

    chosen, store = load(words[0]), RunStore(out)
    failed = run_sweep(
        chosen,
        store,
        Workers(workers, worker_memory, scheduler, (tls_ca_file, tls_cert, tls_key)),
        Options(retry_failed, force, dry_run, pages, timeout),
    )
    if not dry_run:
        print_page(store)
        print(f"The sweep's page: {store.root / 'sweeps' / chosen.name / 'index.html'}")
    if failed:
        raise typer.Exit(1)


def _check_numbers(workers: int | None, timeout: float | None) -> None:
    if workers is not None and workers < 1:
        raise ValueError(f"--workers must be at least 1. Received: {workers}.")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"--timeout must be above 0. Received: {timeout}.")


def _print_status(chosen: Sweep, out: Path) -> None:
    from happymaps_runs.sweeps.state import read_state
    from happymaps_runs.sweeps.tasks import one_line

    store = RunStore(out)
    state = read_state(chosen, store)
    print(f"{chosen.title}: {len(chosen.points)} points in {store.root}")
    print(
        f"{len(state.completed)} completed, {len(state.failed)} failed, "
        f"{len(state.missing)} missing"
    )
    labels = {point.key: point.label for point in chosen.points}
    for key, problems in state.corrupt.items():
        print(
            f"corrupt: {labels[key]}: {'; '.join(problems)}. See {store.folder(key)}."
        )
    for point in state.failed:
        error = one_line(store.find_failure(point.key)["error"])
        where = store.failed_folder(point.key)
        print(f"failed: {point.label}: {error} See {where}.")


@report_errors
def compare(
    left: Annotated[
        str,
        typer.Argument(
            help="A network's file, a folder or .nc file of maps, or a run's key."
        ),
    ],
    right: Annotated[str, typer.Argument(help="Likewise.")],
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p",
            metavar="NAME=VALUE",
            help="For networks: of happymaps.layer_maps, such as layer.",
        ),
    ] = None,
    out: Store = _STORE,
    custom_objects: CustomObjects = None,
) -> None:
    """Lay the maps of two networks or two runs side by side, unit by unit."""
    from happymaps_pages.site import build_comparison
    from happymaps_runs.sweeps.comparing import comparison_name, open_maps

    set_opening(custom_objects=custom_objects)
    store, given = RunStore(out), split_parameters(parameter)
    names, maps = zip(*(open_maps(n, store, given) for n in (left, right)), strict=True)
    name = comparison_name(left, right)
    print(f"The comparison: {build_comparison(store, name, *maps, names)}")


@runs.command("list")
@report_errors
def list_runs(out: Store = _STORE) -> None:
    """List all runs of a store: parameters and metrics side by side."""
    from happymaps_runs.store.table import read_table

    table = read_table(_existing(out))
    print(table.to_string() if len(table) else "no runs")


@runs.command()
@report_errors
def show(
    key: Annotated[str, typer.Argument(help="Its key, or the start of it.")],
    out: Store = _STORE,
) -> None:
    """Print the record of a run."""
    store = _existing(out)
    found = [(k, record) for k, record in store.records() if k.startswith(key)]
    if len({k for k, _ in found}) != 1:
        known = ", ".join(k for k, _ in found[:5])
        raise ValueError(
            f"The start of one key is needed. Received: {key!r}, which {len(found)} "
            f"runs have{': ' + known if known else ''}. See `happymaps runs list`."
        )
    for _, record in found:
        print(json.dumps(record, indent=1, ensure_ascii=False))


@runs.command()
@report_errors
def clean(
    failed: Annotated[
        bool, typer.Option("--failed", help="Failed and corrupt runs.")
    ] = False,
    unused: Annotated[
        bool, typer.Option("--unused", help="Runs that no sweep of the store names.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which.")] = False,
    out: Store = _STORE,
) -> None:
    """Remove what killed runs left, and the runs asked for."""
    from happymaps_runs.store.cleaning import choose_runs, clear_corrupt

    store = _existing(out)
    if not dry_run:
        check_writable(store.root)
    chosen = choose_runs(store, failed=failed, unused=unused)
    for (key, status), reason in chosen.items():
        print(f"{'would remove' if dry_run else 'removed'} {key}: {reason}")
        if not dry_run:
            store.forget(key, status)
    if not dry_run:
        store.create()
        if failed:
            clear_corrupt(store)
    print(f"{len(chosen)} runs")


@runs.command()
@report_errors
def export(
    file: Annotated[Path, typer.Argument(help="A .csv or .parquet file.")],
    out: Store = _STORE,
) -> None:
    """Write the table of all runs as CSV or Parquet."""
    from happymaps_runs.store.table import read_table, write_table

    table = read_table(_existing(out))
    write_table(table, file)
    print(f"{len(table)} runs: {file}")


def _existing(out: Path) -> RunStore:
    store = RunStore(out)
    if not store.exists:
        raise ValueError(
            f"There must be a run store. Received: {store.root}, where there is none. "
            "Give the --out that the sweep was given."
        )
    return store
