"""What the scripts of a page are told: JSON inside the page."""

import json
import math

import numpy as np
from markupsafe import Markup

from happymaps_pages.content.sweep_data import SweepData

_DIGITS = 4


def embed_json(value: object) -> Markup:
    """Return JSON that may stand in a `script` element, whatever texts it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def round_numbers(values: np.ndarray) -> list[float | None]:
    """Return numbers with four significant digits, None where there is none."""
    return [
        float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
        for value in values.ravel().tolist()
    ]


def script_data(data: SweepData, rows: str, columns: str, maps: dict | None) -> dict:
    """Return what the page's script is told of a sweep, see `sweep_data` for the order.

    Args:
        data: The sweep.
        rows: The axis in rows at first, `unit` or none.
        columns: The same for columns.
        maps: Where each map lies, None where there is none.
    """
    axes = [
        {"name": axis.name, "label": axis.label, "texts": axis.texts}
        for axis in data.axes
    ]
    return {
        "axes": axes,
        "units": data.num_units,
        "rows": rows,
        "columns": columns,
        "statuses": "".join(status[0] for status in data.statuses),
        "keys": data.keys,
        "measures": [
            {
                "name": each.name,
                "label": each.label,
                "perUnit": len(each.values) > 1,
                "values": round_numbers(each.values),
            }
            for each in data.measures
        ],
        "notes": [
            {"label": label, **_encode_texts(values)}
            for label, values in data.notes.items()
        ],
        "indices": _encode_indices(data.indices),
        "maps": maps,
    }


def _encode_texts(values: np.ndarray) -> dict[str, object]:
    names, codes = np.unique(values.astype(str), return_inverse=True)
    return {
        "perUnit": len(values) > 1,
        "names": names.tolist(),
        "codes": codes.ravel().tolist(),
    }


def _encode_indices(indices: np.ndarray | None) -> list | None:
    if indices is None:
        return None
    return [
        (int(each) if each == each else None)
        if isinstance(each, int | float)
        else str(each)
        for each in indices.ravel().tolist()
    ]
