"""What may be removed from a store."""

import shutil

from happymaps_runs.store.lists import named_keys
from happymaps_runs.store.run_store import RunStore


def choose_runs(
    store: RunStore, *, failed: bool, unused: bool
) -> dict[tuple[str, str], str]:
    """Return key and status of the runs to remove, each with the reason.

    A key can have a completed run and a failed one, of a later call.

    Args:
        store: The store.
        failed: Failed and damaged runs.
        unused: Runs that no report and no sweep names.
    """
    chosen, named = {}, named_keys(store)
    for key, record in store.records():
        status = record["status"]
        if failed and status != "completed":
            chosen[key, status] = status
        elif unused and key not in named:
            chosen[key, status] = "in no report and no sweep"
    return chosen


def clear_corrupt(store: RunStore) -> None:
    """Remove what was set aside as damaged."""
    shutil.rmtree(store.root / "corrupt", ignore_errors=True)
