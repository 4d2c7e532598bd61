"""The Jinja environment of the pages, which escapes every value that is no `Markup`."""

import posixpath
from functools import cache
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from happymaps_pages.content.article import Article
from happymaps_pages.html import text
from happymaps_pages.html.body import TEMPLATES

STATUS_LABELS = {
    "done": "done",
    "failed": "failed",
    "missing": "not run",
    "unreadable": "not readable",
}


def render_page(template: str, **context: object) -> bytes:
    """Return a page as UTF-8."""
    return _environment().get_template(template).render(context).encode()


def page_address(article: Article, start: str = ".") -> str:
    """Return the address of an article's page as seen from the folder `start`."""
    return file_address(article, "index.html", start)


def file_address(article: Article, name: str, start: str = ".") -> str:
    """Return the address of a file in the run's folder as seen from `start`."""
    return quote(posixpath.relpath(f"{article.run.path}/{name}", start))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "date": text.format_date,
        "duration": text.format_duration,
        "shape": text.format_shape,
        "plain": text.plain_name,
        "value": text.format_value,
        "size": text.format_size,
    }
    environment.globals |= {
        "status_labels": STATUS_LABELS,
        "page_address": page_address,
        "file_address": file_address,
    }
    return environment
