"""What a notebook hands to the report: numbers, an answer in words, maps.

In a batch run the files lie in the folder of the run (`paths.run_folder()`); anywhere
else nothing is written, and the notebook shows the same.
"""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from happymaps.base import paths
from happymaps_runs.json_files import write_json
from happymaps_runs.netcdf import check_dataset, write_dataset

if TYPE_CHECKING:
    import xarray as xr

_MOST_WORDS = 15  # of a headline
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def record_metrics(**metrics: object) -> pd.Series:
    """Note the numbers that the notebook is about, and return them for display.

    Several calls add up; a name given again takes the later value. A value that is not
    finite becomes null in the file, since JSON knows no other way.

    Args:
        **metrics: int, float, bool, str, None, numpy scalars or arrays, or lists and
            dicts of those.

    Returns:
        The values, by name; those of a dict by `name.key`.

    Raises:
        ValueError: A value of another kind.
    """
    plain = {name: _to_plain(name, value) for name, value in metrics.items()}
    folder = paths.run_folder()
    if folder is not None:
        path = folder / "metrics.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        write_json(path, known | _without_nan(plain))
    return pd.Series(_flatten(plain), name="value", dtype=object)


def record_answer(
    headline: str, details: str, *, number: tuple[str, object] | None = None
) -> None:
    """Note the answer of the notebook and print it: a headline, and its numbers.

    Args:
        headline: What was found, in one sentence of at most 15 words and at most one
            number, chosen by what was measured.
        details: The numbers, in one sentence or two.
        number: Label and value of the one number that the start page of the report
            shows for this notebook. A float in [0, 1] whose label holds "accuracy" or
            "share" is shown as per cent, another with 3 significant digits. A value
            that is not finite becomes null, and the report leaves it out.

    Raises:
        ValueError: A text that is no string, or blank; a headline that is longer; or a
            number that is no pair of a label and an int, float, text or numpy scalar.
    """
    for text in (headline, details):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(
                "Headline and details must be sentences. Received: "
                f"{text!r}. Say what was found."
            )
    _check_length(headline)
    content = {"headline": headline, "details": details}
    if number is not None:
        content["number"] = _without_nan(_check_number(number))
    folder = paths.run_folder()
    if folder is not None:
        write_json(folder / "answer.json", content)
    print(f"{headline}\n{details}")


def record_maps(dataset: "xr.Dataset", name: str = "maps") -> Path | None:
    """Keep maps as `<name>.nc` (NetCDF 4, compressed) in the folder of the run.

    Args:
        dataset: What `maximize()` or an attribution returned. Attributes that NetCDF
            does not know (bool, None, dict) are stored as JSON text.
        name: File name without ending: letters, digits, `_`, `-`.

    Returns:
        The file's path, or None outside a batch run.

    Raises:
        ValueError: Not a file name, or not an `xarray.Dataset`.
    """
    if not _FILE_NAME.fullmatch(name):
        raise ValueError(
            "name must be of letters, digits, '_' and '-' (at most 64). "
            f"Received: {name!r}. Leave out folder and ending."
        )
    check_dataset(dataset)
    folder = paths.run_folder()
    if folder is None:
        return None
    path = folder / f"{name}.nc"
    write_dataset(dataset, path)
    return path


def _check_length(headline: str) -> None:
    words, numbers = headline.split(), _NUMBER.findall(headline)
    if len(words) > _MOST_WORDS or len(numbers) > 1:
        raise ValueError(
            f"A headline must have at most {_MOST_WORDS} words and one number. "
            f"Received: {len(words)} and {len(numbers)} in {headline!r}. Say the one "
            "thing that a reader should keep; the rest belongs to the details."
        )


def _check_number(number: object) -> dict:
    pair = number if isinstance(number, tuple | list) else ()
    label, value = pair if len(pair) == 2 else (None, None)
    value = value.tolist() if hasattr(value, "tolist") else value
    is_scalar = isinstance(value, int | float | str) and not isinstance(value, bool)
    is_blank = isinstance(value, str) and not value.strip()
    if not (isinstance(label, str) and label.strip() and is_scalar and not is_blank):
        raise ValueError(
            "number must be (label, value): a text that is not blank, and an int, "
            f"float or text. Received: {number!r}. For example "
            "number=('balanced accuracy, new people', 0.91)."
        )
    return {"label": label.strip(), "value": value}


def _to_plain(name: str, value: object) -> object:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _to_plain(f"{name}.{key}", v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(name, v) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(
        f"Metric {name!r} must be a number, a text, or a list or dict of those. "
        f"Received: {type(value).__name__}. Convert it, or keep arrays of maps with "
        "record_maps()."
    )


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nan(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _flatten(metrics: dict, prefix: str = "") -> dict:
    flat = {}
    for key, value in metrics.items():
        nested = isinstance(value, dict)
        flat |= _flatten(value, f"{prefix}{key}.") if nested else {prefix + key: value}
    return flat
