"""Sweeps on a start page: `find_sweep_cards(root) -> [SweepCard, ...]`."""

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from happymaps_pages.content.runs import STORE, read_json
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
    """

    title: str
    folder: str
    counts: dict[str, int]
    axes: str = ""
    created: str = ""
    cover: str = ""

    @property
    def num_runs(self) -> int:
        """All runs, those to come too."""
        return sum(self.counts.values())

    @property
    def status(self) -> str:
        """`failed` or `missing` where any run is, else `done`."""
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


def find_sweep_cards(root: Path) -> list[SweepCard]:
    """Return the sweeps that have a page in stores directly below `root`, newest first.

    Args:
        root: The site's folder.
    """
    pages = [
        page
        for store in sorted(root.glob(f"*/{STORE}"))
        for page in sorted(store.parent.glob("sweeps/*/index.html"))
    ]
    cards = [_read_card(root, page.parent) for page in pages]
    return sort_cards(cards)


def make_card(summary: bytes, folder: str) -> SweepCard:
    """Return the card of a sweep from the `summary.json` of its page.

    Args:
        summary: The file's content.
        folder: The page's folder as seen from the start page, with `/`.
    """
    return _make_card(json.loads(summary), {}, folder)


def sort_cards(cards: list[SweepCard]) -> list[SweepCard]:
    """Return the newest first."""
    return sorted(cards, key=lambda card: card.created, reverse=True)


def _read_card(root: Path, folder: Path) -> SweepCard:
    summary, _ = read_json(folder / SUMMARY)
    record, _ = read_json(folder / "sweep.json")
    return _make_card(summary, record, folder.relative_to(root).as_posix())


def _make_card(summary: dict, record: dict, folder: str) -> SweepCard:
    counts = summary.get("counts")
    counts = counts if isinstance(counts, dict) else {}
    known = {k: counts[k] for k in _LABELS if isinstance(counts.get(k), int)}
    name = folder.rsplit("/", 1)[-1]
    title = record.get("title") or summary.get("title") or plain_name(name)
    created = summary.get("created") or record.get("created") or ""
    address = quote(folder)
    return SweepCard(
        title=str(title),
        folder=address,
        counts=known,
        axes=str(summary.get("axes") or ""),
        created=str(created),
        cover=f"{address}/cover.webp" if summary.get("cover") else "",
    )
