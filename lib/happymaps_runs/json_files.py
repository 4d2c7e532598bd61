"""JSON files that are whole or absent."""

import json
import secrets
from pathlib import Path


def write_json(path: Path, content: object) -> None:
    """Write JSON under another name, then put it in place.

    Raises:
        ValueError: A number that is not finite, which JSON does not know.
    """
    # Another process may write the same file at the same time.
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)
