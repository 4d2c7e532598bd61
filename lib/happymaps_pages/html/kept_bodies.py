"""Rendered notebooks, kept from one build of a site to the next.

Rendering takes most of a build. What it makes of a notebook depends on the notebook and
on the code of the pages, and lies in `_assets/bodies/` under a name made of both; the
pictures lie beside the run's page.
"""

import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import re
from pathlib import Path

from markupsafe import Markup
from nbformat import NotebookNode

from happymaps_pages.content.runs import Run, read_json
from happymaps_pages.html.body import Body, Heading, make_renderer

_PICTURE = re.compile(r"figures/[\w-][\w.-]*")
_RENDERERS = ("nbconvert", "mistune", "pygments", "pillow", "beautifulsoup4")


class KeptBodies:
    """Renders notebooks that no earlier build of the site has rendered.

    Args:
        root: The site's folder.
        maker: What the code of the pages is known by.

    Attributes:
        files: What belongs into the site so that the next build finds it.
    """

    def __init__(self, root: Path, maker: str) -> None:
        self._root, self._maker = root, maker
        self._render = functools.cache(make_renderer)
        self.files: dict[str, bytes] = {}

    def __call__(self, run: Run, notebook: NotebookNode) -> Body:
        """Return the body of a run's notebook."""
        name = self._name(run)
        kept = read_json(self._root / name)
        body = _read_body(kept, run.folder) or self._render()(notebook)
        self.files[name] = _write_body(body)
        return body

    def _name(self, run: Run) -> str:
        content = run.record["artefact_sha256"]["notebook.ipynb"]
        parts = [self._maker, content, *map(importlib.metadata.version, _RENDERERS)]
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        return f"_assets/bodies/{digest[:20]}.json"


def _write_body(body: Body) -> bytes:
    content = dataclasses.asdict(body) | {"files": sorted(body.files)}
    return json.dumps(content, ensure_ascii=False).encode()


def _read_body(kept: dict, folder: Path) -> Body | None:
    try:
        # What lies in the site may come from somebody else.
        if not all(map(_PICTURE.fullmatch, kept["files"])):
            return None
        return Body(
            html=Markup(kept["html"]),
            contents=tuple(Heading(**each) for each in kept["contents"]),
            files={name: (folder / name).read_bytes() for name in kept["files"]},
            cover_text=kept["cover_text"],
        )
    except (KeyError, TypeError, OSError):
        return None
