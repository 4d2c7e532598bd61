"""The whole site: every run a page, every collection a section of the start page.

`build_site(root) -> root/index.html`. Only reads what the runs left behind; never
imports Keras or TensorFlow.
"""

import base64
import re
from pathlib import Path

from happymaps.report.article import read_article
from happymaps.report.article_page import write_article
from happymaps.report.body import make_renderer
from happymaps.report.gallery import write_gallery
from happymaps.report.publish import publish_files
from happymaps.report.runs import find_collections
from happymaps.report.sections import Section

_STATIC = Path(__file__).parent / "static"
_FONT = re.compile(rb"url\((fonts/[\w-]+\.woff2)\) format\(\"woff2\"\)")
_OTHER_FORMATS = re.compile(rb",url\(fonts/[\w-]+\.(?:woff|ttf)\) format\(\"\w+\"\)")


def build_site(root: Path) -> Path:
    """Build the site of all runs below a folder, in that folder.

    Pages of runs that are gone are removed; everything else in the folder stays as it
    is. A run that cannot be read is listed with the reason.

    Args:
        root: The folder the runner writes to, created when it is absent.

    Returns:
        The start page.
    """
    root = Path(root).resolve()
    root.mkdir(parents=True, exist_ok=True)
    sections = _read_sections(root)
    files = _asset_files()
    for section in sections:
        for article in section.pages:
            path = article.run.path
            files[f"{path}/index.html"] = write_article(section, article)
            files |= {f"{path}/{k}": data for k, data in article.body.files.items()}
    files["index.html"] = write_gallery(sections)
    publish_files(root, files)
    return root / "index.html"


def _read_sections(root: Path) -> list[Section]:
    render = make_renderer()
    return [
        Section(each, tuple(read_article(run, render) for run in each.runs))
        for each in find_collections(root)
    ]


def _asset_files() -> dict[str, bytes]:
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
