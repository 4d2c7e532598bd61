"""Work in a thread of its own: the latest request counts, a newer one stops it."""

import atexit
import threading
import time
from collections.abc import Callable

_SECONDS_TO_STOP = 10.0


class StopError(Exception):
    """Raised within work that is no longer wanted."""


class Worker:
    """Does what was asked for last, once nothing else was asked for `delay` seconds.

    The thread lives as long as there is work. All methods may be called from any
    thread.

    Args:
        work: A function of a request and of a `threading.Event`, which is set when the
            request is no longer wanted. It must not raise.
        delay: Seconds.
    """

    def __init__(
        self, work: Callable[[object, threading.Event], None], *, delay: float = 0.25
    ) -> None:
        self._work = work
        self._delay = delay
        self._changed = threading.Condition()
        self._pending: tuple[object, float] | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something runs or is about to."""
        with self._changed:
            return self._thread is not None

    def request(self, value: object) -> None:
        """Stop what runs, and do this instead."""
        with self._changed:
            self._stop.set()
            self._pending = (value, time.monotonic() + self._delay)
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="happymaps explorer", daemon=True
                )
                # TensorFlow must not be at work while the process is taken down.
                atexit.register(self._leave)
                self._thread.start()

    def cancel(self) -> None:
        """Stop what runs, and do nothing instead."""
        with self._changed:
            self._stop.set()
            self._pending = None
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Return whether all is done, after at most so many seconds; None for ever."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, timeout)

    def _leave(self) -> None:
        self.cancel()
        self.wait(_SECONDS_TO_STOP)

    def _run(self) -> None:
        try:
            while (job := self._next()) is not None:
                self._work(*job)
        finally:
            with self._changed:
                if self._thread is threading.current_thread():
                    self._finish()

    def _next(self) -> tuple[object, threading.Event] | None:
        with self._changed:
            while self._pending is not None:
                value, due = self._pending
                left = due - time.monotonic()
                if left <= 0:
                    self._pending, self._stop = None, threading.Event()
                    return value, self._stop
                self._changed.wait(left)
            self._finish()
            return None

    def _finish(self) -> None:
        self._thread = None
        atexit.unregister(self._leave)
        self._changed.notify_all()
