"""Tables of numbers from CSV files, with the column that is to be told."""

from pathlib import Path

import numpy as np
import pandas as pd

from happymaps.base.messages import unknown_name

_SHOWN = 6


def read_table(path: str | Path, target: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the columns of a CSV file but for one, float32, and that one.

    Args:
        path: Of a file with the names of its columns in the first line, UTF-8.
        target: Name of the column that is to be told from the others. Numbers, truth
            values or text.

    Raises:
        ValueError: No such file or target, a file that is no table, columns of text,
            or cells that are empty.
    """
    try:
        table = pd.read_csv(path, encoding="utf-8-sig")
    except FileNotFoundError:
        raise ValueError(
            f"Expected a CSV file. Received: {str(path)!r}, which does not exist."
        ) from None
    except IsADirectoryError:
        raise ValueError(
            f"Expected a CSV file. Received: {str(path)!r}, which is a folder."
        ) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as e:
        raise ValueError(
            f"Expected a CSV file, with the names of its columns first. Received: "
            f"{str(path)!r}, which cannot be read as one ({str(e).splitlines()[0]})."
        ) from None
    if target not in table.columns:
        hint = ""
        if len(table.columns) == 1 and any(c in table.columns[0] for c in ";\t"):
            hint = " Its columns are parted by other signs than commas: save it again."
        raise ValueError(unknown_name("target", target, table.columns) + hint)
    _check_cells(table)
    columns = table.drop(columns=target)
    _check_numbers(columns)
    return columns.astype(np.float32), table[target].to_numpy()


def _check_cells(table: pd.DataFrame) -> None:
    missing = table.isna().sum()
    missing = missing[missing > 0]
    if len(missing):
        rows = int(table.isna().any(axis=1).sum())
        raise ValueError(
            f"Expected a value in each cell. Received: {rows} of {len(table)} rows "
            f"with empty ones, in {_listed(missing.index)}. Fill them as in training, "
            "or leave these rows out."
        )


def _check_numbers(columns: pd.DataFrame) -> None:
    kinds = columns.dtypes
    text = [
        name
        for name in columns
        if not (
            pd.api.types.is_numeric_dtype(kinds[name])
            or pd.api.types.is_bool_dtype(kinds[name])
        )
    ]
    if text:
        example = columns[text[0]].iloc[0]
        raise ValueError(
            f"Expected numbers in all columns but the target. Received: text in "
            f"{_listed(text)}, such as {example!r}. Code it as the network takes it, "
            "or leave the column out."
        )


def _listed(names) -> str:
    names = list(map(str, names))
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
