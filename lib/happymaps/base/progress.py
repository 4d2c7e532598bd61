"""Progress bars: shown to a person on long work, silent in batch."""

import contextlib
import contextvars
import time
from collections.abc import Callable, Iterator

from tqdm import tqdm

from happymaps.base.paths import is_batch

_HIDDEN = contextvars.ContextVar("bars hidden", default=False)  # of this thread
_WHOLE = contextvars.ContextVar("bar of work in many parts", default=None)


@contextlib.contextmanager
def bars_hidden() -> Iterator[None]:
    """Hide the bars of this thread, where progress is told in another way."""
    token = _HIDDEN.set(True)
    try:
        yield
    finally:
        _HIDDEN.reset(token)


def progress_bar(total: int, description: str, unit: str) -> tqdm:
    """Return a bar that appears once the work has lasted two seconds.

    It is gone when the work is done: a notebook's output is what was found.

    Args:
        total: Number of units of work.
        description: Shown before the bar.
        unit: Name of one unit, e.g. `"step"`.
    """
    hidden = is_batch() or _HIDDEN.get()
    return tqdm(
        total=total, desc=description, unit=unit, delay=2, disable=hidden, leave=False
    )


class WholeBar:
    """One bar, with the time that is left, for work of many parts.

    Args:
        total: All that will be worked.
    """

    def __init__(self, total: float) -> None:
        # The speed is that of all that is done: parts differ too much for the last.
        self._started = time.monotonic()
        self._bar = tqdm(
            total=total, disable=is_batch() or _HIDDEN.get(), delay=2, leave=False,
            smoothing=0, mininterval=0.5,
            bar_format="{percentage:3.0f}%|{bar:30}| {elapsed}, {remaining} left",
        )  # fmt: skip

    def update(self, amount: float) -> None:
        """Go on, but not beyond the end: the total is an estimate."""
        self._bar.update(max(0.0, min(amount, self._bar.total - self._bar.n)))

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._started

    def reach(self, place: float, tell: Callable[[str], None], name: str) -> None:
        """Go to where a part begins, and tell of it by name."""
        self.update(place - self._bar.n)
        self._bar.clear()
        tell(name)


@contextlib.contextmanager
def whole_bar(total: float) -> Iterator[WholeBar]:
    """Show one bar, moved by `worked`, in the place of those of all parts."""
    bar = WholeBar(total)
    token = _WHOLE.set(bar)
    try:
        with bars_hidden():
            yield bar
    finally:
        _WHOLE.reset(token)
        bar._bar.close()


def worked(amount: float) -> None:
    """Say that so much of the whole is done; without a bar for the whole, nothing."""
    meter()(amount)


def meter() -> Callable[[float], None]:
    """Return `worked` for other threads."""
    bar = _WHOLE.get()
    return bar.update if bar else lambda amount: None
