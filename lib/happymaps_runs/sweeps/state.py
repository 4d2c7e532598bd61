"""What the store has of a sweep, and what is missing."""

from typing import NamedTuple

from happymaps_runs.json_files import write_json
from happymaps_runs.store.functions import now
from happymaps_runs.store.run_store import RunStore
from happymaps_runs.sweeps.sweep_file import Point, Sweep


class State(NamedTuple):
    """The points of a sweep, by what the store has of them.

    Attributes:
        completed: Sound runs.
        failed: Failures that are kept.
        missing: Neither.
        corrupt: What is wrong, by the point's key; such points are missing too.
    """

    completed: list[Point]
    failed: list[Point]
    missing: list[Point]
    corrupt: dict[str, list[str]]


def read_state(sweep: Sweep, store: RunStore) -> State:
    """Return which points of a sweep the store has. Every artefact is checked."""
    state = State([], [], [], {})
    for point in sweep.points:
        problems = store.problems(point.key)
        if problems:
            state.corrupt[point.key] = problems
        if not problems and store.find(point.key):
            state.completed.append(point)
        elif store.find_failure(point.key):
            state.failed.append(point)
        else:
            state.missing.append(point)
    return state


def choose_points(state: State, *, retry_failed: bool, force: bool) -> list[Point]:
    """Return the points to run."""
    if force:
        return [*state.completed, *state.failed, *state.missing]
    return [*(state.failed if retry_failed else []), *state.missing]


def describe_sweep(sweep: Sweep, store: RunStore) -> None:
    """Write `sweeps/<name>/sweep.json`, which tells the points from other runs."""
    folder = store.root / "sweeps" / sweep.name
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "sweep.json", sweep.describe() | {"created": now()})
