"""Sweeps on the start page: `make_card(summary, folder) -> SweepCard`."""

import json
from dataclasses import dataclass
from urllib.parse import quote

from happymaps_pages.html.text import plain_name

SUMMARY = "summary.json"
_LABELS = {"completed": "done", "failed": "failed", "missing": "not run"}


@dataclass(frozen=True)
class SweepCard:
    """A sweep in a few words.

    Attributes:
        title: One line.
        folder: The address of its page's folder as seen from the start page.
        counts: How many runs are completed, failed and missing.
        axes: What varies, one line.
        created: ISO date, or empty.
        cover: The address of its picture, or empty.
        problem: Why it has no page, or empty.
    """

    title: str
    folder: str
    counts: dict[str, int]
    axes: str = ""
    created: str = ""
    cover: str = ""
    problem: str = ""

    @property
    def num_runs(self) -> int:
        """All runs, those to come too."""
        return sum(self.counts.values())

    @property
    def status(self) -> str:
        """`failed` or `missing` where any run is, else `done`; or `unreadable`."""
        if self.problem:
            return "unreadable"
        if self.counts.get("failed"):
            return "failed"
        return "missing" if self.counts.get("missing") else "done"

    @property
    def progress(self) -> str:
        """For example `173 of 180 done, 4 failed, 3 not run`."""
        rest = [
            f"{self.counts[name]} {_LABELS[name]}"
            for name in ("failed", "missing")
            if self.counts.get(name)
        ]
        done = f"{self.counts.get('completed', 0)} of {self.num_runs} done"
        return ", ".join([done, *rest])


def make_card(summary: bytes, folder: str) -> SweepCard:
    """Return the card of a sweep from the `summary.json` of its page.

    Args:
        summary: The file's content.
        folder: The page's folder as seen from the start page, with `/`.
    """
    content = json.loads(summary)
    counts = {name: content["counts"].get(name, 0) for name in _LABELS}
    address = quote(folder)
    return SweepCard(
        title=content["title"] or plain_name(folder.rsplit("/", 1)[-1]),
        folder=address,
        counts=counts,
        axes=content["axes"],
        created=content["created"],
        cover=f"{address}/{content['cover']}" if content["cover"] else "",
    )


def sort_cards(cards: list[SweepCard]) -> list[SweepCard]:
    """Return the newest first."""
    return sorted(cards, key=lambda card: card.created, reverse=True)
