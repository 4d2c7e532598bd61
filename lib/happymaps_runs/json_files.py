"""JSON files that are whole or absent."""

import json
import re
import secrets
from pathlib import Path

_HALF = re.compile("[\ud800-\udfff]")


def write_json(path: Path, content: object) -> None:
    """Write JSON under another name, then put it in place.

    Raises:
        ValueError: A number that is not finite, which JSON does not know.
    """
    # Another process may write the same file at the same time.
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    # In the place of each byte of a file's name that is not UTF-8.
    text = _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)
