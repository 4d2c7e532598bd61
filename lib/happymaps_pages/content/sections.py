"""A collection with its articles: what the gallery and the articles' pages share."""

import re
from dataclasses import dataclass

from happymaps_pages.content.article import Article
from happymaps_pages.content.metrics import Metric
from happymaps_pages.content.runs import Collection
from happymaps_pages.html.text import plain_name

_USUAL_NAMES = ("balanced_accuracy", "accuracy")
_NUM_TOLD = 5
_NUM_GUESSED = 4


@dataclass(frozen=True)
class Section:
    """A collection with its articles, in reading order."""

    collection: Collection
    articles: tuple[Article, ...]

    @property
    def title(self) -> str:
        """For example `synthetic faces · quick profile`."""
        record = self.collection.record
        if self.collection.is_sweep:
            return str(record.get("title") or plain_name(self.collection.name))
        profile = record.get("profile")
        parts = [
            plain_name(record.get("dataset") or self.collection.name),
            f"{plain_name(profile)} profile" if profile else "",
        ]
        return " · ".join(part for part in parts if part) or "single runs"

    @property
    def anchor(self) -> str:
        """The section's address on the gallery."""
        if self.collection.is_sweep:
            return "sweeps"
        name = self.collection.name or "single-runs"
        return "collection-" + re.sub(r"[^\w.-]", "-", name)

    @property
    def pages(self) -> tuple[Article, ...]:
        """The articles that have a page."""
        return tuple(article for article in self.articles if article.has_page)

    @property
    def described(self) -> list:
        """What each article's page shows of the section, as JSON knows it."""
        names = ("dataset", "model", "image_size", "profile")
        facts = [self.collection.record.get(name) for name in names]
        pages = [[each.run.path, each.run.stem, each.title] for each in self.pages]
        return [self.title, self.anchor, facts, pages]

    @property
    def num_done(self) -> int:
        """How many runs succeeded."""
        return sum(article.status == "done" for article in self.articles)

    @property
    def seconds(self) -> float:
        """How long all runs took together."""
        spent = (article.run.record.get("seconds") for article in self.articles)
        return sum(each for each in spent if isinstance(each, int | float))

    @property
    def numbers(self) -> list[tuple[Metric, Article]]:
        """The strip of numbers: those that the notebooks put beside their headlines.

        Where none does, one number from each of the first articles that have any.
        Single runs have nothing to do with each other, so they have no strip.
        """
        if not self.collection.name:
            return []
        told = [(each.number, each) for each in self.pages if each.number]
        if told:
            return told[:_NUM_TOLD]
        pairs = [(_guess_number(article), article) for article in self.pages]
        return [(metric, each) for metric, each in pairs if metric][:_NUM_GUESSED]


def _guess_number(article: Article) -> Metric | None:
    """Return the accuracy of a run, else the first number it wrote down."""
    numbers = {each.name: each for each in article.metrics if each.is_number}
    named = (numbers[name] for name in _USUAL_NAMES if name in numbers)
    return next(named, next(iter(numbers.values()), None))
