"""Progress bars: shown to a person on long work, silent in batch."""

import contextlib
import contextvars
from collections.abc import Iterator

from tqdm import tqdm

from happymaps.base.paths import is_batch

_HIDDEN = contextvars.ContextVar("bars hidden", default=False)  # of this thread


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
