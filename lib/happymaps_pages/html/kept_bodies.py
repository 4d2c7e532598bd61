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
from collections.abc import Iterator, Mapping, Sequence
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
        kept: The names of such files that an earlier build has written.
    """

    def __init__(self, root: Path, maker: str) -> None:
        self._root, self._maker = root, maker
        self._render = functools.cache(make_renderer)
        self._versions = tuple(map(importlib.metadata.version, _RENDERERS))
        self.files: dict[str, bytes] = {}
        self.kept: set[str] = set()

    def __call__(self, run: Run, notebook: NotebookNode) -> Body:
        """Return the body of a run's notebook."""
        name = self._name(run)
        body = _read_body(read_json(self._root / name), run.folder)
        if body:
            self.kept.add(name)
        else:
            body = self._render()(notebook)
            self.files[name] = _write_body(body)
        return body

    def _name(self, run: Run) -> str:
        content = run.record["artefact_sha256"]["notebook.ipynb"]
        parts = "\0".join([self._maker, content, *self._versions])
        digest = hashlib.sha256(parts.encode()).hexdigest()
        return f"_assets/bodies/{digest[:20]}.json"


def _write_body(body: Body) -> bytes:
    content = dataclasses.asdict(body) | {"files": sorted(body.files)}
    return json.dumps(content, ensure_ascii=False).encode()


class _Pictures(Mapping):
    """Files beside a run's page, read when they are asked for."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._paths = {name: folder / name for name in names}
        for path in self._paths.values():
            path.stat()

    def __getitem__(self, name: str) -> bytes:
        return self._paths[name].read_bytes()

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _read_body(kept: dict, folder: Path) -> Body | None:
    try:
        # What lies in the site may come from somebody else.
        if not all(map(_PICTURE.fullmatch, kept["files"])):
            return None
        return Body(
            html=Markup(kept["html"]),
            contents=tuple(Heading(**each) for each in kept["contents"]),
            files=_Pictures(folder, kept["files"]),
            cover_text=kept["cover_text"],
        )
    except (KeyError, TypeError, OSError):
        return None
