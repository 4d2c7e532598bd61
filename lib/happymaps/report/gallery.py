"""The start page of the site: `write_gallery(sections) -> bytes`."""

from happymaps.report.article import COVER
from happymaps.report.sections import Section
from happymaps.report.templating import render_page


def write_gallery(sections: list[Section]) -> bytes:
    """Return the page that lists every run of every collection.

    Args:
        sections: The collections, in the order to show them.
    """
    num_articles = sum(len(section.articles) for section in sections)
    return render_page(
        "gallery.html.j2",
        sections=sections,
        num_articles=num_articles,
        num_done=sum(section.num_done for section in sections),
        cover=COVER,
        root="",
    )
