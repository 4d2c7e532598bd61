"""What may be removed from a store."""

import json
import shutil

from happymaps_runs.store.run_store import RunStore


def choose_runs(store: RunStore, *, failed: bool, unused: bool) -> dict[str, str]:
    """Return the keys of runs to remove, each with the reason.

    Args:
        store: The store.
        failed: Failed and damaged runs.
        unused: Runs that no `sweeps/*/sweep.json` names.
    """
    chosen, named = {}, _named_keys(store)
    for key, record in store.records():
        if failed and record["status"] != "completed":
            chosen[key] = record["status"]
        elif unused and key not in named:
            chosen[key] = "in no sweep"
    return chosen


def clear_corrupt(store: RunStore) -> None:
    """Remove what was set aside as damaged."""
    shutil.rmtree(store.root / "corrupt", ignore_errors=True)


def _named_keys(store: RunStore) -> set[str]:
    named = set()
    for path in store.root.glob("sweeps/*/sweep.json"):
        for point in json.loads(path.read_text(encoding="utf-8"))["points"]:
            named |= {point["key"], point["page"]}
    return named
