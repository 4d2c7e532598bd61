"""A whole sweep: what is missing, and on which workers."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from happymaps.base.processors import num_cpus
from happymaps_runs.store.run_store import RunStore
from happymaps_runs.sweeps.progress import Progress
from happymaps_runs.sweeps.state import State, choose_points, describe_sweep, read_state
from happymaps_runs.sweeps.sweep_file import Point, Sweep, pages_of

if TYPE_CHECKING:
    import distributed


class Workers(NamedTuple):
    """Where to run.

    Attributes:
        count: Processes on this machine; None for as many as processors.
        memory: What each may take, such as "4GB"; None for its share.
        scheduler: Address of a cluster instead; None for this machine.
        certificates: Authority, certificate and key for TLS, or None each.
    """

    count: int | None = None
    memory: str | None = None
    scheduler: str | None = None
    certificates: tuple[Path | None, Path | None, Path | None] = (None, None, None)


class Options(NamedTuple):
    """What to run.

    Attributes:
        retry_failed: What failed before, too.
        force: What has completed, too.
        dry_run: Nothing: only say what would run.
        pages: The notebook of each point, too, where a function computes.
        timeout: Seconds for each run; None without end.
    """

    retry_failed: bool = False
    force: bool = False
    dry_run: bool = False
    pages: bool = False
    timeout: float | None = None


def run_sweep(sweep: Sweep, store: RunStore, workers: Workers, options: Options) -> int:
    """Run what is missing of a sweep, and return how many failed.

    Raises:
        OSError: No scheduler answers, or it was lost.
        KeyboardInterrupt: Ctrl-C; what had finished is kept.
    """
    parts = [sweep]
    if options.pages and sweep.function:
        if sweep.notebook is None:
            raise ValueError(
                "--pages needs a notebook that tells of each point. "
                f"{sweep.path} names none. Leave out --pages, or name one."
            )
        parts.append(pages_of(sweep))
    if options.dry_run:
        for part in parts:
            for point in _choose(part, store, options)[0]:
                print(f"would run: {point.label}")
        return 0
    store.create()
    describe_sweep(sweep, store)
    failed, client = 0, None
    with contextlib.ExitStack() as stack:
        for part in parts:
            points, known_failures = _choose(part, store, options)
            failed += known_failures
            if not points:
                continue
            client = client or stack.enter_context(_connect(workers, len(points)))
            failed += _run(part, points, store, client, options)
    return failed


def _choose(sweep: Sweep, store: RunStore, options: Options) -> tuple[list[Point], int]:
    """Return the points to run, and how many of the others have failed before."""
    state = read_state(sweep, store)
    _tell_corrupt(sweep, store, state, dry_run=options.dry_run)
    points = choose_points(
        state, retry_failed=options.retry_failed, force=options.force
    )
    kept = len(sweep.points) - len(points)
    print(f"{sweep.title}: {len(points)} to run, {kept} in the store", flush=True)
    runs_failed = options.retry_failed or options.force
    return points, 0 if runs_failed else len(state.failed)


@contextlib.contextmanager
def _connect(workers: Workers, num_points: int) -> Iterator["distributed.Client"]:
    # Dask takes a second to import, which a sweep that is complete need not wait.
    from happymaps_runs.sweeps import cluster

    if workers.scheduler:
        security = cluster.tls_security(*workers.certificates)
        connection = cluster.remote_client(workers.scheduler, security=security)
    else:
        count = min(workers.count or num_cpus(), num_points)
        connection = cluster.local_client(count, memory=workers.memory)
    with connection as client:
        yield client


def _tell_corrupt(
    sweep: Sweep, store: RunStore, state: State, *, dry_run: bool
) -> None:
    labels = {point.key: point.label for point in sweep.points}
    for key, problems in state.corrupt.items():
        where = store.folder(key) if dry_run else store.set_aside(key)
        print(
            f"corrupt, to be run again: {labels[key]}: {'; '.join(problems)}. See "
            f"{where}.",
            flush=True,
        )


def _run(
    sweep: Sweep,
    points: list[Point],
    store: RunStore,
    client: "distributed.Client",
    options: Options,
) -> int:
    from happymaps_runs.sweeps.engine import run_points

    started = time.monotonic()
    progress = Progress(sweep, store, len(points))
    try:
        run_points(
            sweep,
            points,
            store,
            client,
            progress,
            force=options.force,
            timeout=options.timeout,
        )
    finally:
        progress.close()
        print(
            f"{progress.completed} completed, {progress.failed} failed, "
            f"{progress.remaining} remaining after {time.monotonic() - started:.1f} s; "
            f"the runs took {progress.busy_seconds:.1f} s of work",
            flush=True,
        )
    return progress.failed
