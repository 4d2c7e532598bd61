"""JSON files that are whole or absent."""

import json
from pathlib import Path


def write_json(path: Path, content: object) -> None:
    """Write JSON under another name, then put it in place.

    Raises:
        ValueError: A number that is not finite, which JSON does not know.
    """
    partial = path.with_name(f".{path.name}")
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)
