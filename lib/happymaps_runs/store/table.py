"""All runs of a store as one table."""

import json
from pathlib import Path

import pandas as pd

from happymaps_runs.store.run_store import RunStore

_ENDINGS = (".csv", ".parquet")


def read_table(store: RunStore) -> pd.DataFrame:
    """Return a row per run: what ran, how it went, all parameters, all numbers.

    A parameter keeps its name; a metric of the same name is `metric_<name>`. Lists and
    mappings are JSON text. The index is the key; the oldest run comes first.
    """
    rows = []
    for key, record in store.records():
        folder = store.folder(key)
        if record["status"] == "failed":
            folder = store.failed_folder(key)
        parameters = record.get("parameters") or {}
        metrics = _read(folder / "metrics.json")
        rows.append(
            {
                "key": key,
                "status": record["status"],
                "source": record.get("function") or record.get("notebook") or "",
                "started": record.get("started"),
                "seconds": record.get("seconds"),
                "error": _error(record),
            }
            | {name: _plain(value) for name, value in parameters.items()}
            | {
                f"metric_{n}" if n in parameters else n: _plain(value)
                for n, value in metrics.items()
            }
        )
    table = pd.DataFrame(rows, columns=None if rows else ["key", "started"])
    return table.set_index("key").sort_values("started", kind="stable")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV or Parquet, as the file's ending says.

    Raises:
        ValueError: Another ending.
    """
    if path.suffix not in _ENDINGS:
        raise ValueError(
            f"The table must be a file ending in {' or '.join(_ENDINGS)}. Received: "
            f"{str(path)!r}."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}")
    if path.suffix == ".csv":
        table.to_csv(partial)
    else:
        # Columns whose values differ in kind between notebooks have no type there.
        mixed = {c: str for c in table if table[c].dtype == object}
        table.astype(mixed).to_parquet(partial)
    partial.replace(path)


def _read(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _error(record: dict) -> str:
    error = record.get("error") or {}
    return ": ".join(filter(None, (error.get("kind"), error.get("message"))))


def _plain(value: object) -> object:
    return json.dumps(value) if isinstance(value, list | dict) else value
