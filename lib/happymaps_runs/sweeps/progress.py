"""What a person sees of a sweep under way: counts, time left, a line per failure."""

import sys
import time

from tqdm import tqdm

from happymaps_runs.store.run_store import RunStore
from happymaps_runs.sweeps.sweep_file import Sweep
from happymaps_runs.sweeps.tasks import Result

_SECONDS_BETWEEN_LINES = 10


class Progress:
    """Counts points, on a bar where there is a terminal, else in lines now and then.

    Args:
        sweep: The sweep.
        store: Tells where to look.
        remaining: How many points are to be run.

    Attributes:
        completed: Points that have completed.
        failed: Points that have failed.
        busy_seconds: What the runs took, added up.
    """

    def __init__(self, sweep: Sweep, store: RunStore, remaining: int) -> None:
        self.completed, self.failed, self.busy_seconds = 0, 0, 0.0
        self._labels = {point.key: point.label for point in sweep.points}
        self._store, self._total, self._workers = store, remaining, 1
        self._started = self._last = time.monotonic()
        self._bar = tqdm(
            total=remaining, unit="run", disable=not sys.stderr.isatty(), leave=False
        )

    def tell_workers(self, workers: int) -> None:
        """Note how many workers there are."""
        self._workers = workers

    def count(self, key: str, result: Result) -> None:
        """Count a point, and say where to look if it failed."""
        self.busy_seconds += result.seconds
        if result.status == "completed":
            self.completed += 1
        else:
            self.failed += 1
            where = self._store.failed_folder(key)
            self._write(f"failed: {self._labels[key]}: {result.error} See {where}.")
        self._bar.set_postfix_str(self._counts())
        self._bar.update()
        passed = time.monotonic() - self._last
        if self._bar.disable and passed > _SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            self._write(f"{self._counts()}, {self._time_left()} left")

    def close(self) -> None:
        """Remove the bar."""
        self._bar.close()

    @property
    def remaining(self) -> int:
        """How many points have neither completed nor failed."""
        return self._total - self.completed - self.failed

    def _counts(self) -> str:
        running = min(self._workers, self.remaining)
        return (
            f"{self.completed} done, {running} running, {self.failed} failed, "
            f"{self.remaining - running} remaining"
        )

    def _time_left(self) -> str:
        elapsed = time.monotonic() - self._started
        return tqdm.format_interval(
            elapsed / (self.completed + self.failed) * self.remaining
        )

    def _write(self, line: str) -> None:
        tqdm.write(line, file=sys.stderr)
