"""Run a whole plan into one folder, a collection: in order, some at a time."""

import concurrent.futures
import dataclasses
import datetime
import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from happymaps.base.processors import num_cpus
from happymaps_runs.folders import short_hash, slug
from happymaps_runs.json_files import write_json
from happymaps_runs.notebooks.environment import store_environment
from happymaps_runs.notebooks.execution import run_notebook
from happymaps_runs.notebooks.notebooks import (
    notebook_title,
    read_notebook,
    relative_to_repository,
)
from happymaps_runs.notebooks.process import Outcome
from happymaps_runs.notebooks.records import RunError, RunRecord, describe_error
from happymaps_runs.plans.plan import (
    QUICK,
    PlanEntry,
    choose_parameters,
    load_plan,
    order_entries,
)


def run_plan(
    plan: str | Path,
    *,
    dataset: str | None = None,
    model: str | None = None,
    image_size: tuple[int, int] | None = None,
    others: Mapping[str, str] | None = None,
    profile: str = QUICK,
    out: str | Path = "reports",
    jobs: int = 3,
    timeout: float | None = None,
) -> list[RunRecord]:
    """Run the notebooks of a plan, and say of each how it went.

    All parameters are checked before anything runs. A notebook that fails stops only
    those that come after it. The runs lie in `out/<collection>/<notebook>/`, beside
    `collection.json`.

    Args:
        plan: YAML file.
        dataset: For the notebooks that declare it: a name, or `folder:` and an
            absolute path.
        model: For those that declare it: absolute path of a `.keras` file.
        image_size: For those that declare it: (height, width) in pixels.
        others: Further parameters by name, for those that declare them.
        profile: Which parameters of the plan, and which of its notebooks.
        out: Folder of the reports. Of a store in it, notebooks read what is kept.
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
    name = name_collection(**shared, profile=profile)
    if others:
        name += "-" + short_hash(json.dumps(others, sort_keys=True))
    folder = Path(out).absolute() / name
    _write_description(folder, entries, shared | {"profile": profile})
    stop = threading.Event()
    options = {"stop": stop, "timeout": timeout}

    def run_entry(entry: PlanEntry) -> RunRecord:
        environment = {} if entry.timed else _share_cpus(jobs)
        environment |= store_environment(out)
        record = _run_entry(
            entry, parameters[entry.name], folder, environment=environment, **options
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
    records = [
        finished.get(entry.name) or _record_not_run(entry, parameters[entry.name])
        for entry in entries
    ]
    _print_summary(records)
    return records


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


def _run_entry(
    entry: PlanEntry, parameters: dict[str, object], folder: Path, **options: object
) -> RunRecord:
    try:
        return run_notebook(entry.notebook, parameters, folder / entry.name, **options)
    except RunError as error:
        return error.record
    except (OSError, ValueError) as error:
        outcome = Outcome("error", name=type(error).__name__, message=str(error))
    record = _record_not_run(entry, parameters)
    return dataclasses.replace(record, status="failed", error=describe_error(outcome))


def _record_not_run(entry: PlanEntry, parameters: dict[str, object]) -> RunRecord:
    return RunRecord(
        notebook=relative_to_repository(entry.notebook),
        title=notebook_title(read_notebook(entry.notebook), entry.name),
        parameters=parameters,
        status="not run",
    )


def _print_line(entries: list[PlanEntry], entry: PlanEntry, record: RunRecord) -> None:
    width = max(len(entry.name) for entry in entries)
    seconds = "" if record.seconds is None else f"{record.seconds:7.1f} s"
    print(f"{entry.name:<{width}}  {record.status:<9} {seconds}", flush=True)


def _print_summary(records: list[RunRecord]) -> None:
    statuses = [record.status for record in records]
    counts = (
        f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses)
    )
    print(", ".join(counts))
    for record in records:
        if record.status == "failed":
            print(RunError(record))
        elif record.status == "not run":
            print(f"{record.notebook} did not run: a notebook before it failed.")


def name_collection(
    dataset: str | None,
    model: str | None,
    image_size: tuple[int, int] | None,
    profile: str,
) -> str:
    """Return the folder name for a choice, e.g. `"synthetic_faces-quick"`.

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


def _write_description(
    folder: Path, entries: list[PlanEntry], choice: dict[str, object]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = choice | {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "notebooks": [relative_to_repository(entry.notebook) for entry in entries],
    }
    write_json(folder / "collection.json", content)


def _share_cpus(jobs: int) -> dict[str, str]:
    """Return the environment in which TensorFlow takes its share of the processors."""
    if "TF_NUM_INTRAOP_THREADS" in os.environ:
        return {}
    return {"TF_NUM_INTRAOP_THREADS": str(max(1, num_cpus() // jobs))}
