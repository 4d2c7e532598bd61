"""Messages between two processes: a line of JSON, then arrays as an .npz.

No pickle on either side: what comes from another process is data, never code.
"""

import io
import json
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np


def write_frame(
    stream: BinaryIO, fields: Mapping[str, object], arrays: Mapping[str, np.ndarray]
) -> None:
    """Write one message to a binary stream.

    Args:
        stream: E.g. a pipe.
        fields: What JSON can hold.
        arrays: By name, numbers only.
    """
    packed = io.BytesIO()
    if arrays:
        np.savez(packed, **arrays)
    payload = packed.getvalue()
    header = json.dumps({"fields": dict(fields), "size": len(payload)})
    stream.write(header.encode() + b"\n" + payload)
    stream.flush()


def read_frame(
    stream: BinaryIO,
) -> tuple[dict[str, object], dict[str, np.ndarray]] | None:
    """Return the fields and arrays of the next message, None at the stream's end."""
    line = stream.readline()
    if not line:
        return None
    header = json.loads(line)
    payload = stream.read(header["size"])
    if len(payload) < header["size"]:
        return None
    if not payload:
        return header["fields"], {}
    with np.load(io.BytesIO(payload)) as found:
        return header["fields"], dict(found)
