"""The command line, `happymaps`: a thin skin over the runner and the report."""

import functools
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer

from happymaps import paths
from happymaps.messages import unknown_name
from happymaps.runner.collection import run_plan
from happymaps.runner.execution import run_notebook
from happymaps.runner.folders import short_hash, slug
from happymaps.runner.notebooks import local_notebook
from happymaps.runner.parameters import coerce_parameters, read_parameters
from happymaps.runner.records import RunError
from happymaps.runner.refresh import committed_notebooks, refresh_notebooks

_PLAN = paths.repository_root() / "experiments" / "plan.yaml"
_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")

app = typer.Typer(
    help="Run notebooks on Keras networks, and report what they found.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data = typer.Typer(help="The data sets.", no_args_is_help=True)
app.add_typer(data, name="data")

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


class Terminated(KeyboardInterrupt):
    """SIGTERM came; handled like Ctrl-C but for the exit code."""


def _terminate(signum: int, frame: object) -> None:
    raise Terminated


def _report_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Print expected errors without a traceback, and exit with a telling code."""

    @functools.wraps(command)
    def guarded(**options: object) -> None:
        signal.signal(signal.SIGTERM, _terminate)
        try:
            command(**options)
        except (ValueError, OSError, RunError) as error:
            print(f"happymaps: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
        except KeyboardInterrupt as error:
            print(
                "happymaps: interrupted. What had completed is kept; to go on, give "
                "the same command again.",
                file=sys.stderr,
            )
            terminated = isinstance(error, Terminated)
            raise typer.Exit(143 if terminated else 130) from None

    return guarded


@app.command()
@_report_errors
def run(
    notebooks: Annotated[list[str], typer.Argument(help="Paths of .ipynb files.")],
    parameter: Given = None,
    out: Annotated[Path, typer.Option(help="Folder of the reports.")] = Path("reports"),
    timeout: Seconds = None,
) -> None:
    """Run notebooks one after the other, each into a folder of its own."""
    given = _split_parameters(parameter or [])
    # A notebook runs in its own folder, where the caller's relative paths lead nowhere.
    if given.get("dataset"):
        given["dataset"] = _resolve_dataset(given["dataset"])
    if given.get("model"):
        given["model"] = _resolve_model(Path(given["model"]))
    plan = {}
    for notebook in map(local_notebook, notebooks):
        folder = out / _name_run(notebook, coerce_parameters(notebook, given))
        if folder in plan.values():
            raise ValueError(
                "Notebooks run together must differ in name. Received twice: "
                f"{notebook.name}. Run one of them with another --out."
            )
        plan[notebook] = folder
    for notebook, folder in plan.items():
        record = run_notebook(notebook, given, folder, timeout=timeout)
        print(f"{notebook.name} completed in {record.seconds:.1f} s: {record.folder}")


def _split_parameters(given: list[str]) -> dict[str, str]:
    pairs = dict(text.partition("=")[::2] for text in given if "=" in text)
    if len(pairs) < len(given):
        received = " ".join(f"-p {text}" for text in given)
        raise typer.BadParameter(f"-p must be NAME=VALUE, each NAME once: {received}")
    return pairs


def _name_run(notebook: Path, parameters: dict[str, object]) -> str:
    """Return the notebook's name, with a hash unless all parameters are defaults."""
    if parameters == coerce_parameters(notebook, {}):
        return slug(notebook.stem)
    text = json.dumps(parameters, sort_keys=True)
    return slug(f"{notebook.stem}-{short_hash(text)}")


@app.command()
@_report_errors
def report(
    dataset: Annotated[
        str | None, typer.Option(help="Name of a data set, or folder:PATH.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="A network of your own, a .keras file.")
    ] = None,
    image_size: Annotated[
        str | None, typer.Option(metavar="HxW", help="Height and width in pixels.")
    ] = None,
    parameter: Given = None,
    profile: Annotated[str, typer.Option(help="quick or full.")] = "quick",
    out: Annotated[Path, typer.Option(help="Folder of the reports.")] = Path("reports"),
    jobs: Annotated[int, typer.Option(help="Notebooks at a time.")] = 2,
    timeout: Seconds = None,
    plan: Annotated[
        Path, typer.Option(help="Which notebooks, in which order.")
    ] = _PLAN,
) -> None:
    """Run the experiments and build the report, an index.html."""
    records = run_plan(
        plan,
        dataset=None if dataset is None else _resolve_dataset(dataset),
        model=None if model is None else _resolve_model(model),
        image_size=None if image_size is None else _split_size(image_size),
        others=_split_parameters(parameter or []),
        profile=profile,
        out=out,
        jobs=jobs,
        timeout=timeout,
    )
    # Rendering needs much that the other commands do not.
    from happymaps.report import build_site

    print(f"The report: {build_site(out)}")
    if any(record.status != "completed" for record in records):
        raise typer.Exit(1)


def _resolve_dataset(name: str) -> str:
    """Return a data set's name, a folder's path in it made absolute."""
    kind, _, path = name.partition(":")
    if kind != "folder":
        from happymaps.datasets.loading import NAMES

        if name not in NAMES:
            raise ValueError(unknown_name("data set", name, NAMES))
        return name
    given = Path(path).expanduser()
    for candidate in (given, paths.repository_root() / given):
        if path and candidate.is_dir():
            return f"folder:{candidate.resolve()}"
    raise ValueError(
        "The data set folder:PATH must name an existing folder with a subfolder of "
        f"images per class. Received: {path!r}. Correct the path."
    )


def _resolve_model(model: Path) -> str:
    if model.suffix != ".keras" or not model.is_file():
        raise ValueError(
            f"model must be an existing .keras file. Received: {str(model)!r}. Save "
            "the network with model.save('name.keras'), and check the path."
        )
    return str(model.resolve())


def _split_size(text: str) -> tuple[int, int]:
    size = _SIZE.fullmatch(text)
    if not size:
        raise ValueError(
            "--image-size must be height and width in pixels, as in 60x64. "
            f"Received: {text!r}."
        )
    return int(size.group(1)), int(size.group(2))


@app.command()
@_report_errors
def parameters(notebook: Notebook) -> None:
    """List the parameters of a notebook: type, default, meaning."""
    rows = [
        (each.name, each.type, repr(each.default), each.help)
        for each in read_parameters(local_notebook(notebook)).values()
    ]
    _print_table(rows)


@app.command()
@_report_errors
def refresh(
    notebooks: Annotated[
        list[str] | None,
        typer.Argument(help="Paths; none for all in experiments/ and notebooks/."),
    ] = None,
    timeout: Seconds = None,
    jobs: Annotated[int, typer.Option(help="Notebooks at a time.")] = 1,
) -> None:
    """Execute committed notebooks in place, with their defaults."""
    chosen = [local_notebook(name) for name in notebooks or committed_notebooks()]
    failed = refresh_notebooks(chosen, timeout=timeout, jobs=jobs)
    for error in failed:
        print(f"happymaps: {error}", file=sys.stderr)
    if failed:
        raise typer.Exit(1)


@app.command()
@_report_errors
def benchmark(
    profile: Annotated[
        str, typer.Option(help="quick (a minute) or full (a quarter of an hour).")
    ] = "quick",
    out: Annotated[
        Path | None, typer.Option(help="A .json file for all numbers.")
    ] = None,
) -> None:
    """Time maps beside keras-vis and tf-keras-vis, and what the machine can do."""
    # A progress bar would be part of the time.
    os.environ["HAPPYMAPS_QUIET"] = "1"
    from happymaps.benchmarks.report import run_benchmark

    run_benchmark(profile, out)


@data.command("list")
@_report_errors
def list_data() -> None:
    """List the data sets that --dataset takes."""
    _print_table(
        [
            ("synthetic_faces", "drawn faces; the pixels that matter are known"),
            ("cmu_faces", "640 photographs of 20 people, found or downloaded once"),
            ("folder:PATH", "your own images, a subfolder a class"),
        ]
    )


@data.command()
@_report_errors
def fetch(name: Annotated[str, typer.Argument(help="As --dataset.")]) -> None:
    """Load a data set, download it if it is missing, and print what came."""
    from happymaps.datasets import load_dataset

    dataset = load_dataset(_resolve_dataset(name))
    print(dataset)
    print(dataset.class_counts().to_string())
    for skipped in dataset.skipped:
        print(f"skipped: {skipped}")


def _print_table(rows: Iterable[tuple[str, ...]]) -> None:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def main() -> None:
    """Run the command line."""
    app(prog_name="happymaps")


if __name__ == "__main__":
    main()
