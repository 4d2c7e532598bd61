"""Several batches beside each other, in threads of this process."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

_stop = threading.local()


class StoppedError(Exception):
    """Raised in the batches that still run when another one has failed."""


def run_beside(
    run: Callable, parts: Sequence, size: int, threads: int
) -> Iterator[tuple]:
    """Yield each part with `run(part, size)`, as they are done.

    When one fails, or the person stops the work, the others stop at their next call of
    `check_stopped`, and nothing is left behind.

    Args:
        run: What to do.
        parts: What to do it with.
        size: Handed on.
        threads: How many run at a time.
    """
    if threads == 1 or len(parts) == 1:
        yield from ((part, run(part, size)) for part in parts)
        return
    stop = threading.Event()

    def run_unless_stopped(part):
        _stop.event = stop
        check_stopped()
        return run(part, size)

    with ThreadPoolExecutor(threads) as pool:
        futures = {pool.submit(run_unless_stopped, part): part for part in parts}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            stop.set()


def check_stopped() -> None:
    """Raise `StoppedError` where the work of this thread is no longer wanted."""
    event = getattr(_stop, "event", None)
    if event is not None and event.is_set():
        raise StoppedError
