"""One run as the report tells it, from its folder: `read_article(run, ...) -> Article`.

Whatever cannot be read becomes a sentence in `Article.problem`, never an exception.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import nbformat
from markupsafe import Markup
from nbformat import NotebookNode

from happymaps_pages.content.metrics import (
    Metric,
    Verdict,
    choose_tiles,
    read_metrics,
    read_number,
    read_verdicts,
)
from happymaps_pages.content.runs import Run, read_json
from happymaps_pages.html.anatomy import (
    Anatomy,
    Parameter,
    read_anatomy,
    read_parameters,
)
from happymaps_pages.html.body import COVER, Body
from happymaps_pages.html.text import inline_markdown, title_from_stem

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_EMPTY = Markup()


@dataclass(frozen=True)
class Failure:
    """What stopped a run: one line, where, and the traceback."""

    headline: str
    place: str = ""
    traceback: str = ""


@dataclass(frozen=True)
class Article:
    """A run with everything that its page and its card show."""

    run: Run
    title: Markup
    question: Markup = _EMPTY
    answer: Markup = _EMPTY
    details: Markup = _EMPTY
    answer_is_computed: bool = False
    prediction: Markup = _EMPTY
    parameters: tuple[Parameter, ...] = ()
    metrics: tuple[Metric, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    number: Metric | None = None
    failure: Failure | None = None
    problem: str = ""
    body: Body = field(default_factory=Body)

    @property
    def status(self) -> str:
        """`done`, `failed`, `missing` or `unreadable`."""
        return "unreadable" if self.problem and not self.failure else self.run.status

    @property
    def has_thumbnail(self) -> bool:
        """Whether there is a picture for the card."""
        return COVER in self.body.files

    @property
    def tiles(self) -> tuple[Metric, ...]:
        """The few metrics that stand in large type."""
        return choose_tiles(self.metrics)

    @property
    def has_page(self) -> bool:
        """Whether there is more to read than fits on the card."""
        return self.status in {"done", "failed"}


def read_article(run: Run, render: Callable[[Run, NotebookNode], Body]) -> Article:
    """Return the article of a run.

    Args:
        run: The run, of any status.
        render: Turns its notebook into a body; see `happymaps_pages.html.kept_bodies`.
    """
    article = _read_record(run)
    if run.status not in {"done", "failed"} or run.problem:
        return article
    try:
        notebook = nbformat.read(run.folder / "notebook.ipynb", as_version=4)
        return _add_notebook(article, notebook, render)
    # One notebook that cannot be read must not take the whole site down, and what
    # a malformed file raises depends on which library meets it first.
    except Exception as error:
        reason = f"notebook.ipynb cannot be rendered: {type(error).__name__}: {error}"
        return replace(article, problem=reason[:400])


def _read_record(run: Run) -> Article:
    record = run.record
    answer = read_json(run.folder / "answer.json")
    computed = str(answer.get("headline") or "")
    return Article(
        run=run,
        title=inline_markdown(record.get("title") or title_from_stem(run.stem)),
        answer=inline_markdown(computed),
        details=inline_markdown(str(answer.get("details") or "")),
        answer_is_computed=bool(computed),
        parameters=tuple(read_parameters(None, _dict(record.get("parameters")))),
        metrics=tuple(read_metrics(run.folder)),
        verdicts=tuple(read_verdicts(run.folder)),
        number=read_number(answer),
        failure=read_failure(record) if run.status == "failed" else None,
        problem=run.problem,
    )


def _add_notebook(
    article: Article,
    notebook: NotebookNode,
    render: Callable[[Run, NotebookNode], Body],
) -> Article:
    parts: Anatomy = read_anatomy(notebook)
    values = _dict(article.run.record.get("parameters"))
    return replace(
        article,
        title=inline_markdown(parts.title) or article.title,
        question=inline_markdown(parts.question),
        answer=article.answer or inline_markdown(parts.answer),
        prediction=inline_markdown(parts.prediction),
        parameters=tuple(read_parameters(notebook, values)),
        body=render(article.run, notebook),
    )


def read_failure(record: dict) -> Failure:
    """Return the error of a run, which is what the runner's `Outcome` holds."""
    error = record.get("error") or {}
    parts = [str(error.get(name) or "") for name in ("kind", "name", "message")]
    if parts[0] in {"cell error", "error"} and any(parts[1:]):
        parts[0] = ""  # the name of the exception says more
    headline = ": ".join(part for part in parts if part) or "The run left no error."
    trace = _ANSI.sub("", str(error.get("traceback") or ""))
    return Failure(_ANSI.sub("", headline), _failing_cell(error), trace)


def _failing_cell(error: dict) -> str:
    """Return the cell as Jupyter numbers it, else by its position."""
    if error.get("execution_count"):
        return f"cell [{error['execution_count']}]"
    return "" if error.get("cell") is None else f"cell {error['cell'] + 1}"


def _dict(value: object) -> dict:
    return value if isinstance(value, dict) else {}
