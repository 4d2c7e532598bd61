"""The page of one run: `write_article(section, article) -> bytes`."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from bs4 import BeautifulSoup
from markupsafe import Markup

from happymaps_pages.content.article import Article
from happymaps_pages.content.sections import Section
from happymaps_pages.content.sweep_cards import SweepCard
from happymaps_pages.html.text import (
    format_duration,
    format_moment,
    format_shape,
    plain_name,
)
from happymaps_pages.pages.templating import page_address, render_page

_DOWNLOADS = (
    "notebook.ipynb",
    "metrics.json",
    "answer.json",
    "run.json",
    "*.nc",
    "*.log",
)
_OUTSIDE = re.compile(r"(https?|mailto):", re.IGNORECASE)


def write_article(
    section: Section, article: Article, sweeps: Sequence[SweepCard] = ()
) -> bytes:
    """Return the page of `article`, which is one of `section.pages`.

    Args:
        section: The collection that it belongs to.
        article: The run.
        sweeps: Those that the run is part of.
    """
    pages = section.pages
    position = pages.index(article)
    return render_page(
        "article.html.j2",
        article=article,
        section=section,
        sweeps=sweeps,
        position=position + 1,
        previous=pages[position - 1] if position else None,
        following=pages[position + 1] if position + 1 < len(pages) else None,
        facts=_facts(section, article),
        provenance=_provenance(article),
        downloads=_downloads(article),
        body=_finish_body(article, pages),
        root="../" * len(PurePosixPath(article.run.path).parts),
    )


def _facts(section: Section, article: Article) -> list[tuple[str, str]]:
    collection, run = section.collection.record, article.run.record
    values = {each.name: each.value for each in article.parameters}
    named = {
        name: collection.get(name) or values.get(name) or ""
        for name in ("dataset", "model", "profile")
    }
    facts = [
        ("Run on", format_moment(run.get("started"))),
        ("Duration", format_duration(run.get("seconds"))),
        ("Data set", plain_name(named["dataset"])),
        ("Network", plain_name(named["model"])),
        ("Images", format_shape(collection.get("image_size"))),
        ("Profile", plain_name(named["profile"])),
    ]
    return [(label, value) for label, value in facts if value]


def _provenance(article: Article) -> list[tuple[str, str]]:
    """Return where the run comes from, nested records as `name value` pairs."""
    shown = []
    for name in ("notebook", "commit", "machine", "versions"):
        value = article.run.record.get(name)
        if name == "commit" and isinstance(value, dict):
            changed = ", with local changes" if value.get("dirty") else ""
            value = f"{value.get('revision', 'unknown')}{changed}"
        if isinstance(value, dict):
            value = ", ".join(f"{key} {item}" for key, item in value.items() if item)
        if value:
            shown.append((name.capitalize(), str(value)))
    return shown


def _downloads(article: Article) -> list[tuple[str, int]]:
    folder = article.run.folder
    present = [path for name in _DOWNLOADS for path in sorted(folder.glob(name))]
    return [(path.name, path.stat().st_size) for path in present]


def _finish_body(article: Article, pages: tuple[Article, ...]) -> Markup:
    soup = BeautifulSoup(article.body.html, "html.parser")
    _mend_links(soup, article, pages)
    _date_conclusion(soup, article)
    return Markup(str(soup))


def _date_conclusion(soup: BeautifulSoup, article: Article) -> None:
    """Say which run the conclusion is about: prose does not change with the run."""
    defaults = {each.name: each.default for each in article.parameters}
    is_drawn = defaults.get("dataset") == "synthetic_faces"
    about = " (drawn faces, quick profile)" if is_drawn else ""
    rest = "not about this one"
    if article.answer_is_computed:
        rest = "this run's answer is at the top"
    for heading in soup.select("section.conclusion > h2"):
        note = soup.new_tag("p", attrs={"class": "conclusion-note"})
        note.string = f"Written about the committed run{about}; {rest}."
        heading.insert_after(note)


def _mend_links(
    soup: BeautifulSoup, article: Article, pages: tuple[Article, ...]
) -> None:
    """Make links lead somewhere.

    A link to another notebook leads to its page in this collection, and there to the
    heading that it names. A link to a file that the site does not hold keeps its text
    only.
    """
    start = article.run.path
    named = {page.run.stem: page for page in pages}
    anchors = {tag["id"] for tag in soup.select("[id]")}
    for link in soup.select("a[href]"):
        address = unquote(str(link["href"]))
        name, mark, anchor = address.partition("#")
        path = Path(name)
        if _OUTSIDE.match(address):
            link["rel"] = "noopener noreferrer"
        elif path.suffix == ".ipynb" and path.stem in named:
            page = named[path.stem]
            is_there = anchor in {each.anchor for each in page.body.contents}
            link["href"] = page_address(page, start) + (mark + anchor) * is_there
        elif not _is_within(article, address, anchors):
            link.unwrap()


def _is_within(article: Article, address: str, anchors: set[str]) -> bool:
    if address.startswith("#"):
        return address[1:] in anchors
    name = address.partition("#")[0]
    inside = (article.run.folder / name).resolve().is_relative_to(article.run.root)
    known = name in article.body.files or (article.run.folder / name).is_file()
    return inside and known
