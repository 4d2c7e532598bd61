"""Style sheets, scripts and fonts that the pages share."""

import base64
import re
from pathlib import Path

_STATIC = Path(__file__).parent / "static"
_FONT = re.compile(rb"url\((fonts/[\w-]+\.woff2)\) format\(\"woff2\"\)")
_OTHER_FORMATS = re.compile(rb",url\(fonts/[\w-]+\.(?:woff|ttf)\) format\(\"\w+\"\)")


def asset_files() -> dict[str, bytes]:
    """Return style sheets, scripts and KaTeX, by path below the site's folder."""
    files = {}
    for path in sorted(_STATIC.rglob("*")):
        if path.is_file() and path.suffix != ".woff2":
            name = path.relative_to(_STATIC).as_posix()
            files[f"_assets/{name}"] = path.read_bytes()
    style = "_assets/katex/katex.min.css"
    files[style] = _embed_fonts(files[style], _STATIC / "katex")
    return files


def _embed_fonts(style: bytes, folder: Path) -> bytes:
    """Return a style sheet with its fonts inside.

    Some browsers refuse font files to a page that was opened from a folder.
    """

    def embed(match: re.Match) -> bytes:
        data = base64.b64encode((folder / match.group(1).decode()).read_bytes())
        return b'url(data:font/woff2;base64,%s) format("woff2")' % data

    return _FONT.sub(embed, _OTHER_FORMATS.sub(b"", style))
