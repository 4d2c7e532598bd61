"""The start page of the site: reports, sweeps, single runs, comparisons."""

from collections import Counter

from happymaps_pages.content.sections import Section
from happymaps_pages.content.sweep_cards import SweepCard
from happymaps_pages.html.body import COVER
from happymaps_pages.pages.templating import STATUS_LABELS, render_page


def write_gallery(
    sections: list[Section],
    sweeps: list[SweepCard],
    comparisons: list[tuple[str, str]],
) -> bytes:
    """Return the start page.

    Args:
        sections: Reports and single runs, in the order to show them.
        sweeps: The sweeps, in the order to show them.
        comparisons: Title and address of each, in the order to show them.
    """
    num_articles = sum(len(section.articles) for section in sections)
    return render_page(
        "gallery.html.j2",
        sections=sections,
        sweeps=sweeps,
        comparisons=comparisons,
        statuses=count_statuses(sections, sweeps),
        num_articles=num_articles,
        num_reports=sum(bool(section.collection.name) for section in sections),
        num_done=sum(section.num_done for section in sections),
        cover=COVER,
        root="",
    )


def count_statuses(
    sections: list[Section], sweeps: list[SweepCard]
) -> list[tuple[str, int]]:
    """Return how many cards have each status, only those that any has."""
    found = Counter(each.status for section in sections for each in section.articles)
    found.update(card.status for card in sweeps)
    return [(status, found[status]) for status in STATUS_LABELS if found[status]]
