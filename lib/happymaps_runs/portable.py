"""Are the committed notebooks' outputs the same on other processors?

`python -m happymaps_runs.portable [NOTEBOOK ...]` runs nbval once in each setting
and names the cells that fail, by setting. A setting limits what a processor can do, how
oneDNN rounds, and among how many threads sums are divided. `--settings` names some.

`--planted` shows that the check still fails where it should: each notebook of `PLANTED`
runs with an error in it, and one of its cells must differ.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from happymaps.base.paths import repository_root

# What laptops have: no AVX-512 for oneDNN, NumPy and OpenBLAS. NumPy warns of names
# that it does not know, and goes on.
AVX2 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Haswell",
}
SETTINGS = {
    f"{processor}-onednn{onednn}-threads{threads}": {
        **limits,
        "TF_ENABLE_ONEDNN_OPTS": onednn,
        "TF_NUM_INTRAOP_THREADS": threads,
    }
    for processor, limits in {"avx2": AVX2, "own": {}}.items()
    for onednn in "01"
    for threads in "12"
}
# A wrong line of a notebook: a sign, a TV weight ten times too large, another layer.
PLANTED = {
    "notebooks/01_make_a_first_map.ipynb": [
        ("tv_weight: float = 0.01", "tv_weight: float = 0.1"),
        ('.sel(sign="happy")', '.sel(sign="sad")'),
    ],
    "notebooks/02_choose_objectives_and_priors.ipynb": [
        ('layer: str = "conv2_2"', 'layer: str = "conv2_3"'),
    ],
    "experiments/experiment1/maps_of_a_layer.ipynb": [
        ("tv_weight: float = 1.0", "tv_weight: float = 10.0"),
    ],
    "experiments/experiment1/ex1-8/dead_starts.ipynb": [
        ("filter_tv_weight: float = 0.01", "filter_tv_weight: float = 0.1"),
    ],
    "experiments/experiment2/attribution_first_pass.ipynb": [
        ("class_index: int = 1", "class_index: int = 0"),
    ],
}
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+\.ipynb)(::Cell \d+)?", re.M)


def run_setting(
    name: str, notebooks: list[str], *, details: bool = False, due: bool = False
) -> list[str]:
    """Return the cells that fail in a setting, and print how many.

    Args:
        name: A key of `SETTINGS`.
        notebooks: Files or folders.
        details: Whether to print what differs.
        due: Whether to run only what `due_notebooks` says.

    Raises:
        RuntimeError: pytest did not get as far as a verdict.
    """
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", "--nbval", *notebooks]
    command += ["--due"] * due
    command += ["-q", "-rfE", "--color=no", "-n", "2", "--dist", "loadfile"]
    environment = os.environ | {"COLUMNS": "300"} | SETTINGS[name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout}")
    if done.returncode and details:
        print(done.stdout)
    failed = ["".join(found) for found in _FAILED.findall(done.stdout)]
    summary = done.stdout.strip().splitlines()[-1].strip("= ")
    print(f"{name}: {summary}, {time.monotonic() - started:.0f} s", flush=True)
    return failed


def plant_error(notebook: str, old: str, new: str, folder: Path) -> Path:
    """Write a copy of a committed notebook with another source and the same outputs.

    Raises:
        ValueError: The line is not there, or more than once.
    """
    content = json.loads((repository_root() / notebook).read_text(encoding="utf-8"))
    sources = ["".join(cell["source"]) for cell in content["cells"]]
    if sum(source.count(old) for source in sources) != 1:
        raise ValueError(
            f"Expected {old!r} once in {notebook}. Received another number. Name "
            "a line in PLANTED that the notebook has."
        )
    for cell, source in zip(content["cells"], sources, strict=True):
        cell["source"] = source.replace(old, new)
    path = folder / Path(notebook).name
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def run_planted() -> list[str]:
    """Return the planted errors that no cell told of; print how many cells did."""
    unseen = []
    # Below the root, where pytest finds the repository's conftest.py.
    build = repository_root() / "build"
    build.mkdir(exist_ok=True)
    for notebook, errors in PLANTED.items():
        for old, new in errors:
            with tempfile.TemporaryDirectory(dir=build) as folder:
                path = plant_error(notebook, old, new, Path(folder))
                failed = run_setting(next(iter(SETTINGS)), [str(path)])
            print(f"{notebook}: {new} in place of {old}: {len(failed)} cells differ")
            if not failed:
                unseen.append(f"{notebook}: {new}")
    return unseen


def main(
    notebooks: Annotated[list[str] | None, typer.Argument()] = None,
    settings: Annotated[str, typer.Option(help="Names, with commas.")] = "",
    planted: Annotated[bool, typer.Option(help="Run notebooks with errors.")] = False,
    due: Annotated[bool, typer.Option(help="As make test: not all of them.")] = False,
) -> None:
    """Run the notebooks in every setting, and name the cells that differ."""
    if planted:
        unseen = run_planted()
        print("\n".join(f"not seen: {error}" for error in unseen))
        raise typer.Exit(bool(unseen))
    names = settings.split(",") if settings else list(SETTINGS)
    unknown = sorted(set(names) - set(SETTINGS))
    if unknown:
        raise typer.BadParameter(f"{unknown}. Known settings: {', '.join(SETTINGS)}.")
    failed: dict[str, list[str]] = {}
    for name in names:
        given = notebooks or ["notebooks", "experiments"]
        alone = len(names) == 1
        for cell in run_setting(name, given, details=alone, due=due):
            failed.setdefault(cell, []).append(name)
    for cell, where in sorted(failed.items()):
        print(f"{cell} differs under {', '.join(where)}")
    if failed:
        raise typer.Exit(1)
    print(f"The same in {len(names)} settings.")


if __name__ == "__main__":
    typer.run(main)
