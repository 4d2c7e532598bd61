"""A benchmark as printed tables and as a file."""

import dataclasses
import json
from pathlib import Path

import pandas as pd

from experiments.benchmarks.measures.benchmark import Benchmark

_DIGITS = 3


def run_benchmark(profile: str, out: Path | None = None) -> dict[str, object]:
    """Measure everything, print each table when it is done, and return all.

    Args:
        profile: `"quick"` or `"full"`.
        out: File for the numbers, as JSON; None for none.

    Returns:
        What the file holds: `settings`, and by the title of a table its rows.

    Raises:
        ValueError: Another profile, or a file that is not `.json`.
    """
    if out is not None and out.suffix != ".json":
        raise ValueError(
            f"The file for the numbers must end in .json. Received: {str(out)!r}."
        )
    with Benchmark(profile) as benchmark:
        found = {"settings": dataclasses.asdict(benchmark.settings)}
        for title, table in benchmark.tables():
            print(f"{title}\n{format_table(table)}\n", flush=True)
            found[title] = to_plain(table)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def format_table(table: pd.DataFrame | pd.Series) -> str:
    """Return a table as text, numbers with three significant digits."""
    if table.empty:
        return "not measured in this profile"
    frame = table.to_frame() if isinstance(table, pd.Series) else table
    text = frame.map(_format_value).to_string(header=isinstance(table, pd.DataFrame))
    return "\n".join(line.rstrip() for line in text.splitlines())


def to_plain(table: pd.DataFrame | pd.Series) -> object:
    """Return a table as JSON can hold it: a dict, or a list with a dict a row."""
    if isinstance(table, pd.Series):
        return json.loads(table.to_json())
    named = table.index.names != [None]
    return json.loads(
        (table.reset_index() if named else table).to_json(orient="records")
    )


def _format_value(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    if value and abs(value) < 10 ** (_DIGITS - 1):
        return f"{value:.{_DIGITS}g}"
    return f"{value:,.0f}"
