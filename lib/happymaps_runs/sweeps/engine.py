"""Run the points of a sweep that the store does not have, and say how it goes."""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator

import distributed
from distributed.comm import CommClosedError

from happymaps.base.paths import CUSTOM_OBJECTS, SKIP_DAMAGED
from happymaps_runs.notebooks.process import Outcome
from happymaps_runs.notebooks.records import describe_surroundings
from happymaps_runs.store.functions import keep_failure
from happymaps_runs.store.run_store import RunStore
from happymaps_runs.sweeps.progress import Progress
from happymaps_runs.sweeps.sweep_file import Point, Sweep
from happymaps_runs.sweeps.tasks import (
    Result,
    Task,
    WorkerError,
    one_line,
    record_of,
    run_point,
)

# Tasks that the scheduler knows of at a time, for each worker: enough to keep it busy,
# few enough that a sweep of any length takes the same memory.
_AHEAD = 2


def run_points(
    sweep: Sweep,
    points: list[Point],
    store: RunStore,
    client: distributed.Client,
    progress: Progress,
    *,
    force: bool = False,
    timeout: float | None = None,
) -> None:
    """Run points on the workers of a client, and keep what comes of each.

    Args:
        sweep: The sweep that they belong to.
        points: Which to run.
        store: Where to.
        client: Of the workers.
        progress: Is told of each point.
        force: Whether to run what is there.
        timeout: Seconds for each run.

    Raises:
        ConnectionError: The scheduler was lost, or a worker sees another store. What
            had finished is kept.
    """
    make_task = _task_maker(sweep, store, force, timeout)
    suspects = []
    for task, future in _each_done(client, map(make_task, points), progress):
        if _has_lost_workers(future):
            suspects.append(task)
        else:
            progress.count(task.key, _result_of(future, task, client, store))
    # Who waited at a worker when another killed it is blamed with it. Alone, nobody is
    # blamed for another.
    for suspect in suspects:
        for task, future in _each_done(client, iter([suspect]), progress):
            progress.count(task.key, _result_of(future, task, client, store))


def _has_lost_workers(future: distributed.Future) -> bool:
    lost = distributed.KilledWorker
    return future.status == "error" and isinstance(future.exception(), lost)


def _task_maker(
    sweep: Sweep, store: RunStore, force: bool, timeout: float | None
) -> Callable[[Point], Task]:
    surroundings, call = describe_surroundings(), secrets.token_hex(8)
    opening = {
        name: os.environ.get(name, "") for name in (CUSTOM_OBJECTS, SKIP_DAMAGED)
    }

    def make(point: Point) -> Task:
        return Task(
            store=str(store.root),
            key=point.key,
            notebook=str(sweep.notebook or ""),
            function=sweep.function,
            parameters=point.parameters,
            identity=point.identity,
            call=call,
            force=force,
            timeout=timeout,
            surroundings=surroundings,
            opening=opening,
        )

    return make


def _each_done(
    client: distributed.Client, tasks: Iterator[Task], progress: Progress
) -> Iterator[tuple[Task, distributed.Future]]:
    """Yield each task with its future as it ends, and let go of both."""
    submitted: dict[tuple[str, str, str], Task] = {}

    def submit_more() -> list[distributed.Future]:
        workers = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        progress.tell_workers(workers)
        futures = []
        while len(submitted) < _AHEAD * workers and (task := next(tasks, None)):
            # A name of its own: no earlier result and no earlier blame must stick. What
            # it begins with is one for all: the scheduler keeps a record for each.
            name = ("run_point", task.key, secrets.token_hex(4))
            submitted[name] = task
            futures.append(client.submit(run_point, task, key=name, pure=False))
        return futures

    waiting = distributed.as_completed(submit_more(), loop=client.loop)
    try:
        for future in waiting:
            yield submitted.pop(future.key), future
            # Held, it could be blamed for the death of a worker, and would be
            # computed again.
            future.release()
            for more in submit_more():
                waiting.add(more)
    finally:
        with contextlib.suppress(Exception):
            client.cancel(list(waiting.futures), force=True)


def _result_of(
    future: distributed.Future, task: Task, client: distributed.Client, store: RunStore
) -> Result:
    lost = ConnectionError(
        "The scheduler was lost. What had finished is kept; start it again, and give "
        "the same command."
    )
    if future.status == "finished":
        try:
            return future.result()
        except CommClosedError as error:  # lost on the way from the worker to here
            raise lost from error
    if future.status in ("cancelled", "lost"):
        raise lost
    error = future.exception()
    if isinstance(error, WorkerError):
        raise ConnectionError(str(error))
    if isinstance(error, distributed.KilledWorker):
        outcome = _lost_worker(error, client)
    else:
        outcome = Outcome("error", name=type(error).__name__, message=str(error))
    record = keep_failure(store, record_of(task), outcome)
    return Result("failed", 0.0, one_line(record.error))


def _lost_worker(error: distributed.KilledWorker, client) -> Outcome:
    """Tell workers that took too much memory from others that died."""
    full = {event["worker"] for _, event in client.get_events("worker-restart-memory")}
    deaths = f"the worker died {error.allowed_failures + 1} times"
    if error.last_worker.address in full:
        return Outcome(
            "out of memory",
            name="KilledWorker",
            message=f"{deaths}, more memory than --worker-memory allows being taken",
        )
    return Outcome("lost worker", name="KilledWorker", message=deaths)
