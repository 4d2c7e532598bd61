"""Pictures beside a notebook, which its Markdown shows: they go with the run.

They become attachments of their cells, as if they had been pasted in, since the page is
made where the notebook's folder is not.
"""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

_KINDS = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
_MOST_BYTES = 5_000_000  # a page with more would not open
# ![text](file.png), ![text](<a file.png>), [name]: file.png, <img src="file.png">
_REFERENCES = (
    re.compile(r"!\[[^\]]*\]\(\s*(?:<([^>\n]+)>|([^\s)]+))"),
    re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)()", re.MULTILINE),
    re.compile(r"<img\b[^>]*?\bsrc\s*=\s*(?:[\"']([^\"']+)|([^\s\"'>]+))", re.I),
)


def find_pictures(content: Mapping, folder: Path) -> dict[str, Path]:
    """Return the files of pictures that a notebook's Markdown shows, by their names.

    Args:
        content: The notebook, each cell's `source` as one string.
        folder: The notebook's.

    Returns:
        Files that exist, at most 5 MB each; a name is the path as it is written.
    """
    found = {}
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            for name in _names(cell["source"]):
                path = folder / name
                if _is_picture(path) and not Path(name).is_absolute():
                    found[name] = path
    return found


def embed_pictures(notebook: Path, folder: Path) -> None:
    """Attach pictures to the Markdown cells that show them, in the notebook's file.

    Args:
        notebook: The file, which is changed.
        folder: Where the pictures lie.
    """
    content = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        cell["source"] = "".join(cell["source"])
    pictures = find_pictures(content, folder)
    if not pictures:
        return
    for cell in content["cells"]:
        if cell["cell_type"] != "markdown":
            continue
        for name in {*_names(cell["source"])} & pictures.keys():
            kind = _KINDS[pictures[name].suffix.lower()]
            data = base64.b64encode(pictures[name].read_bytes()).decode()
            cell.setdefault("attachments", {}).setdefault(name, {kind: data})
    text = json.dumps(content, indent=1, ensure_ascii=False)
    notebook.write_text(text + "\n", encoding="utf-8")


def _names(source: str) -> list[str]:
    return [
        unquote(match[1] or match[2])
        for pattern in _REFERENCES
        for match in pattern.finditer(source)
    ]


def _is_picture(path: Path) -> bool:
    try:
        is_small = path.is_file() and path.stat().st_size <= _MOST_BYTES
    except (OSError, ValueError):  # an address, or a name that no file can have
        return False
    return is_small and path.suffix.lower() in _KINDS
