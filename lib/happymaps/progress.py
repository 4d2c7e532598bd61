"""Progress bars: shown to a person on long work, silent in batch."""

from tqdm import tqdm

from happymaps.paths import is_batch


def progress_bar(total: int, description: str, unit: str) -> tqdm:
    """Return a bar that appears once the work has lasted two seconds.

    Args:
        total: Number of units of work.
        description: Shown before the bar.
        unit: Name of one unit, e.g. `"step"`.
    """
    return tqdm(total=total, desc=description, unit=unit, delay=2, disable=is_batch())
