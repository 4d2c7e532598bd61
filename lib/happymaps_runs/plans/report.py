"""A report: the notebooks of a plan, of which those run that the store has not.

Notebooks run in order, some at a time. None reads what another has left: what `after`
says of them is that networks are kept, by names of their own, which the first trains.
So an edit of one makes no other run anew.
"""

import concurrent.futures
import dataclasses
import datetime
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from happymaps.base.processors import num_cpus
from happymaps_runs.folders import short_hash, slug
from happymaps_runs.notebooks.environment import store_environment
from happymaps_runs.notebooks.execution import run_notebook
from happymaps_runs.notebooks.notebooks import (
    notebook_title,
    read_notebook,
    relative_to_repository,
)
from happymaps_runs.notebooks.process import Outcome
from happymaps_runs.notebooks.records import RunError, RunRecord
from happymaps_runs.plans.plan import (
    QUICK,
    PlanEntry,
    choose_parameters,
    load_plan,
    order_entries,
)
from happymaps_runs.store.functions import keep_failure
from happymaps_runs.store.identity import article_identity, key_of
from happymaps_runs.store.lists import write_report
from happymaps_runs.store.run_store import RunStore

CALL = "report"


def run_plan(
    plan: str | Path,
    store: RunStore,
    *,
    dataset: str | None = None,
    model: str | None = None,
    image_size: tuple[int, int] | None = None,
    others: Mapping[str, str] | None = None,
    profile: str = QUICK,
    force: bool = False,
    jobs: int = 3,
    timeout: float | None = None,
) -> list[RunRecord]:
    """Run the notebooks of a plan that the store does not have, and say how it went.

    All parameters are checked before anything runs. A notebook that fails stops only
    those that come after it; the next call runs it again. The store lists the report
    in `reports/<name>.json`.

    Args:
        plan: YAML file.
        store: Where runs are kept, and what notebooks recall.
        dataset: For the notebooks that declare it: a name, or `folder:` and an
            absolute path.
        model: For those that declare it: absolute path of a `.keras` file.
        image_size: For those that declare it: (height, width) in pixels.
        others: Further parameters by name, for those that declare them.
        profile: Which parameters of the plan, and which of its notebooks.
        force: Whether to run what the store has.
        jobs: How many notebooks run at a time; they share the processors, unless
            `TF_NUM_INTRAOP_THREADS` is set. One more than there are processors keeps
            these busy while one starts or ends.
        timeout: Seconds for each notebook.

    Returns:
        One record a notebook of the profile, in the plan's order; "not run" where
        another failed before.

    Raises:
        ValueError: A plan or parameter that will not do.
        KeyboardInterrupt: Ctrl-C; what had completed is kept.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1. Received: {jobs}. Give e.g. 2.")
    entries = [entry for entry in load_plan(plan) if entry.runs_in(profile)]
    shared = {"dataset": dataset, "model": model, "image_size": image_size}
    parameters = choose_parameters(entries, profile, {**(others or {}), **shared})
    declared = (p["dataset"] for p in parameters.values() if "dataset" in p)
    shared["dataset"] = dataset or next(declared, None)
    name = name_report(**shared, profile=profile)
    if others:
        name += "-" + short_hash(json.dumps(others, sort_keys=True))
    runs = {entry.name: _identify(entry, parameters[entry.name]) for entry in entries}
    store.create()
    write_report(store, name, _describe(runs) | shared | {"profile": profile})
    kept = {} if force else _find_kept(store, runs)
    print(f"{len(kept)} of {len(runs)} reused", flush=True)
    stop = threading.Event()

    def run_entry(entry: PlanEntry) -> RunRecord:
        if entry.name in kept:
            return kept[entry.name]
        environment = {} if entry.timed else _share_cpus(jobs)
        environment |= store_environment(store.root)
        record = _run_entry(
            runs[entry.name], store, environment=environment, stop=stop, timeout=timeout
        )
        if not stop.is_set():
            _print_line(entries, entry, record)
        return record

    together = [entry for entry in entries if not entry.timed]
    finished = _run_in_order(together, run_entry, jobs, stop)
    timed = {entry.name: entry for entry in entries if entry.timed}
    for name in order_entries(entries).static_order():
        if name in timed and all(
            _completed(finished.get(before)) for before in timed[name].after
        ):
            finished[name] = run_entry(timed[name])
    records = {n: finished.get(n) or _record_not_run(run) for n, run in runs.items()}
    _print_summary([record for n, record in records.items() if n not in kept])
    return list(records.values())


class _Run(NamedTuple):
    """A notebook of the report with what its run depends on."""

    entry: PlanEntry
    parameters: dict[str, object]
    identity: dict[str, object]
    key: str


def _identify(entry: PlanEntry, parameters: dict[str, object]) -> _Run:
    identity = article_identity(entry.notebook, parameters, timed=entry.timed)
    return _Run(entry, parameters, identity, key_of(identity))


def _describe(runs: Mapping[str, _Run]) -> dict[str, object]:
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "notebooks": [{"name": name, "key": run.key} for name, run in runs.items()],
    }


def _find_kept(store: RunStore, runs: Mapping[str, _Run]) -> dict[str, RunRecord]:
    """Return the records of the sound runs; what is damaged is set aside."""
    kept = {}
    for name, run in runs.items():
        problems = store.problems(run.key)
        if problems:
            where = store.set_aside(run.key)
            print(f"{name} is run again: {'; '.join(problems)}. See {where}.")
        elif store.find(run.key):
            kept[name] = dataclasses.replace(
                _record_not_run(run), status="completed", folder=store.folder(run.key)
            )
    return kept


def _completed(record: RunRecord | None) -> bool:
    return record is not None and record.status == "completed"


def _run_in_order(
    entries: list[PlanEntry],
    run_entry: Callable[[PlanEntry], RunRecord],
    jobs: int,
    stop: threading.Event,
) -> dict[str, RunRecord]:
    """Return the records of the notebooks that ran, by name."""
    sorter = order_entries(entries)
    sorter.prepare()
    finished, pending, ready = {}, {}, set()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            while True:
                ready |= set(sorter.get_ready())
                # The first of the plan that can start: most others wait for those.
                chosen = [entry for entry in entries if entry.name in ready]
                for entry in chosen[: jobs - len(pending)]:
                    ready.remove(entry.name)
                    pending[pool.submit(run_entry, entry)] = entry.name
                if not pending:
                    return finished
                done, _ = concurrent.futures.wait(
                    pending, return_when=concurrent.futures.FIRST_COMPLETED
                )
                for future in done:
                    name = pending.pop(future)
                    finished[name] = future.result()
                    if finished[name].status == "completed":
                        sorter.done(name)
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _run_entry(run: _Run, store: RunStore, **options: object) -> RunRecord:
    try:
        return run_notebook(
            run.entry.notebook,
            run.parameters,
            store.folder(run.key),
            identity=run.identity,
            call=CALL,
            **options,
        )
    except RunError as error:
        return error.record
    except (OSError, ValueError) as error:
        outcome = Outcome("error", name=type(error).__name__, message=str(error))
    return keep_failure(store, _record_not_run(run), outcome)


def _record_not_run(run: _Run) -> RunRecord:
    notebook = run.entry.notebook
    return RunRecord(
        notebook=relative_to_repository(notebook),
        title=notebook_title(read_notebook(notebook), run.entry.name),
        parameters=run.parameters,
        status="not run",
        key=run.key,
        identity=run.identity,
    )


def _print_line(entries: list[PlanEntry], entry: PlanEntry, record: RunRecord) -> None:
    width = max(len(entry.name) for entry in entries)
    seconds = "" if record.seconds is None else f"{record.seconds:7.1f} s"
    print(f"{entry.name:<{width}}  {record.status:<9} {seconds}", flush=True)


def _print_summary(records: list[RunRecord]) -> None:
    counts = Counter(record.status for record in records)
    if counts:
        print(", ".join(f"{number} {status}" for status, number in counts.items()))
    for record in records:
        if record.status == "failed":
            print(RunError(record))
        elif record.status == "not run":
            print(f"{record.notebook} did not run: a notebook before it failed.")


def name_report(
    dataset: str | None,
    model: str | None,
    image_size: tuple[int, int] | None,
    profile: str,
) -> str:
    """Return the name of a report for a choice, e.g. `"synthetic_faces-quick"`.

    Paths come in with a short hash of theirs, so that namesakes stay apart.
    """
    path = (dataset or "").removeprefix("folder:")
    is_folder = dataset is not None and path != dataset
    parts = [f"folder-{_name_path(path)}" if is_folder else dataset or "default"]
    if model:
        parts.append(_name_path(model))
    if image_size:
        parts.append("x".join(map(str, image_size)))
    return slug("-".join([*parts, profile]))


def _name_path(path: str) -> str:
    return f"{slug(Path(path).stem)}-{short_hash(path)}"


def _share_cpus(jobs: int) -> dict[str, str]:
    """Return the environment in which TensorFlow takes its share of the processors."""
    if "TF_NUM_INTRAOP_THREADS" in os.environ:
        return {}
    return {"TF_NUM_INTRAOP_THREADS": str(max(1, num_cpus() // jobs))}
